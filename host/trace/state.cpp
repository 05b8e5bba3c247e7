// What a trace's records may mean: each refers only to what exists. See TraceState in events.hpp.
#include <algorithm>

#include "base/message.hpp"
#include "events.hpp"
#include "protocol/fault_names.hpp"
#include "protocol/limits.hpp"
#include "runtime/budget.hpp"

namespace vyre::trace {
namespace {

constexpr bool builtin_op(std::uint32_t id) noexcept {
  switch (id) {
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) case id:
#include "protocol/op_table.def"
    return true;
    default:
      return false;
  }
}

constexpr std::uint8_t kKnownFlags{kQueueFlagAfterPrevious | kQueueFlagAfterAll};

bool known_fault(std::uint8_t code) noexcept {
  return fault_name(static_cast<FaultCode>(code)) != "unknown";
}

/// What a record makes readers and executors hold beside the bytes that it names. Many records may
/// name one blob, so these are no small change: a set's members lie in two states, in the session
/// and in its backend; a program lies decoded in two executors, and lowered.
constexpr std::uint64_t kSetBytes{256};
constexpr std::uint64_t kMemberBytes{4 * sizeof(std::uint32_t)};
constexpr std::uint64_t kProgramBytes{4'096};
constexpr std::uint64_t kBytesAProgramByte{32};
/// A queue of a session beside its ring, whose slots are fewer than twice its items: mostly the
/// results that it keeps.
constexpr std::uint64_t kQueueBytes{std::uint64_t{kDefaultHistory} * 24};

constexpr std::uint64_t set_cost(std::uint64_t members) noexcept {
  return kSetBytes + kMemberBytes * members;
}

}  // namespace

const TraceState::Buffer* TraceState::buffer(std::uint32_t handle) const {
  const auto found = buffers_.find(handle);
  return found == buffers_.end() ? nullptr : &found->second;
}

const std::vector<std::uint32_t>* TraceState::set(std::uint32_t handle) const {
  const auto found = sets_.find(handle);
  return found == sets_.end() ? nullptr : &found->second;
}

Status TraceState::hold(const EventReader& reader, std::uint64_t bytes, const std::string& what) {
  if (bytes > budget_ - held_bytes_) {
    return reader.wrong(Errc::limit_exceeded,
                        message("{} of {} bytes, with {} in use, exceeds the memory budget of {} "
                                "bytes; replay with a larger one",
                                what, bytes, held_bytes_, budget_));
  }
  held_bytes_ += bytes;
  return {};
}

Status TraceState::take(const EventReader& reader, Source& source) {
  const Record& r = reader.record();
  const Kind kind = r.kind();
  if (finals_ && kind != Kind::final && kind != Kind::end) {
    return reader.wrong(Errc::malformed,
                        "comes behind the final contents; only final and end records may");
  }
  switch (kind) {
    case Kind::program: {
      const std::uint32_t op = r.half(0);
      if (op < kFirstUserOp || op >= kMaxOps) {
        return reader.wrong(Errc::malformed,
                            message("op {} is outside {}..{}", op, kFirstUserOp, kMaxOps - 1));
      }
      if (r.half(1) > kMaxStringBytes || r.word() > kMaxProgramBytes) {
        return reader.wrong(
            Errc::limit_exceeded,
            message("name of {} or program of {} bytes is above the limit", r.half(1), r.word()));
      }
      if (r.a() > static_cast<std::uint8_t>(vir::Profile::v6)) {
        return reader.wrong(Errc::malformed, message("wire profile {} is unknown", r.a()));
      }
      if (!programs_.insert(op).second)
        return reader.wrong(Errc::malformed, message("op {} exists already", op));
      return hold(reader, kProgramBytes + kBytesAProgramByte * r.word(),
                  "what becomes of a program");
    }
    case Kind::buffer:
      return take_buffer(reader);
    case Kind::write: {
      const Buffer* b = buffer(r.half(2));
      if (b == nullptr)
        return reader.wrong(Errc::malformed, message("buffer {} does not exist", r.half(2)));
      if (b->file_backed)
        return reader.wrong(Errc::malformed, message("buffer {} is read-only", r.half(2)));
      if (r.wide(0) > b->bytes || r.word() > b->bytes - r.wide(0)) {
        return reader.wrong(Errc::malformed,
                            message("{} bytes at {} lie outside buffer {} of {} bytes", r.wide(0),
                                    r.word(), r.half(2), b->bytes));
      }
      return {};
    }
    case Kind::bind:
      return take_bind(reader, source);
    case Kind::release:
      return take_release(reader);
    case Kind::submit:
      return take_submit(reader);
    case Kind::completion: {
      if (r.b() > static_cast<std::uint8_t>(CompletionStatus::cancelled) || !known_fault(r.c())) {
        return reader.wrong(Errc::malformed,
                            message("status {} or fault code {} is unknown", r.b(), r.c()));
      }
      const std::uint64_t submitted = r.a() < queues_.size() ? queues_[r.a()].submitted : 0;
      return take_completions(reader, r.a(), full_position(r.half(0), submitted), 1);
    }
    case Kind::done_run:
      return take_completions(reader, r.a(), r.wide(0), r.wide(1));
    case Kind::final: {
      finals_ = true;
      const Buffer* b = buffer(r.half(2));
      if (b == nullptr)
        return reader.wrong(Errc::malformed, message("buffer {} does not exist", r.half(2)));
      if (b->bytes != r.word()) {
        return reader.wrong(Errc::malformed, message("buffer {} has {} bytes, not {}", r.half(2),
                                                     b->bytes, r.word()));
      }
      return {};
    }
    case Kind::end:
      if (r.word() != submits_ || r.wide(0) != completions_) {
        return reader.wrong(
            Errc::malformed,
            message("counts {} items and {} completions where the records have {} and {}", r.word(),
                    r.wide(0), submits_, completions_));
      }
      return {};
  }
  return reader.wrong(Errc::malformed, "unknown kind");
}

Status TraceState::take_buffer(const EventReader& reader) {
  const Record& r = reader.record();
  const std::uint32_t handle = r.half(2);
  if (handle == 0) return reader.wrong(Errc::malformed, "handle 0 means none");
  if (r.a() > kBufferZeros) {  // a file always has a blob, so the two flags exclude each other
    return reader.wrong(Errc::malformed, message("buffer flags {} are unknown", r.a()));
  }
  if (sets_.contains(handle))
    return reader.wrong(Errc::malformed, message("handle {} is a binding set", handle));
  const bool file_backed = (r.a() & kBufferFileBacked) != 0;
  if (const Buffer* old = buffer(handle); old != nullptr) {
    if (old->bytes == r.word() && !old->file_backed && !file_backed)
      return {};  // new contents, same buffer
    return reader.wrong(Errc::malformed, message("handle {} is in use", handle));
  }
  // A record of 64 bytes may ask for any number of zeros, so the sum is bounded before anything is
  // made.
  if (!file_backed && counts_ == Counts::everything)
    VYRE_TRY(hold(reader, runtime::counted_bytes(r.word()), message("buffer {}", handle)));
  buffers_[handle] = Buffer{r.word(), file_backed, 0};
  ++buffers_seen_;
  return {};
}

Status TraceState::take_bind(const EventReader& reader, Source& source) {
  const Record& r = reader.record();
  const std::uint32_t handle = r.half(2);
  const std::uint64_t count = r.word();
  if (handle == 0 || sets_.contains(handle) || buffers_.contains(handle)) {
    return reader.wrong(Errc::malformed, message("handle {} is in use or means none", handle));
  }
  if (count > kMaxBindingBuffers) {
    return reader.wrong(Errc::limit_exceeded, message("{} buffers in one set; the limit is {}",
                                                      count, kMaxBindingBuffers));
  }
  VYRE_TRY(hold(reader, set_cost(count), message("a set of {} buffers", count)));
  auto blob = source.blob(r.digest(), count * 4);
  if (!blob) return reader.wrong(blob.error().code, blob.error().message);
  std::vector<std::uint32_t> members(count);
  if (count != 0) std::memcpy(members.data(), blob->bytes().data(), count * 4);
  for (const std::uint32_t member : members) {
    const auto found = buffers_.find(member);
    if (found == buffers_.end())
      return reader.wrong(Errc::malformed, message("buffer {} does not exist", member));
  }
  for (const std::uint32_t member : members) ++buffers_[member].sets;
  sets_.emplace(handle, std::move(members));
  return {};
}

Status TraceState::take_release(const EventReader& reader) {
  const std::uint32_t handle = reader.record().half(2);
  if (const auto set = sets_.find(handle); set != sets_.end()) {
    for (const std::uint32_t member : set->second) --buffers_[member].sets;
    give_back(set_cost(set->second.size()));
    sets_.erase(set);
    return {};
  }
  const auto found = buffers_.find(handle);
  if (found == buffers_.end())
    return reader.wrong(Errc::malformed, message("handle {} does not exist", handle));
  if (found->second.sets != 0) {
    return reader.wrong(Errc::malformed, message("buffer {} is still in a binding set", handle));
  }
  if (!found->second.file_backed && counts_ == Counts::everything)
    give_back(runtime::counted_bytes(found->second.bytes));
  buffers_.erase(found);
  return {};
}

Status TraceState::take_submit(const EventReader& reader) {
  const Record& r = reader.record();
  if (r.a() >= kMaxQueues) {
    return reader.wrong(Errc::malformed,
                        message("queue {} is above the limit of {}", r.a(), kMaxQueues - 1));
  }
  if ((r.b() & ~kKnownFlags) != 0)
    return reader.wrong(Errc::malformed, message("queue flags {} are unknown", r.b()));
  const MegakernelWorkItem item = r.item();
  if (item.op_handle != last_op_) {
    if (!builtin_op(item.op_handle) && !programs_.contains(item.op_handle)) {
      return reader.wrong(Errc::malformed, message("op {} does not exist", item.op_handle));
    }
    last_op_ = item.op_handle;
  }
  for (const std::uint32_t handle : {item.input_handle, item.output_handle}) {
    if (handle != 0 && !buffers_.contains(handle) && !sets_.contains(handle)) {
      return reader.wrong(Errc::malformed, message("handle {} does not exist", handle));
    }
  }
  if (r.a() >= queues_.size()) {
    // The first queue is there in any case.
    const std::size_t more = r.a() + std::size_t{1} - std::max<std::size_t>(queues_.size(), 1);
    if (more != 0) VYRE_TRY(hold(reader, kQueueBytes * more, "what queues take"));
    queues_.resize(r.a() + std::size_t{1});
  }
  ++queues_[r.a()].submitted;
  ++submits_;
  return {};
}

Status TraceState::take_completions(const EventReader& reader, std::uint32_t queue,
                                    std::uint64_t first, std::uint64_t count) {
  const std::uint64_t submitted = queue < queues_.size() ? queues_[queue].submitted : 0;
  if (count == 0 || first >= submitted || count > submitted - first) {
    return reader.wrong(
        Errc::malformed,
        message("{} completions from position {} of queue {}, which has {} items so far", count,
                first, queue, submitted));
  }
  Queue& q = queues_[queue];
  if (count > q.submitted - q.completed) {
    return reader.wrong(Errc::malformed,
                        message("queue {} has more completions than items", queue));
  }
  q.completed += count;
  completions_ += count;
  return {};
}

}  // namespace vyre::trace
