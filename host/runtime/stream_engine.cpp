// Reading ahead and handing out results. Nothing here allocates once as many chunks have been under
// way as ever will be. See stream_engine.hpp.
#include "stream_engine.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

namespace vyre::runtime {
namespace {

/// Chunks begun before ends and results are looked at again, and reads handed over at once.
constexpr std::uint32_t kStartBatch{64};
constexpr std::size_t kReadBatch{32};
/// Results handed out between two looks at everything else, while there are some.
constexpr std::uint32_t kResultBatch{8};
/// Between two looks of a waiting stream at what rings nobody: a lost backend, a closed session.
constexpr std::chrono::milliseconds kLookAgain{20};
/// The same where items wait for room or for other items to end.
constexpr std::chrono::milliseconds kSubmitAgain{1};
/// Pieces begin on cache lines, so that two small files never share one.
constexpr std::uint64_t kPieceAlign{64};

std::string text(std::uint64_t value) {
  return std::to_string(value);
}

bool no_descriptor(const Error& error) noexcept {
  return error.code == Errc::io && (error.detail == EMFILE || error.detail == ENFILE);
}

void add(std::atomic<std::uint64_t>& counter, std::uint64_t by) noexcept {
  counter.fetch_add(by, std::memory_order_relaxed);
}

}  // namespace

void ReadEnds::ended(const ingest::ReadResult& result) noexcept {
  queue::Waiter& waiter = waiter_;  // the engine may free us once it has the result
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = ended_.empty();
    ended_.push_back(result);  // has room: reads are counted
    any_.store(true, std::memory_order_relaxed);
  }
  if (first) waiter.notify();
}

void ReadEnds::take(std::vector<ingest::ReadResult>& out) {
  out.clear();
  out.reserve(kMaxStreamItems);  // it becomes ended_, which must not have to grow
  const std::lock_guard lock(mutex_);
  ended_.swap(out);
  any_.store(false, std::memory_order_relaxed);
}

bool Stream::State::stopped() const noexcept {
  return ended_by_.has_value() || cancelled_.load(std::memory_order_relaxed);
}

void Stream::State::end_with(Error error) {
  if (!ended_by_) ended_by_ = std::move(error);
}

void Stream::State::cancel() noexcept {
  cancelled_.store(true, std::memory_order_relaxed);  // says only that no more is begun
  session_.changed().notify();
}

StreamProgress Stream::State::progress() const noexcept {
  const auto get = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  return {get(counters_.files_opened), get(counters_.files_ended),  get(counters_.files_failed),
          get(counters_.chunks_read),  get(counters_.chunks_ended), get(counters_.bytes_opened),
          get(counters_.bytes_read)};
}

Result<const StreamResult*> Stream::State::next(Deadline deadline) {
  auto result = next_result(deadline);
  session_.leave_place(place_);
  return result;
}

Result<const StreamResult*> Stream::State::next_result(Deadline deadline) {
  try {
    if (delivered_ != kNone32) recycle(std::exchange(delivered_, kNone32));
    bool look = ++calls_ % kResultBatch == 0;
    for (;;) {
      // What had ended before the session was closed still comes out; other errors end all.
      if (ended_by_ && !ended_with_session()) return tl::unexpected<Error>(*ended_by_);
      if (!look || ended_by_) {
        if (const std::uint32_t lane = pop_result(); lane != kNone32) return deliver(lane);
      }
      look = false;
      if (ended_by_) return tl::unexpected<Error>(*ended_by_);
      drive();
      if (ended_by_) continue;
      if (const std::uint32_t lane = pop_result(); lane != kNone32) return deliver(lane);
      if (live_ == 0) {
        if (exhausted_ && current_ == kNone32) return nullptr;
        if (cancelled_.load(std::memory_order_relaxed))
          return fail(Errc::cancelled, "the stream was cancelled");
      }
      if (Clock::now() >= deadline) {
        return fail(Errc::deadline_exceeded,
                    "no result of the stream came before the deadline; ask again");
      }
      wait(deadline);
    }
  } catch (const std::bad_alloc&) {
    end_with({Errc::out_of_memory, "there was no host memory to go on with the stream"});
  } catch (const std::exception& thrown) {
    end_with({Errc::invalid_argument, std::string("the source of files threw: ") + thrown.what()});
  } catch (...) {
    end_with({Errc::invalid_argument, "the source of files threw something that is no exception"});
  }
  return tl::unexpected<Error>(*ended_by_);
}

