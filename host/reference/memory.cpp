// Loads, stores and atomics of the reference executor. Spec: docs/internals/vir0-semantics.md,
// "Semantics", memory.
#include "memory.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/f32.hpp"

namespace vyre::reference {
namespace {

using vir::TypeTag;

bool is_four_bit(TypeTag tag) {
  return tag == TypeTag::I4 || tag == TypeTag::FP4 || tag == TypeTag::NF4;
}

Value from_memory(TypeTag element, ByteSpan bytes) {
  switch (element) {
    case TypeTag::U32:
    case TypeTag::Bool:  // the raw word, not normalised
      return load_le<std::uint32_t>(bytes, 0);
    case TypeTag::I32:
      return load_le<std::int32_t>(bytes, 0);
    case TypeTag::U64:
      return load_le<std::uint64_t>(bytes, 0);
    case TypeTag::F32:
      return static_cast<double>(core::f32::canonical(load_le<float>(bytes, 0)));
    case TypeTag::F64:
      return load_le<double>(bytes, 0);
    default:
      return Bytes(bytes.begin(), bytes.end());
  }
}

/// What a store of `value` into an F32 element writes.
std::uint32_t f32_word(const Value& value) {
  const auto f = as_f32(value);  // Float, or the bits of a U32; anything else is +0
  return f ? core::f32::to_bits(*f) : 0u;
}

}  // namespace

std::uint64_t index_stride(const vir::Program& program, vir::TypeId type) {
  switch (program.types[type].tag) {
    case TypeTag::Bytes:
    case TypeTag::Array:
    case TypeTag::Tensor:
    case TypeTag::TensorShaped:
    case TypeTag::SparseCsr:
    case TypeTag::SparseCoo:
    case TypeTag::SparseBsr:
    case TypeTag::DeviceMesh:
    case TypeTag::Opaque:
      return 0;
    default:
      return vir::size_bytes(program, type);
  }
}

std::uint32_t Buffer::length() const {
  std::uint64_t elements = bytes.size();
  if (is_four_bit(element)) {
    elements *= 2;
  } else if (stride != 0) {
    elements /= stride;
  }
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(elements, std::numeric_limits<std::uint32_t>::max()));
}

bool Buffer::in_bounds(std::uint32_t index) const {
  const std::uint64_t offset = std::uint64_t{index} * stride;  // stride <= kMaxElementBytes (V142)
  return offset + stride <= bytes.size();
}

Value Buffer::load(std::uint32_t index) const {
  if (element == TypeTag::Bytes) {
    const std::size_t from = std::min<std::size_t>(index, bytes.size());
    return Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end());
  }
  if (!in_bounds(index)) {
    const Bytes zeros(stride, 0);
    return from_memory(element, zeros);
  }
  return from_memory(element, ByteSpan(bytes).subspan(std::size_t{index} * stride, stride));
}

void Buffer::store(std::uint32_t index, const Value& value) {
  if (element == TypeTag::Bytes) {
    write_clipped(index, to_bytes(value));
    return;
  }
  if (!in_bounds(index)) return;
  std::uint8_t* target = bytes.data() + std::size_t{index} * stride;
  if (element == TypeTag::F32) {
    const std::uint32_t word = f32_word(value);
    std::memcpy(target, &word, sizeof word);
    return;
  }
  const Bytes source = to_bytes(value);
  for (std::size_t i = 0; i < stride; ++i) target[i] = i < source.size() ? source[i] : 0;
}

Maybe<Value> Buffer::atomic(vir::AtomicOp op, std::uint32_t index, std::uint32_t expected,
                            std::uint32_t value) {
  using vir::AtomicOp;
  if (in_workgroup) {
    return stop(FaultCode::bad_operation, "atomics on workgroup memory are defined to fail");
  }
  if (op == AtomicOp::CompareExchangeWeak || op == AtomicOp::FetchNand ||
      op == AtomicOp::Extension) {
    return stop(FaultCode::bad_operation, "the atomic operator is defined to fail");
  }
  const std::uint64_t step = std::max<std::uint64_t>(4, stride);
  const std::uint64_t offset = std::uint64_t{index} * step;
  if (offset + step > bytes.size()) return std::uint32_t{0};
  const auto old = load_le<std::uint32_t>(bytes, offset);
  std::uint32_t word = old;
  switch (op) {
    case AtomicOp::Add:
      word = old + value;
      break;
    case AtomicOp::Or:
      word = old | value;
      break;
    case AtomicOp::And:
      word = old & value;
      break;
    case AtomicOp::Xor:
      word = old ^ value;
      break;
    case AtomicOp::Min:
      word = std::min(old, value);
      break;
    case AtomicOp::Max:
    case AtomicOp::LruUpdate:
      word = std::max(old, value);
      break;
    case AtomicOp::Exchange:
      word = value;
      break;
    case AtomicOp::CompareExchange:
      word = old == expected ? value : old;
      break;
    default:
      break;
  }
  std::memcpy(bytes.data() + offset, &word, sizeof word);
  return old;
}

Extent Buffer::load_extent(std::uint32_t index) const {
  if (element == TypeTag::Bytes)
    return {index, bytes.size() - std::min<std::size_t>(index, bytes.size())};
  return in_bounds(index) ? Extent{std::uint64_t{index} * stride, stride} : Extent{};
}

Extent Buffer::store_extent(std::uint32_t index, const Value& value) const {
  const Extent there = load_extent(index);
  if (element != TypeTag::Bytes) return there;
  return {there.offset, std::min<std::uint64_t>(there.bytes, to_bytes(value).size())};
}

Extent Buffer::atomic_extent(std::uint32_t index) const {
  const std::uint64_t step = std::max<std::uint64_t>(sizeof(std::uint32_t), stride);
  const std::uint64_t offset = std::uint64_t{index} * step;
  if (in_workgroup || offset + step > bytes.size()) return {};
  return {offset, sizeof(std::uint32_t)};
}

void Buffer::write_clipped(std::uint64_t offset, ByteSpan source) {
  if (offset >= bytes.size()) return;
  const std::size_t count = std::min<std::size_t>(source.size(), bytes.size() - offset);
  std::copy_n(source.begin(), count, bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

std::vector<Buffer> make_buffers(const vir::Program& program, const vir::BufferPlan& plan,
                                 std::span<const Bytes> inputs) {
  std::vector<Buffer> buffers(program.buffers.size());
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    Buffer& buffer = buffers[i];
    buffer.element = program.types[program.buffers[i].element].tag;
    buffer.stride = index_stride(program, program.buffers[i].element);
    buffer.in_workgroup = plan.roles[i] == vir::BufferRole::workgroup;
    if (vir::takes_input(plan.roles[i])) {
      buffer.bytes = inputs[plan.input_index[i]];
    } else {
      buffer.bytes.assign(plan.byte_lengths[i], 0);
    }
  }
  return buffers;
}

}  // namespace vyre::reference
