// Every access of a lane to a buffer: loads, stores, atomics, copies in flight. Nothing else in
// this room reads or writes a buffer while a program runs. Spec: docs/internals/vir0-semantics.md,
// "Semantics", memory.
#include <algorithm>

#include "machine.hpp"

namespace vyre::reference {

Maybe<std::uint32_t> Machine::buffer_index(vir::Symbol name) const {
  const std::uint32_t index = names_.buffer[name];
  if (index == vir::kNone) return stop(FaultCode::bad_operation, "no buffer has this name");
  return index;
}

void Machine::note(AccessKind kind, std::uint32_t lane, std::uint32_t buffer, Extent extent,
                   vir::ExprId expr) {
  if (detector_ == nullptr) return;
  detector_->touch(buffer, extent.offset, extent.bytes, Access{kind, 0, lane, node_, expr});
}

Maybe<Value> Machine::load(std::uint32_t lane, vir::ExprId id, std::uint32_t index) {
  const auto buffer = buffer_index(program_.exprs[id].name);
  if (!buffer) return tl::unexpected<Stop>(buffer.error());
  note(AccessKind::read, lane, *buffer, buffers_[*buffer].load_extent(index), id);
  return buffers_[*buffer].load(index);
}

Maybe<Unbound> Machine::store(std::uint32_t lane, vir::Symbol name, std::uint32_t index,
                              const Value& value) {
  const auto buffer = buffer_index(name);
  if (!buffer) return tl::unexpected<Stop>(buffer.error());
  note(AccessKind::write, lane, *buffer, buffers_[*buffer].store_extent(index, value), vir::kNone);
  buffers_[*buffer].store(index, value);
  return Unbound{};
}

Maybe<Value> Machine::atomic(std::uint32_t lane, vir::ExprId id, std::uint32_t index,
                             std::uint32_t expected, std::uint32_t value) {
  const vir::Expr& expr = program_.exprs[id];
  const auto buffer = buffer_index(expr.name);
  if (!buffer) return tl::unexpected<Stop>(buffer.error());
  note(AccessKind::atomic, lane, *buffer, buffers_[*buffer].atomic_extent(index), id);
  return buffers_[*buffer].atomic(static_cast<vir::AtomicOp>(expr.op), index, expected, value);
}

/// Reads the source now; finish_copy writes. A load reads from `offset` and writes at 0, a store
/// the other way round. Bytes beyond the source are 0; bytes that cannot reach the destination are
/// not kept.
Maybe<Unbound> Machine::start_copy(std::uint32_t lane, const vir::Node& node, std::uint32_t offset,
                                   std::uint32_t size) {
  const auto source = buffer_index(node.name);
  if (!source) return tl::unexpected<Stop>(source.error());
  const auto destination = buffer_index(node.name2);
  if (!destination) return tl::unexpected<Stop>(destination.error());
  const bool is_load = node.tag == vir::NodeTag::AsyncLoad;
  const std::uint64_t read_at = is_load ? offset : 0;
  const std::uint64_t write_at = is_load ? 0 : offset;
  const std::uint64_t room = buffers_[*destination].bytes.size();
  const std::uint64_t count = write_at < room ? std::min<std::uint64_t>(size, room - write_at) : 0;
  const std::uint64_t fuel = 1 + count / kCopyBytesPerFuel;
  if (fuel > fuel_) return stop(FaultCode::fuel_exhausted, "the workgroup has spent its fuel");
  fuel_ -= fuel;
  auto& copies = lanes_[lane].copies;
  if (copies.contains(node.name3)) return stop(FaultCode::async_misuse, "a copy's tag is in use");
  const std::uint64_t cost = count + kPendingCopyOverhead;
  if (cost > kMaxPendingCopyBytes - pending_copy_bytes_) {
    return stop(FaultCode::copy_limit, "the workgroup's started copies hold too many bytes");
  }
  pending_copy_bytes_ += cost;
  const Bytes& from = buffers_[*source].bytes;
  PendingCopy copy{copies_started_++, *destination, write_at, Bytes(count, 0), node_};
  if (read_at < from.size()) {
    const std::uint64_t there = std::min<std::uint64_t>(count, from.size() - read_at);
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(read_at), there, copy.bytes.begin());
    note(AccessKind::read, lane, *source, {read_at, there}, vir::kNone);
  }
  copies.emplace(node.name3, std::move(copy));
  return Unbound{};
}

Maybe<Unbound> Machine::finish_copy(std::uint32_t lane, vir::Symbol tag) {
  auto& copies = lanes_[lane].copies;
  const auto found = copies.find(tag);
  if (found == copies.end())
    return stop(FaultCode::async_misuse, "a wait names a copy that was not started");
  const PendingCopy& copy = found->second;
  note(AccessKind::write, lane, copy.destination, {copy.offset, copy.bytes.size()}, vir::kNone);
  buffers_[copy.destination].write_clipped(copy.offset, copy.bytes);
  pending_copy_bytes_ -= copy.bytes.size() + kPendingCopyOverhead;
  copies.erase(found);
  return Unbound{};
}

}  // namespace vyre::reference