void Stream::State::drive() {
  const bool closing = session_.closing();
  Collector& collector = session_.collector(options_.queue);
  (void)collector.collect();
  events_seen_ = collector.events();
  take_reads();
  look_at_items();
  if (closing) return end_with({Errc::closed, "the session is closed"});
  submit_items();
  start_chunks();
  submit_items();  // of empty files
}

void Stream::State::wait(Deadline deadline) {
  const auto again = items_.empty() ? kLookAgain : kSubmitAgain;
  const Deadline slice = std::min(deadline, after(again));
  Collector& collector = session_.collector(options_.queue);
  const bool cancelled = cancelled_.load(std::memory_order_relaxed);
  const bool woken = session_.wait_for(slice, [&] {
    return ends_->any() || collector.events() != events_seen_ || session_.closing() ||
           cancelled_.load(std::memory_order_relaxed) != cancelled;
  });
  if (!woken && session_.backend().lost()) end_with(session_.closed());
}

void Stream::State::take_reads() {
  if (!ends_->any()) return;
  ends_->take(results_);
  for (const ingest::ReadResult& result : results_) read_ended(result);
}

void Stream::State::read_ended(const ingest::ReadResult& result) {
  const auto index = static_cast<std::uint32_t>(result.tag);
  Lane& lane = lanes_[index];
  OpenFile& file = files_[lane.file];
  --reads_under_way_;
  --file.reading;
  if (result.status == ingest::ReadStatus::ok && result.bytes == lane.chunk.bytes) {
    if (file.next == file.chunks && file.reading == 0) file.file.reset();
    return landed(index, result.skip);
  }
  if (const auto broken = pump_->broken()) {
    end_with(*broken);
    return free_slot(lane);
  }
  if (result.status == ingest::ReadStatus::cancelled) {
    end_with(session_.closing() ? Error{Errc::closed, "the session is closed"}
                                : Error{Errc::cancelled, "the stream's reads were cancelled"});
    return free_slot(lane);
  }
  Error error{Errc::io,
              "cannot read '" + file.path + "' at offset " + text(lane.chunk.offset) + ": " +
                  std::strerror(result.error_number) + "; look at the storage it lies on",
              lane.chunk.offset};
  error.detail = result.error_number;
  if (result.status != ingest::ReadStatus::error) error = short_file(file, lane, result.bytes);
  if (file.reading == 0) file.file.reset();  // nothing more of it is begun
  fail_lane(index, std::move(error));
}

Error Stream::State::short_file(const OpenFile& file, const Lane& lane, std::uint64_t got) const {
  // Of this very read, should the file have grown back meanwhile.
  std::uint64_t now = lane.chunk.offset + got;
  if (file.file) {
    if (const auto size = file.file->bytes_now(); size && *size < file.bytes) now = *size;
  }
  return {Errc::io,
          "'" + file.path + "' had " + text(file.bytes) + " bytes when it was opened and ends at " +
              text(now) + " now; keep files as they are while they are read",
          lane.chunk.offset};
}

void Stream::State::start_chunks() {
  for (std::uint32_t begun = 0; begun < kStartBatch && !stopped(); ++begun) {
    if (far_ahead() || !lane_available()) break;
    if (current_ == kNone32) {
      if (exhausted_ || !open_next()) break;
      if (current_ == kNone32) continue;  // it could not be opened
    }
    if (!start_chunk()) break;
    if (requests_.size() >= kReadBatch) flush_reads();
  }
  flush_reads();
}

