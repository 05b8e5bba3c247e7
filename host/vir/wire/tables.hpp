// Which byte values each closed vocabulary of the wire knows, and the op id of a node record.
// Host only, private to this room; every list is vocabulary.def's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vir/program/program.hpp"

namespace vyre::vir::tables {

[[nodiscard]] bool is_bin_op(std::uint8_t tag) noexcept;
[[nodiscard]] bool is_un_op(std::uint8_t tag) noexcept;
[[nodiscard]] bool is_atomic_op(std::uint8_t tag) noexcept;
[[nodiscard]] bool is_ordering(std::uint8_t tag) noexcept;
[[nodiscard]] bool is_collective_op(std::uint8_t tag) noexcept;
[[nodiscard]] bool is_access(std::uint8_t tag) noexcept;
[[nodiscard]] bool is_memory_kind(std::uint8_t tag) noexcept;
[[nodiscard]] bool is_locality(std::uint8_t tag) noexcept;
[[nodiscard]] bool is_reduce_op(std::uint8_t tag) noexcept;
[[nodiscard]] bool is_type(std::uint8_t tag) noexcept;
/// Types that a Quantized type may store.
[[nodiscard]] bool is_quantized_storage(TypeTag tag) noexcept;
/// "vyre.node.let" ...; empty for a tag that is no node (Opaque has its kind instead).
[[nodiscard]] std::string_view node_op_id(NodeTag tag) noexcept;

/// Of a blob; the digest in its header is of what follows the header.
inline constexpr std::size_t kHeaderBytes{40};
inline constexpr std::size_t kDigestOffset{8};

inline constexpr std::uint32_t kExtensionBit{0x8000'0000u};
inline constexpr std::uint8_t kExtensionTag{0x80};

inline constexpr std::string_view kMetadataOpId{"vyre.program.metadata"};
inline constexpr std::string_view kMetadataMagic{"VYRE-META"};

/// Opaque expressions that are built in, each with exactly eight payload bytes.
[[nodiscard]] constexpr bool is_wide_literal(std::string_view kind) noexcept {
  return kind == "vyre.literal.i64" || kind == "vyre.literal.u64" || kind == "vyre.literal.f64";
}

}  // namespace vyre::vir::tables
