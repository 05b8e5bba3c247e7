// Nothing that a line holds is believed: handle, queue and range are checked here, before an
// operation exists. A request whose operation may still write the line data is never answered.
#include "requests.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace vyre::ingest {

void FileTable::publish(std::uint32_t handle, Source source, std::uint32_t queue) {
  const std::lock_guard lock(mutex_);
  files_.insert_or_assign(handle, Published{std::move(source), queue});
  count_.store(files_.size(), std::memory_order_relaxed);
}

void FileTable::withdraw(std::uint32_t handle) {
  const std::lock_guard lock(mutex_);
  files_.erase(handle);
  count_.store(files_.size(), std::memory_order_relaxed);
}

std::optional<Source> FileTable::find(std::uint32_t handle, std::uint32_t queue) const {
  const std::lock_guard lock(mutex_);
  const auto at = files_.find(handle);
  if (at == files_.end()) return std::nullopt;
  if (at->second.queue != kAnyQueue && at->second.queue != queue) return std::nullopt;
  return at->second.source;
}

Requests::Requests(queue::IoQueueView view, Io& io, Reads& reads, const FileTable& files,
                   Counters& counters, std::chrono::nanoseconds timeout)
    : view_(view),
      server_(view),
      io_(io),
      reads_(reads),
      files_(files),
      counters_(counters),
      timeout_(timeout) {}

std::uint64_t Requests::now_ns() const {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(io_.now().time_since_epoch()).count());
}

std::uint32_t Requests::take(Time now) {
  std::uint32_t taken = 0;
  // Bounded: answers given on the way free lines, which may be used again at once.
  while (taken < kIoLines) {
    const auto request = server_.poll();
    if (!request) break;
    ++taken;
    counters_.item_requests.add(1);
    judge(*request, now);
  }
  return taken;
}

/// False: a number that no honest worker can have drawn.
bool Requests::note_order(std::uint64_t order) {
  if (order >= horizon_) {
    if (order - horizon_ >= kIoLines - open_count_) return false;
    for (; horizon_ <= order; ++horizon_) open_orders_[open_count_++] = horizon_;
    return true;
  }
  const auto end = open_orders_.begin() + open_count_;
  if (std::find(open_orders_.begin(), end, order) == end) return false;
  // Drawn twice?
  return std::none_of(lines_.begin(), lines_.end(), [&](const Line& line) {
    return line.waiting && line.request.order == order;
  });
}

void Requests::judge(const IoRequestLine& request, Time now) {
  IoCompletionLine rejected{};
  rejected.status = IoStatus::rejected;
  rejected.offset = request.offset;
  if (!note_order(request.order)) return answer(request, rejected, now);

  Line& line = lines_[request.destination];
  if (request.op == IoRequestOp::fence) {
    line = {request, now, true, true, false};
    ++waiting_;
    ++fences_;
    next_expiry_ = std::min(next_expiry_, now + timeout_);
    return answer_fences();
  }
  const bool readable = request.op == IoRequestOp::read && request.length <= kIoRequestBytes;
  auto source = readable ? files_.find(request.source, request.queue) : std::nullopt;
  if (!source || request.offset > source->bytes ||
      request.length > source->bytes - request.offset) {
    answer(request, rejected, now);
    return settle(request.order);
  }
  line = {request, now, true, false, false};
  ++waiting_;
  next_expiry_ = std::min(next_expiry_, now + timeout_);
  Read read;
  read.source = *std::move(source);
  read.offset = request.offset;
  read.bytes = request.length;
  read.to = view_.line_data + std::uint64_t{request.destination} * kIoLineDataBytes;
  read.sink = this;
  read.tag = request.destination;
  reads_.add(std::move(read), true);
}