bool Stream::State::open_next() {
  if (reads() >= most_open_ || (held_path_ && reads() >= held_reads_)) return false;
  session_.leave_place(place_);  // the source may use the buffers that our next item waits for
  std::optional<std::string> path =
      held_path_ ? std::exchange(held_path_, std::nullopt) : source_();
  if (!path) {
    exhausted_ = true;
    return false;
  }
  auto opened = ingest::File::open(*path, session_.options().ingest_tier);
  if (!opened && no_descriptor(opened.error()) && reads() != 0) {
    // The end of a read of ours closes a file: not an error of this one.
    held_reads_ = reads();
    held_path_ = std::move(path);
    return false;
  }
  if (free_files_.empty()) {
    free_files_.push_back(static_cast<std::uint32_t>(files_.size()));
    files_.emplace_back();
  }
  const std::uint32_t index = free_files_.back();
  free_files_.pop_back();
  OpenFile& file = files_[index];
  file = OpenFile{};
  file.path = std::move(*path);
  file.index = next_file_++;
  if (!opened) {
    const std::uint32_t lane = take_lane(index);
    lanes_[lane].chunk = StreamChunk{};
    lanes_[lane].chunk.file = file.index;
    lanes_[lane].chunk.last = true;
    fail_lane(lane, std::move(opened).error());
    return true;
  }
  file.file = std::move(*opened);
  file.bytes = file.file->bytes();
  file.chunks = plan_.chunks(file.bytes);
  session_.count_file(*pump_, *file.file);
  add(counters_.files_opened, 1);
  add(counters_.bytes_opened, file.bytes);
  current_ = index;
  return true;
}

bool Stream::State::start_chunk() {
  OpenFile& file = files_[current_];
  StreamChunk chunk = plan_.chunk(file.bytes, file.next);
  chunk.file = file.index;
  const std::uint64_t room =
      chunk.bytes == 0 ? 0 : ingest::room_for(*file.file, chunk.offset, chunk.bytes);
  SlotPool::Piece piece;
  if (chunk.bytes != 0) {
    const auto taken = slots_->take(room, file.file->direct() ? kIoBlock : kPieceAlign);
    if (!taken) return false;
    piece = *taken;
  }
  const std::uint32_t index = take_lane(current_);
  Lane& lane = lanes_[index];
  lane.chunk = chunk;
  lane.offset = piece.offset;
  if (chunk.bytes != 0) {
    lane.slot = piece.slot;
    ++file.reading;
    requests_.push_back(
        {file.file, chunk.offset, chunk.bytes, memory_ + piece.offset, room, ends_.get(), index});
  } else {
    lane.offset = space_.offset;
  }
  if (++file.next == file.chunks) current_ = kNone32;
  if (chunk.bytes == 0) {
    file.file.reset();
    landed(index, 0);
  }
  return true;
}

bool Stream::State::holds_back(const Lane& lane) const noexcept {
  const bool live =
      lane.phase == Phase::reading || lane.phase == Phase::working || lane.phase == Phase::done;
  return live && std::pair(lane.chunk.file, lane.chunk.index) >= skipped_;
}

bool Stream::State::far_ahead() {
  const std::uint64_t most = options_.max_ahead;
  if (most == 0 || live_ == 0) return false;
  const auto far = [&] {
    return oldest_ != kNone32 && holds_back(lanes_[oldest_]) &&
           begun_ - lanes_[oldest_].number >= most;
  };
  if (begun_ < most) return false;
  if (far()) return true;
  oldest_ = kNone32;  // it is out: which is the oldest now
  for (std::uint32_t i = 0; i < lanes_.size(); ++i) {
    if (!holds_back(lanes_[i])) continue;
    if (oldest_ == kNone32 || lanes_[i].number < lanes_[oldest_].number) oldest_ = i;
  }
  return far();
}

void Stream::State::flush_reads() {
  if (requests_.empty()) return;
  if (auto taken = pump_->read(requests_); taken) {
    reads_under_way_ += static_cast<std::uint32_t>(requests_.size());
  } else {
    end_with(session_.closing() ? Error{Errc::closed, "the session is closed"}
                                : std::move(taken).error());
  }
  requests_.clear();
}

std::uint32_t Stream::State::take_lane(std::uint32_t file) {
  const std::uint32_t index = free_lanes_.back();  // lane_available() was true
  free_lanes_.pop_back();
  Lane& lane = lanes_[index];
  clear_outputs(lane);
  lane.phase = Phase::reading;
  lane.stage = Stage::none;
  lane.file = file;
  lane.slot = kNone32;
  lane.number = begun_++;
  lane.status = CompletionStatus::done;
  lane.fault = {};
  lane.error.reset();
  ++files_[file].live;
  ++live_;
  if (options_.in_order) order_[order_tail_++ % kMaxStreamItems] = index;
  return index;
}

