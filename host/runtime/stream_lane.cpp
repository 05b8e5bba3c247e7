// Lanes of a stream: the handles that the items of one chunk name, and those items one after the
// other: on a device the chunk's copy (if it was asked for), the op, the copies of its results into
// memory that the host sees, and the clearing of its outputs; on the CPU the op alone. See
// stream_engine.hpp.
#include <algorithm>
#include <cstring>

#include "native/literals_layout.hpp"
#include "native/rules.hpp"
#include "protocol/fault_names.hpp"
#include "stream_engine.hpp"

namespace vyre::runtime {
namespace {

constexpr auto kFill = static_cast<std::uint32_t>(native::Op::mem_fill);
constexpr auto kCopy = static_cast<std::uint32_t>(native::Op::mem_copy);
constexpr auto kMatchLiterals = static_cast<std::uint32_t>(native::Op::match_literals);
/// Running items behind the oldest that are looked at before the others are left for later.
constexpr std::size_t kLookAhead{128};

}  // namespace

Result<Handle> Stream::State::bind_or_single(Lane& lane, const std::vector<Handle>& handles) {
  if (handles.empty()) return Handle{};
  if (handles.size() == 1) return handles[0];
  VYRE_ASSIGN(const Handle set, session_.bind_views(handles));
  lane.sets.push_back(set);
  return set;
}

Status Stream::State::add_outputs(Lane& lane) {
  lane.own.clear();
  lane.results.clear();
  for (const StreamOutput& output : outputs_) {
    if (output.shared.id != 0) continue;
    VYRE_ASSIGN(const Handle own, session_.allocate(output.bytes, nullptr, {}));
    lane.own.push_back(own);
    if (device_) continue;
    const auto there = session_.backend().view(own.id);
    if (!there) return fail(Errc::internal, "the backend shows no bytes of a stream's output");
    lane.results.push_back(*there);
  }
  return {};
}

Status Stream::State::bind_lane(Lane& lane, Handle chunk) {
  std::vector<Handle> inputs = options_.inputs;
  for (Handle& input : inputs) {
    if (input.id == 0) input = chunk;
  }
  VYRE_ASSIGN(lane.input, bind_or_single(lane, inputs));
  std::vector<Handle> outputs;
  auto own = lane.own.begin();
  for (const StreamOutput& output : outputs_)
    outputs.push_back(output.shared.id != 0 ? output.shared : *own++);
  VYRE_ASSIGN(lane.output, bind_or_single(lane, outputs));
  return {};
}

Status Stream::State::make_lane() {
  const auto index = static_cast<std::uint32_t>(lanes_.size());
  Lane& lane = lanes_.emplace_back();
  const auto made = [&]() -> Status {
    VYRE_ASSIGN(lane.view, session_.make_view());
    Handle chunk = lane.view;
    if (copy_chunks_) {
      VYRE_ASSIGN(lane.copied, session_.allocate(plan_.chunk_bytes(), nullptr, {}));
      VYRE_ASSIGN(lane.copied_view, session_.make_view());
      chunk = lane.copied_view;
    }
    VYRE_TRY(add_outputs(lane));
    if (device_) {
      std::uint64_t at = results_at_ + index * own_bytes_;
      for (const StreamOutput& output : outputs_) {
        if (output.shared.id != 0) continue;
        VYRE_ASSIGN(const Handle view, session_.make_view());
        lane.result_views.push_back(view);
        session_.backend().place_view(view.id, 0, at, output.bytes);
        lane.results.push_back({memory_ + at, output.bytes});
        at = up_to(at + output.bytes, kResultAlign);
      }
    }
    return bind_lane(lane, chunk);
  }();
  if (made) {
    free_lanes_.push_back(index);
    return made;
  }
  // What there is of it is released; the others go on.
  lane.phase = Phase::delivered;
  most_lanes_ = 0;
  return made;
}

bool Stream::State::lane_available() {
  if (!free_lanes_.empty()) return true;
  if (lanes_.size() >= most_lanes_) return false;
  if (recorded_) {
    free_lanes_.push_back(static_cast<std::uint32_t>(lanes_.size()));
    lanes_.emplace_back();
    return true;
  }
  return make_lane().has_value();  // else the lanes there are have to do
}

void Stream::State::clear_outputs(Lane& lane) {
  if (!lane.dirty || device_ || recorded_ || !builtin_) return;
  lane.dirty = false;
  for (const ByteSpan result : lane.results) {
    std::size_t bytes = result.size();
    if (op_.id == kMatchLiterals && lane.status == CompletionStatus::done &&
        bytes >= sizeof(native::LiteralHits)) {
      // Only records that it says are there were written.
      native::LiteralHits hits;
      std::memcpy(&hits, result.data(), sizeof hits);
      const std::uint64_t most = (bytes - sizeof hits) / sizeof(native::LiteralHit);
      bytes =
          sizeof hits + std::min<std::uint64_t>(hits.records, most) * sizeof(native::LiteralHit);
    }
    if (bytes != 0) std::memset(const_cast<std::uint8_t*>(result.data()), 0, bytes);
  }
}

void Stream::State::queue_item(std::uint32_t index, const MegakernelWorkItem& item) {
  items_.push_back(item);
  item_lanes_.push_back(index);
  ++lanes_[index].under_way;
}

void Stream::State::queue_op(std::uint32_t index) {
  Lane& lane = lanes_[index];
  lane.stage = Stage::op;
  lane.dirty = true;
  queue_item(index, {op_.id, lane.input.id, lane.output.id, options_.param});
}

void Stream::State::landed(std::uint32_t index, std::uint32_t skip) {
  Lane& lane = lanes_[index];
  lane.phase = Phase::working;
  const std::uint64_t bytes = lane.chunk.bytes;
  counters_.chunks_read.fetch_add(1, std::memory_order_relaxed);
  counters_.bytes_read.fetch_add(bytes - lane.chunk.seen_bytes, std::memory_order_relaxed);
  if (recorded_) {
    if (auto made = record_chunk(lane, {memory_ + lane.offset + skip, bytes}); !made)
      return end_with(std::move(made).error());
    free_slot(lane);
    return queue_op(index);
  }
  session_.count_streamed(bytes);
  session_.backend().place_view(lane.view.id, 0, lane.offset + skip, bytes);
  if (!copy_chunks_) return queue_op(index);
  if (bytes == 0) {
    session_.backend().place_view(lane.copied_view.id, lane.copied.id, 0, 0);
    return queue_op(index);
  }
  lane.stage = Stage::chunk_copy;
  queue_item(index, {kCopy, lane.view.id, lane.copied.id, 0});
}

Status Stream::State::record_chunk(Lane& lane, ByteSpan bytes) {
  // Every chunk and its results are buffers that stay, so that the recording has all of them.
  lane.sets.clear();
  VYRE_ASSIGN(const Handle chunk, session_.allocate(bytes.size(), &bytes, {}));
  VYRE_TRY(add_outputs(lane));
  return bind_lane(lane, chunk);
}

Status Stream::State::read_recorded(Lane& lane) {
  lane.downloaded.resize(own_bytes_);
  lane.results.clear();
  std::uint64_t at = 0;
  auto own = lane.own.begin();
  for (const StreamOutput& output : outputs_) {
    if (output.shared.id != 0) continue;
    const MutableByteSpan out{lane.downloaded.data() + at, output.bytes};
    VYRE_TRY(session_.download_into(*own++, 0, out, {after(session_.options().close_timeout)}));
    lane.results.push_back(out);
    at = up_to(at + output.bytes, kResultAlign);
  }
  return {};
}

void Stream::State::stage_ended(std::uint32_t index) {
  Lane& lane = lanes_[index];
  const bool done = lane.status == CompletionStatus::done;
  switch (lane.stage) {
    case Stage::chunk_copy:
      free_slot(lane);
      if (done) {
        session_.backend().place_view(lane.copied_view.id, lane.copied.id, 0, lane.chunk.bytes);
        return queue_op(index);
      }
      break;
    case Stage::op:
      free_slot(lane);
      if (done && device_ && recorded_) {
        if (auto read = read_recorded(lane); !read) return end_with(std::move(read).error());
        break;
      }
      if (done && device_) {
        lane.stage = Stage::result_copy;
        for (std::size_t i = 0; i < lane.own.size(); ++i) {
          if (lane.results[i].empty()) continue;
          queue_item(index, {kCopy, lane.own[i].id, lane.result_views[i].id, 0});
        }
        if (lane.under_way != 0) return;
      }
      break;
    case Stage::result_copy:
      break;
    case Stage::clear:
      if (lane.phase == Phase::delivered) {
        lane.phase = Phase::free;
        free_lanes_.push_back(index);
      }
      return;
    case Stage::none:
      return;
  }
  // Before the result is out: clearing does not touch it, and the lane is ready the sooner.
  if (device_ && !recorded_ && builtin_ && lane.dirty) {
    lane.dirty = false;
    lane.stage = Stage::clear;
    for (std::size_t i = 0; i < lane.own.size(); ++i) {
      if (!lane.results[i].empty()) queue_item(index, {kFill, 0, lane.own[i].id, 0});
    }
  }
  finished(index);
}

void Stream::State::submit_items() {
  if (items_.empty() || ended_by_) return;
  // The deadline is over: whatever does not fit now is tried again.
  const auto submitted =
      session_.submit_many(items_, Clock::now(), options_.queue, kQueueFlagNone, &place_);
  const auto accepted = static_cast<std::ptrdiff_t>(submitted.accepted);
  for (std::ptrdiff_t i = 0; i < accepted; ++i) {
    running_.push_back({submitted.first.position + static_cast<std::uint64_t>(i),
                        item_lanes_[static_cast<std::size_t>(i)]});
  }
  items_.erase(items_.begin(), items_.begin() + accepted);
  item_lanes_.erase(item_lanes_.begin(), item_lanes_.begin() + accepted);
  if (!submitted.stopped_by) return;
  if (session_.wall_time_is_over()) {
    end_with({Errc::cancelled, submitted.stopped_by->message});
  } else if (submitted.stopped_by->code != Errc::queue_full &&
             submitted.stopped_by->code != Errc::deadline_exceeded) {
    end_with(*submitted.stopped_by);
  }
}

void Stream::State::look_at_items() {
  Collector& collector = session_.collector(options_.queue);
  std::size_t kept = 0;
  std::size_t at = 0;
  for (; at < running_.size() && kept < kLookAhead; ++at) {
    const Running running = running_[at];
    Lane& lane = lanes_[running.lane];
    ItemResult result;
    switch (collector.look(running.position, result)) {
      case Collector::Found::pending:
      case Collector::Found::never_submitted:
        running_[kept++] = running;
        continue;
      case Collector::Found::forgotten:
        // This stream was not asked for so long that its results were overwritten.
        end_with({Errc::limit_exceeded,
                  "a result of the stream was dropped: its queue keeps " +
                      std::to_string(collector.history()) +
                      " results (kDefaultHistory); ask the stream more often, or give it a queue "
                      "of its own"});
        break;
      case Collector::Found::ended:
        collector.asked(result);
        if (result.status != CompletionStatus::done && lane.stage == Stage::clear) {
          // The next chunk would see what this one left.
          end_with(session_.closing()
                       ? Error{Errc::closed, "the session is closed"}
                       : Error{Errc::cancelled, "the outputs of a chunk could not be cleared (" +
                                                    std::string(fault_name(result.fault.code)) +
                                                    "), so no other can use them"});
        } else if (result.status != CompletionStatus::done &&
                   lane.status == CompletionStatus::done) {
          lane.status = result.status;
          lane.fault = result.fault;
        }
        break;
    }
    if (--lane.under_way == 0) stage_ended(running.lane);
  }
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(kept),
                 running_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Stream::State::release_all(Deadline deadline) {
  bool all = true;
  const auto release = [&](Handle handle) {
    if (handle.id != 0) all = session_.release(handle, deadline).has_value() && all;
  };
  if (!recorded_) {
    for (Lane& lane : lanes_) {
      for (const Handle set : lane.sets) release(set);
      release(lane.view);
      release(lane.copied_view);
      release(lane.copied);
      for (const Handle view : lane.result_views) release(view);
      for (const Handle own : lane.own) release(own);
    }
  }
  if (all) session_.stream_space().give(space_);
}

}  // namespace vyre::runtime
