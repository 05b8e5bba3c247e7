// The upstream project's eight-word view of an I/O slot, as its logs have it: a codec, nothing that
// the runtime works with. Little-endian words. Spec: docs/internals/ingest-requests.md, "Upstream's
// slots".
#pragma once

#include <array>
#include <cstdint>

#include "vyre/base/error.hpp"

namespace vyre {

enum class IoSlotOp : std::uint32_t { read = 1, write = 2, fence = 3 };
/// 0 in a log: not done yet.
enum class IoSlotStatus : std::uint32_t { pending = 0, ok = 0x10, error = 0x11 };
inline constexpr std::uint32_t kIoSlots{64};  // of one upstream queue

struct IoSlot {
  IoSlotOp op{IoSlotOp::read};
  std::uint32_t source{0};
  std::uint32_t destination{0};
  std::uint64_t offset{0};
  std::uint32_t bytes{0};
  IoSlotStatus status{IoSlotStatus::pending};
  std::uint32_t tag{0};
  friend bool operator==(const IoSlot&, const IoSlot&) = default;
};

/// Words: op, source, destination, offset low, offset high, bytes, status, tag.
using IoSlotWords = std::array<std::uint32_t, 8>;
[[nodiscard]] IoSlotWords encode_io_slot(const IoSlot& slot) noexcept;
/// Errc::malformed names the word and its value.
[[nodiscard]] Result<IoSlot> decode_io_slot(const IoSlotWords& words);

}  // namespace vyre
