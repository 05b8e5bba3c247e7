// The buffers of one dispatch: bounds rules, element kinds, atomics.
// Private to the room; host only. Spec: docs/internals/vir0-semantics.md, "Semantics", memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "value.hpp"
#include "vir/program/dispatch.hpp"

namespace vyre::reference {

/// Bytes that an index steps over: 0 for the types that are only ever addressed as a whole. Written
/// apart from vir::element_stride on purpose, as all of this executor's meaning is.
[[nodiscard]] std::uint64_t index_stride(const vir::Program& program, vir::TypeId type);

/// The bytes that an access touches; none if it is out of bounds.
struct Extent {
  std::uint64_t offset{0};
  std::uint64_t bytes{0};
};

struct Buffer {
  vir::TypeTag element{vir::TypeTag::U32};
  std::uint64_t stride{0};
  bool in_workgroup{false};
  Bytes bytes;

  /// Elements as the program sees them; 4-bit types count two a byte, stride 0 counts bytes.
  [[nodiscard]] std::uint32_t length() const;
  /// Out of bounds, partial elements included: the zero of the element's kind.
  [[nodiscard]] Value load(std::uint32_t index) const;
  /// Out of bounds: nothing.
  void store(std::uint32_t index, const Value& value);
  /// Returns the old word; out of bounds 0, and nothing is written. `expected` only for
  /// CompareExchange.
  [[nodiscard]] Maybe<Value> atomic(vir::AtomicOp op, std::uint32_t index, std::uint32_t expected,
                                    std::uint32_t value);
  // What load, store and atomic with the same arguments touch.
  [[nodiscard]] Extent load_extent(std::uint32_t index) const;
  [[nodiscard]] Extent store_extent(std::uint32_t index, const Value& value) const;
  [[nodiscard]] Extent atomic_extent(std::uint32_t index) const;
  /// Byte-wise copy at `offset`, clipped to the buffer.
  void write_clipped(std::uint64_t offset, ByteSpan source);

 private:
  [[nodiscard]] bool in_bounds(std::uint32_t index) const;
};

[[nodiscard]] std::vector<Buffer> make_buffers(const vir::Program& program,
                                               const vir::BufferPlan& plan,
                                               std::span<const Bytes> inputs);

}  // namespace vyre::reference
