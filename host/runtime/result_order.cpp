// See result_order.hpp.
#include "result_order.hpp"

#include <utility>

namespace vyre::runtime {

void ResultOrder::begin(ChunkId chunk, FileId file, ChunkAt at, bool last) {
  if (chunk >= chunks_.size()) chunks_.resize(chunk + 1);
  if (file >= files_.size()) files_.resize(file + 1);
  chunks_[chunk] = {State::begun, false, false, file, at, begun_++};
  File& of = files_[file];
  ++of.in_flight;
  of.all_begun = last;
  ++to_come_;
  if (mode_ == Mode::as_they_come) return;
  ++of.queued;
  queue_.push_back(chunk);
}

void ResultOrder::end(ChunkId chunk) {
  Chunk& ended = chunks_[chunk];
  ended.state = State::ended;
  if (ended.passed_over) return drop(chunk);
  if (mode_ == Mode::as_they_come) queue_.push_back(chunk);
}

void ResultOrder::fail(ChunkId chunk) {
  chunks_[chunk].failed = true;
  chunks_[chunk].state = State::ended;
  mode_ == Mode::in_order ? fail_in_order(chunk) : fail_as_they_come(chunk);
}

void ResultOrder::fail_in_order(ChunkId chunk) {
  Chunk& failed = chunks_[chunk];
  File& file = files_[failed.file];
  const bool more_expected = file.queued != 0 || !file.all_begun;
  file.failed = true;
  file.all_begun = true;
  if (!failed.passed_over) return;
  if (passed(failed) || !more_expected) return drop(chunk);
  // Its place is behind us, but the caller wants later chunks of this file. All before the front of
  // the queue has been passed over or is out, so the error comes next.
  failed.passed_over = false;
  ++to_come_;
  ++file.queued;
  queue_.push_front(chunk);
}

void ResultOrder::fail_as_they_come(ChunkId chunk) {
  File& file = files_[chunks_[chunk].file];
  file.all_begun = true;
  if (std::exchange(file.failed, true)) {  // its error is known already
    --to_come_;
    return drop(chunk);
  }
  if (file.in_flight == 1) {
    queue_.push_back(chunk);
  } else {
    file.held = chunk;
  }
}

void ResultOrder::drop(ChunkId chunk) {
  dropped_.push_back(chunk);
}

bool ResultOrder::passed(const Chunk& chunk) const noexcept {
  if (mode_ == Mode::as_they_come || chunk.at >= passed_before_) return false;
  return !chunk.failed || chunk.at.file < passed_before_.file;
}

std::optional<ResultOrder::Next> ResultOrder::take() {
  if (!dropped_.empty()) {
    const ChunkId chunk = dropped_.pop();
    chunks_[chunk].state = State::out;
    return Next{chunk, true};
  }
  while (!queue_.empty()) {
    const ChunkId first = queue_.front();
    Chunk& chunk = chunks_[first];
    File& file = files_[chunk.file];
    const bool passes = passed(chunk);
    if (chunk.state != State::ended && !passes) return std::nullopt;
    (void)queue_.pop();
    if (mode_ == Mode::in_order) --file.queued;
    --to_come_;
    if (chunk.state != State::ended) {
      chunk.passed_over = true;  // end() or fail() drops it
      continue;
    }
    chunk.state = State::out;
    if (passes || file.error_out) return Next{first, true};
    file.error_out = chunk.failed;
    return Next{first, false};
  }
  return std::nullopt;
}

ResultOrder::FileEnd ResultOrder::release(ChunkId chunk) {
  chunks_[chunk].state = State::free;
  File& file = files_[chunks_[chunk].file];
  --file.in_flight;
  if (file.in_flight == 0 && file.all_begun) {
    return std::exchange(file, File{}).failed ? FileEnd::failed : FileEnd::ended;
  }
  if (file.in_flight == 1 && file.held != kNone) queue_.push_back(std::exchange(file.held, kNone));
  return FileEnd::not_yet;
}

bool ResultOrder::holds_back(const Chunk& chunk) const noexcept {
  const bool in_flight = chunk.state == State::begun || chunk.state == State::ended;
  return in_flight && chunk.at >= passed_before_;
}

bool ResultOrder::far_ahead() {
  if (max_ahead_ == 0 || begun_ < max_ahead_) return false;
  const auto far = [&] {
    return oldest_ != kNone && holds_back(chunks_[oldest_]) &&
           begun_ - chunks_[oldest_].number >= max_ahead_;
  };
  if (far()) return true;
  oldest_ = kNone;  // that one is out: find the oldest now
  for (ChunkId i = 0; i < chunks_.size(); ++i) {
    if (!holds_back(chunks_[i])) continue;
    if (oldest_ == kNone || chunks_[i].number < chunks_[oldest_].number) oldest_ = i;
  }
  return far();
}

}  // namespace vyre::runtime