void Requests::ended(const ReadResult& result) noexcept {
  if (reads_.abandoning())
    return;  // the line data may still be written: the head says that it is over
  Line& line = lines_[result.tag];
  if (result.status == ReadStatus::ok || result.status == ReadStatus::end_of_file) {
    counters_.copied(result.tier, result.bytes);  // out of the line data, by the worker
  }
  IoCompletionLine out{};
  out.offset = line.request.offset;
  out.bytes_done = result.bytes;
  out.skip = result.skip;
  switch (result.status) {
    case ReadStatus::ok:
      out.status = IoStatus::ok;
      break;
    case ReadStatus::end_of_file:
      out.status = IoStatus::end_of_file;
      break;
    case ReadStatus::error:
      out.status = IoStatus::error;
      out.error_number = result.error_number;
      break;
    case ReadStatus::cancelled:
      out.status = line.timed_out ? IoStatus::timeout : IoStatus::cancelled;
      break;
  }
  line.waiting = false;
  --waiting_;
  answer(line.request, out, line.seen);
  settle(line.request.order);
}

void Requests::answer(const IoRequestLine& request, IoCompletionLine answer, Time seen) {
  answer.lap = request.lap;
  answer.data_line = request.destination;
  answer.tag = request.tag;
  answer.submitted_ns =
      static_cast<std::uint64_t>(std::chrono::nanoseconds(seen.time_since_epoch()).count());
  answer.done_ns = now_ns();
  switch (answer.status) {
    case IoStatus::ok:
      break;
    case IoStatus::end_of_file:
      counters_.item_requests_end_of_file.add(1);
      break;
    case IoStatus::rejected:
      counters_.item_requests_rejected.add(1);
      break;
    default:
      counters_.item_requests_failed.add(1);
      break;
  }
  server_.answer(request, answer);
}

/// This number is answered.
void Requests::settle(std::uint64_t order) {
  const auto end = open_orders_.begin() + open_count_;
  const auto at = std::find(open_orders_.begin(), end, order);
  if (at != end) *at = open_orders_[--open_count_];
  if (fences_ != 0) answer_fences();
}

void Requests::answer_fences() {
  for (bool again = true; again && fences_ != 0;) {
    again = false;  // a fence may be what the next one waits for
    std::uint64_t first = ~std::uint64_t{0};
    for (std::uint32_t i = 0; i < open_count_; ++i) first = std::min(first, open_orders_[i]);
    for (Line& line : lines_) {
      if (!line.waiting || !line.fence || line.request.order != first) continue;
      line.waiting = false;
      --waiting_;
      --fences_;
      IoCompletionLine done{};
      done.status = IoStatus::ok;
      answer(line.request, done, line.seen);
      const auto end = open_orders_.begin() + open_count_;
      *std::find(open_orders_.begin(), end, first) = open_orders_[open_count_ - 1];
      --open_count_;
      again = true;
      break;
    }
  }
}

void Requests::expire(Time now) {
  if (now < next_expiry_) return;
  next_expiry_ = Time::max();
  for (std::uint32_t i = 0; i < kIoLines && waiting_ != 0; ++i) {
    Line& line = lines_[i];
    if (!line.waiting || line.timed_out) continue;
    if (now - line.seen < timeout_) {
      next_expiry_ = std::min(next_expiry_, line.seen + timeout_);
      continue;
    }
    line.timed_out = true;
    if (!line.fence) {
      reads_.cancel(this, i);
      continue;
    }
    line.waiting = false;
    --waiting_;
    --fences_;
    IoCompletionLine late{};
    late.status = IoStatus::timeout;
    answer(line.request, late, line.seen);
    settle(line.request.order);
  }
}

void Requests::answer_rest(Time now) {
  IoCompletionLine cancelled{};
  cancelled.status = IoStatus::cancelled;
  for (Line& line : lines_) {
    if (!line.waiting || !line.fence) continue;
    line.waiting = false;
    --waiting_;
    --fences_;
    answer(line.request, cancelled, line.seen);
  }
  for (std::uint32_t n = 0; n < kIoLines; ++n) {
    const auto request = server_.poll();
    if (!request) break;
    counters_.item_requests.add(1);
    answer(*request, cancelled, now);
  }
}

}  // namespace vyre::ingest
