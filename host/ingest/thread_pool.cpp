// Threads that call pread. See thread_pool.hpp.
#include "thread_pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::ingest {
namespace {

std::int32_t read_once(const IoOperation& operation) {
  const ssize_t result = ::pread(operation.descriptor, operation.to, operation.bytes,
                                 static_cast<off_t>(operation.offset));
  return result < 0 ? -errno : static_cast<std::int32_t>(result);
}

/// Drops what was taken from the front once that is all, or most of much.
template <class T>
void shed(std::vector<T>& queue, std::size_t& head) {
  if (head == queue.size()) {
    queue.clear();
    head = 0;
  } else if (head >= 2 * kMaxIoDepth && head >= queue.size() / 2) {
    queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(head));
    head = 0;
  }
}

}  // namespace

ThreadPool::ThreadPool() {
  pushed_.reserve(kMaxIoDepth);
  queued_.reserve(4 * kMaxIoDepth);
  done_.reserve(4 * kMaxIoDepth);
  begun_.reserve(kPoolThreads);
}

Result<std::unique_ptr<ThreadPool>> ThreadPool::create() {
  std::unique_ptr<ThreadPool> pool(new ThreadPool);
  try {
    for (std::uint32_t i = 0; i < kPoolThreads; ++i)
      pool->threads_.emplace_back([p = pool.get()] { p->work(); });
  } catch (const std::system_error& refused) {
    if (pool->threads_.empty()) {
      return tl::unexpected<Error>(
          Error{Errc::io, message("cannot start a thread that reads: {}", refused.what()),
                kNoOffset, 0, 0, refused.code().value()});
    }
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    // Unbounded: a thread without work has nothing to look for, and the destructor rings.
    work_.wait(lock, [this] { return stopping_ || queued_head_ != queued_.size(); });
    if (stopping_) return;
    const IoOperation operation = queued_[queued_head_++];
    shed(queued_, queued_head_);
    begun_.push_back(operation.user_data);
    lock.unlock();
    const std::int32_t result = read_once(operation);
    lock.lock();
    *std::find(begun_.begin(), begun_.end(), operation.user_data) = begun_.back();
    begun_.pop_back();
    done_.push_back({operation.user_data, result});
    if (done_.size() - done_head_ >= wanted_) answer_.notify_one();
  }
}

bool ThreadPool::push(const IoOperation& operation) {
  if (pushed_.size() == kMaxIoDepth) return false;
  pushed_.push_back(operation);
  return true;
}

void ThreadPool::cancel(const IoOperation& operation) {
  const auto first = queued_.begin() + static_cast<std::ptrdiff_t>(queued_head_);
  const auto found = std::find_if(first, queued_.end(), [&](const IoOperation& queued) {
    return queued.user_data == operation.target;
  });
  std::int32_t result = 0;
  if (found != queued_.end()) {
    done_.push_back({operation.target, -ECANCELED});
    queued_.erase(found);
  } else {
    const bool begun = std::find(begun_.begin(), begun_.end(), operation.target) != begun_.end();
    result = begun ? -EALREADY : -ENOENT;
  }
  done_.push_back({operation.user_data, result});
}

Status ThreadPool::enter(std::uint32_t least, std::chrono::nanoseconds patience) {
  std::unique_lock lock(mutex_);
  std::size_t reads = 0;
  for (const IoOperation& operation : pushed_) {
    switch (operation.code) {
      case IoCode::nop:
        done_.push_back({operation.user_data, static_cast<std::int32_t>(operation.bytes)});
        break;
      case IoCode::read:
      case IoCode::read_fixed:
        queued_.push_back(operation);
        ++reads;
        break;
      case IoCode::cancel:
        cancel(operation);
        break;
    }
  }
  pushed_.clear();
  ++counters_.enters;
  if (reads == 1) {
    work_.notify_one();
  } else if (reads > 1) {
    work_.notify_all();
  }
  const auto enough = [&] { return woken_ || done_.size() - done_head_ >= least; };
  if (patience.count() > 0 && !enough()) {
    wanted_ = least;
    (void)answer_.wait_for(lock, patience, enough);
  }
  woken_ = false;
  return {};
}

std::uint32_t ThreadPool::reap(std::span<IoCompletion> out) {
  const std::lock_guard lock(mutex_);
  std::uint32_t taken = 0;
  while (taken < out.size() && done_head_ != done_.size()) out[taken++] = done_[done_head_++];
  shed(done_, done_head_);
  return taken;
}

void ThreadPool::wake() noexcept {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  answer_.notify_one();
}

}  // namespace vyre::ingest
