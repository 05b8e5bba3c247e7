// The first pass over a trace, and inspect(), which also reads every blob. See scan.hpp.
#include "scan.hpp"

#include <algorithm>

#include "base/message.hpp"
#include "platform/host_info.hpp"
#include "trace/trace.hpp"

namespace vyre::trace {
namespace {

/// Where a system does not say how much memory it has.
constexpr std::uint64_t kFallbackBudgetBytes{std::uint64_t{1} << 30};

/// What a run of positions and an item that did not end done cost in their maps.
constexpr std::uint64_t kRunBytes{64};
constexpr std::uint64_t kNotDoneBytes{64 + sizeof(runtime::ItemResult)};

Status note_run(Scan::Queue& queue, const EventReader& reader, TraceState& state,
                std::uint64_t first, std::uint64_t count, const std::string& twice) {
  const std::size_t before = queue.ended.runs();
  if (!queue.ended.add(first, count))
    return reader.wrong(Errc::malformed, message("{} ends twice", twice));
  const std::size_t after = queue.ended.runs();
  if (after < before) state.give_back(kRunBytes * (before - after));
  return after > before ? state.hold(reader, kRunBytes, "a run of ended items") : Status{};
}

Status note_ended(Scan& scan, const EventReader& reader, TraceState& state) {
  const Record& r = reader.record();
  if (r.kind() != Kind::completion && r.kind() != Kind::done_run) return {};
  Scan::Queue& queue = scan.queues[r.a()];
  if (r.kind() == Kind::done_run) {
    return note_run(queue, reader, state, r.wide(0), r.wide(1),
                    message("an item of queue {}", r.a()));
  }
  runtime::ItemResult result;
  result.ticket = {r.a(), full_position(r.half(0), state.queues()[r.a()].submitted)};
  result.status = static_cast<CompletionStatus>(r.b());
  result.fault = {static_cast<FaultCode>(r.c()), r.half(1), r.half(2), r.half(3)};
  VYRE_TRY(note_run(queue, reader, state, result.ticket.position, 1,
                    message("the item at position {} of queue {}", result.ticket.position, r.a())));
  if (result.status == CompletionStatus::done) return {};
  VYRE_TRY(state.hold(reader, kNotDoneBytes, "the ending of an item that is not done"));
  queue.not_done[result.ticket.position] = result;
  ++scan.not_done;
  return {};
}

/// One pass; `visit` sees every record after it was checked.
template <class Visit>
Result<Scan> pass(Source& source, std::uint64_t budget, TraceState::Counts counts,
                  const Visit& visit) {
  const bool sealed = source.manifest.complete;
  VYRE_ASSIGN(auto reader, EventReader::open(source, sealed));
  TraceState state(budget, counts);
  Scan scan;
  while (true) {
    VYRE_ASSIGN(const bool more, reader.next());
    if (!more) break;
    VYRE_TRY(state.take(reader, source));
    if (state.queues().size() > scan.queues.size()) scan.queues.resize(state.queues().size());
    VYRE_TRY(note_ended(scan, reader, state));
    VYRE_TRY(visit(reader));
    ++scan.records;
  }
  scan.print = reader.print();
  for (std::size_t i = 0; i < scan.queues.size(); ++i)
    scan.queues[i].submitted = state.queues()[i].submitted;
  scan.items = state.submits();
  scan.programs = state.programs();
  scan.buffers = state.buffers_seen();
  scan.complete = sealed && !reader.cut();
  if (sealed && (source.manifest.items != scan.items)) {
    return fail(Errc::malformed,
                message("'{}' has {} items; the manifest says {}", source.events_name(), scan.items,
                        source.manifest.items.value_or(0)));
  }
  if (sealed && state.completions() != state.submits()) {
    return fail(Errc::malformed,
                message("'{}' is sealed, but {} items never end", source.events_name(),
                        state.submits() - state.completions()));
  }
  return scan;
}

}  // namespace

bool PositionRuns::add(std::uint64_t first, std::uint64_t count) {
  const std::uint64_t end = first + count;
  auto next = runs_.upper_bound(first);
  if (next != runs_.begin()) {
    const auto before = std::prev(next);
    if (before->second > first) return false;
    if (next != runs_.end() && next->first < end) return false;
    if (before->second == first) {
      before->second = end;
      if (next != runs_.end() && next->first == end) {
        before->second = next->second;
        runs_.erase(next);
      }
      return true;
    }
  }
  if (next != runs_.end()) {
    if (next->first < end) return false;
    if (next->first == end) {
      const std::uint64_t last = next->second;
      runs_.erase(next);
      runs_.emplace(first, last);
      return true;
    }
  }
  runs_.emplace(first, end);
  return true;
}

bool PositionRuns::contains(std::uint64_t position) const {
  const auto next = runs_.upper_bound(position);
  return next != runs_.begin() && std::prev(next)->second > position;
}

const runtime::ItemResult* Scan::ended(std::uint32_t queue, std::uint64_t position) const {
  static const runtime::ItemResult kDone{};
  const Queue& q = queues[queue];
  if (const auto found = q.not_done.find(position); found != q.not_done.end())
    return &found->second;
  return complete || q.ended.contains(position) ? &kDone : nullptr;
}

Result<Scan> scan(Source& source, std::uint64_t memory_budget_bytes) {
  return pass(source, memory_budget_bytes, TraceState::Counts::everything,
              [](const EventReader&) -> Status { return {}; });
}

std::uint64_t memory_budget(std::uint64_t asked) {
  if (asked != 0) return asked;
  const std::uint64_t physical = platform::physical_memory_bytes();
  return physical == 0 ? kFallbackBudgetBytes : physical / 2;
}

Result<TraceInfo> inspect(const std::string& directory, bool (*stopped)()) {
  VYRE_ASSIGN(auto source, open_directory(directory));
  source->stopped = stopped;
  std::unordered_map<std::string, std::uint64_t> seen;  // length of each blob
  std::uint64_t blob_bytes = 0;
  const auto check_blob = [&](const EventReader& reader, const Digest& digest,
                              std::uint64_t bytes) -> Status {
    const auto known = seen.find(digest.hex());
    if (known != seen.end() && known->second == bytes) return {};
    if (auto checked = source->verify(digest, bytes); !checked)
      return reader.wrong(checked.error().code, checked.error().message);
    seen.emplace(digest.hex(), bytes);
    blob_bytes += bytes;
    return {};
  };
  std::uint64_t events_bytes = kCellBytes;
  // Buffers do not count: none is made here.
  VYRE_ASSIGN(const Scan found, pass(*source, memory_budget(0), TraceState::Counts::all_but_buffers,
                                     [&](const EventReader& reader) -> Status {
                                       const Record& r = reader.record();
                                       events_bytes += r.size();
                                       switch (r.kind()) {
                                         case Kind::program:
                                           VYRE_TRY(check_blob(reader, r.digest(1), r.word()));
                                           return check_blob(reader, r.digest(2), r.half(1));
                                         case Kind::buffer:
                                         case Kind::final:
                                           return (r.a() & kBufferZeros) != 0
                                                      ? Status{}
                                                      : check_blob(reader, r.digest(), r.word());
                                         case Kind::write:
                                           return check_blob(reader, r.digest(), r.wide(0));
                                         case Kind::bind:
                                           return check_blob(reader, r.digest(), r.word() * 4);
                                         default:
                                           return {};
                                       }
                                     }));
  if (source->manifest.events_digest) {
    VYRE_ASSIGN(auto bytes, source->events());
    Blake3 hash;
    Bytes block(std::size_t{1} << 18);
    while (true) {
      VYRE_TRY(source->go_on(source->events_name()));
      VYRE_ASSIGN(const std::size_t n, bytes->read(block));
      if (n == 0) break;
      hash.update(ByteSpan(block).first(n));
    }
    if (const Digest digest = hash.finish(); digest != *source->manifest.events_digest) {
      return fail(Errc::mismatch,
                  message("'{}' has the digest {}; the manifest says {}", source->events_name(),
                          digest.hex(), source->manifest.events_digest->hex()));
    }
  }
  return TraceInfo{found.items,    found.programs,
                   found.buffers,  events_bytes + blob_bytes,
                   found.complete, source->manifest.recorded_at};
}

}  // namespace vyre::trace