void Stream::State::free_slot(Lane& lane) {
  if (lane.slot != kNone32) slots_->give_back(std::exchange(lane.slot, kNone32));
}

void Stream::State::fail_lane(std::uint32_t index, Error error) {
  Lane& lane = lanes_[index];
  OpenFile& file = files_[lane.file];
  free_slot(lane);
  lane.error = std::move(error);
  lane.chunk.last = true;
  lane.phase = Phase::done;
  if (current_ == lane.file) current_ = kNone32;
  if (options_.in_order) {
    file.failed = true;
    return;
  }
  if (std::exchange(file.failed, true)) return recycle(index);  // its error is told already
  file.held = index;
  if (file.live == 1) order_[order_tail_++ % kMaxStreamItems] = index;
}

void Stream::State::finished(std::uint32_t index) {
  Lane& lane = lanes_[index];
  lane.phase = Phase::done;
  add(counters_.chunks_ended, 1);
  if (!options_.in_order) order_[order_tail_++ % kMaxStreamItems] = index;
}

std::uint32_t Stream::State::pop_result() {
  while (order_head_ != order_tail_) {
    const std::uint32_t index = order_[order_head_ % kMaxStreamItems];
    const Lane& lane = lanes_[index];
    if (lane.phase != Phase::done) return kNone32;
    ++order_head_;
    if (!files_[lane.file].error_out) return index;
    recycle(index);  // behind the error of its file
  }
  return kNone32;
}

const StreamResult* Stream::State::deliver(std::uint32_t index) {
  Lane& lane = lanes_[index];
  OpenFile& file = files_[lane.file];
  result_.chunk = lane.chunk;
  result_.path = file.path;
  result_.error = std::move(lane.error);
  result_.status = lane.status;
  result_.fault = lane.fault;
  result_.outputs.clear();
  if (result_.error) {
    file.error_out = true;
    result_.status = CompletionStatus::cancelled;
  } else if (lane.status == CompletionStatus::done) {
    result_.outputs.assign(lane.results.begin(), lane.results.end());
  }
  result_.memory = self_.lock();
  delivered_ = index;
  return &result_;
}

void Stream::State::recycle(std::uint32_t index) {
  Lane& lane = lanes_[index];
  OpenFile& file = files_[lane.file];
  lane.phase = Phase::delivered;
  lane.error.reset();
  --live_;
  --file.live;
  if (file.live == 0 && (file.failed || file.next == file.chunks)) {
    add(counters_.files_ended, 1);
    if (file.failed) add(counters_.files_failed, 1);
    file.file.reset();
    free_files_.push_back(lane.file);
  } else if (file.held != kNone32 && file.live == 1) {
    order_[order_tail_++ % kMaxStreamItems] = std::exchange(file.held, kNone32);
  }
  if (lane.under_way == 0) {
    lane.phase = Phase::free;
    free_lanes_.push_back(index);
  }
}

void Stream::State::end() noexcept {
  has_ended_ = true;
  cancel();
  result_.memory.reset();  // ours alone: it would keep us for ever
  const Deadline deadline = after(session_.options().close_timeout);
  if (pump_ != nullptr && reads_under_way_ != 0) pump_->cancel(ends_.get());
  items_.clear();  // never submitted
  item_lanes_.clear();
  const auto ended = [this] {
    if (ends_->any()) {
      ends_->take(results_);
      reads_under_way_ -= static_cast<std::uint32_t>(results_.size());
    }
    Collector& collector = session_.collector(options_.queue);
    std::erase_if(running_, [&](const Running& running) {
      ItemResult result;
      return collector.look(running.position, result) != Collector::Found::pending;
    });
    return reads_under_way_ == 0 && running_.empty();
  };
  quiet_ = session_.wait_for(deadline, ended);
  if (reads_under_way_ != 0) (void)ends_.release();  // the pump may still tell it
}

Stream::State::~State() {
  if (!has_ended_) end();  // it never became a Stream
  if (quiet_) release_all(after(session_.options().close_timeout));
}

}  // namespace vyre::runtime
