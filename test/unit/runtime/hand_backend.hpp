// A backend that runs nothing by itself: the test takes items and ends them, in whatever order and
// with whatever outcome it wants, and holds calls that make or release memory as a busy device
// would. So orders that real workers show once in a thousand runs are shown in every run.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "backend/backend.hpp"
#include "fixtures.hpp"
#include "protocol/io_request.hpp"
#include "queue/queue.hpp"

namespace vyre::runtime::test {

class HandBackend : public backend::Backend {
 public:
  /// A door that calls stop at while it is shut.
  class Gate {
   public:
    void shut() {
      const std::lock_guard lock(mutex_);
      shut_ = true;
    }
    void open() {
      const std::lock_guard lock(mutex_);
      shut_ = false;
      changed_.notify_all();
    }
    void pass() {
      std::unique_lock lock(mutex_);
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !shut_; });
      --waiting_;
    }
    /// Until a call stands before the shut door.
    void await_caller() {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return waiting_ != 0; });
    }

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool shut_{false};
    int waiting_{0};
  };

  explicit HandBackend(const backend::Options& options) {
    ingest_room_.resize(options.ingest_bytes + kIoBlock);
    void* begin = ingest_room_.data();
    std::size_t room = ingest_room_.size();
    if (std::align(kIoBlock, options.ingest_bytes, begin, room) != nullptr)
      ingest_ = {static_cast<std::uint8_t*>(begin), options.ingest_bytes};
    for (std::uint32_t q = 0; q < options.queues; ++q) {
      queues_.push_back(
          std::move(*queue::Queue::create({options.ring_slots, options.completion_slots})));
      consumers_.push_back(queues_.back().consumer());
    }
  }

  // ---- what a test does ----

  /// Takes what was published; the items stay unfinished until end().
  void take(std::uint32_t queue) {
    queue::TakenItem item{};
    const std::lock_guard lock(taking_);
    while (consumers_[queue].take(&item, 1) == 1) {
      const std::uint64_t position = consumers_[queue].position - 1;
      flags_[{queue, position}] = item.flags;
      unfinished_.insert({queue, position});
      consumers_[queue].release();
    }
  }
  void end(std::uint32_t queue, std::uint64_t position,
           CompletionStatus status = CompletionStatus::done, FaultCode code = FaultCode::none) {
    take(queue);
    post(queue, position, status, code);
    if (ring) listener_->posted();
  }
  /// Ends everything that was published and has not ended, the youngest first.
  void end_all(std::uint32_t queue) {
    take(queue);
    for (const std::uint64_t position : unfinished(queue)) end(queue, position);
  }
  /// Queue flags that the item was published with.
  [[nodiscard]] std::uint32_t flags(std::uint32_t queue, std::uint64_t position) {
    take(queue);
    const std::lock_guard lock(taking_);
    return flags_.at({queue, position});
  }
  [[nodiscard]] const queue::Queue& rings(std::uint32_t queue) const { return queues_[queue]; }

  Gate memory;              // allocate, map_file, make_alias, bind, add_program, release
  Gate stopping;            // stop
  bool ring{true};          // end() tells the session
  bool fail_writes{false};  // Errc::device_lost
  bool fail_reads{false};
  bool fail_makes{false};  // make_alias, bind, add_program: Errc::out_of_memory
  bool fail_programs{false};
  bool hide_bytes{false};         // host_bytes() gives nothing, as on a device
  std::atomic<bool> busy{false};  // release() takes nothing, as a device whose workers are busy
  std::atomic<int> allocated{0};
  // Calls so far, and the bytes that went with them.
  std::atomic<std::uint32_t> allocations{0};
  std::atomic<std::uint32_t> bound{0};
  std::atomic<std::uint32_t> programs{0};
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> bytes_read{0};
  /// What cancel() was asked for; it says that all will end so, and the test ends them.
  std::vector<std::pair<std::uint32_t, std::vector<std::uint64_t>>> cancels;

  // ---- backend::Backend ----

  std::string_view name() const noexcept override { return "by hand"; }
  Status start(backend::Listener& listener) override {
    listener_ = &listener;
    return {};
  }
  void cancel_queued(FaultCode why) noexcept override {
    // Everything that has not ended ends here, so that close() has nothing to wait for.
    for (std::uint32_t q = 0; q < queues_.size(); ++q) {
      take(q);
      for (const std::uint64_t position : unfinished(q))
        post(q, position, CompletionStatus::cancelled, why);
    }
  }
  std::uint64_t cancel(std::uint32_t queue, std::span<const std::uint64_t> positions) override {
    cancels.emplace_back(queue, std::vector<std::uint64_t>(positions.begin(), positions.end()));
    return positions.size();
  }
  void stop_running() noexcept override {}
  bool stop(Deadline) noexcept override {
    stopping.pass();
    return true;
  }
  backend::QueuePort port(std::uint32_t queue) noexcept override {
    return {queues_[queue].producer(), queues_[queue].reader()};
  }
  void doorbell() noexcept override {}
  void tend() noexcept override {}
  std::uint64_t heartbeat() const noexcept override { return 0; }
  std::optional<Error> lost() const override { return std::nullopt; }

  Status allocate(std::uint32_t handle, std::uint64_t bytes, Deadline) override {
    memory.pass();
    const std::lock_guard lock(bytes_mutex_);
    bytes_[handle].assign(bytes, 0);
    ++allocated;
    ++allocations;
    return {};
  }
  Status make_read_only(std::uint32_t, Deadline) override { return {}; }
  Status import_memory(std::uint32_t, MutableByteSpan, bool, Deadline) override {
    return fail(Errc::unsupported, "this backend locks no memory of a caller; upload a copy of it");
  }
  Status map_file(std::uint32_t handle, const backend::MappableFile& file,
                  Deadline deadline) override {
    return allocate(handle, file.bytes, deadline);
  }
  bool must_bring(std::uint32_t) const noexcept override { return false; }
  Status bring_file(std::uint32_t, const ReadPiece&) override { return {}; }
  MutableByteSpan ingest_memory() noexcept override { return ingest_; }
  void leak_ingest_memory() noexcept override {}
  Status make_alias(std::uint32_t) override { return make(); }
  void place_alias(std::uint32_t, std::uint32_t, std::uint64_t, std::uint64_t) noexcept override {}
  Status bind(std::uint32_t, std::span<const std::uint32_t>, Deadline) override {
    ++bound;
    return make();
  }
  bool release(std::uint32_t handle, Deadline) noexcept override {
    memory.pass();
    if (busy) return false;
    const std::lock_guard lock(bytes_mutex_);
    if (bytes_.erase(handle) != 0) --allocated;
    return true;
  }
  Status write(std::uint32_t handle, std::uint64_t offset, ByteSpan bytes) override {
    if (fail_writes) return fail(Errc::device_lost, "the link went down half-way");
    const std::lock_guard lock(bytes_mutex_);
    bytes_written += bytes.size();
    std::copy(bytes.begin(), bytes.end(),
              bytes_[handle].begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Status read(std::uint32_t handle, std::uint64_t offset, MutableByteSpan out) override {
    if (fail_reads) return fail(Errc::device_lost, "the link went down half-way");
    const std::lock_guard lock(bytes_mutex_);
    bytes_read += out.size();
    const auto begin = bytes_[handle].begin() + static_cast<std::ptrdiff_t>(offset);
    std::copy(begin, begin + static_cast<std::ptrdiff_t>(out.size()), out.begin());
    return {};
  }
  std::optional<ByteSpan> host_bytes(std::uint32_t handle) const noexcept override {
    const std::lock_guard lock(bytes_mutex_);
    const auto found = bytes_.find(handle);
    if (hide_bytes || found == bytes_.end()) return std::nullopt;
    return ByteSpan{found->second};
  }
  Status add_program(std::uint32_t, backend::ProgramOp, Deadline) override {
    if (fail_programs) return fail(Errc::device_lost, "the link went down half-way");
    ++programs;
    return make();
  }
  std::uint64_t steps(std::uint32_t) const noexcept override { return 0; }

 private:
  Status make() {
    memory.pass();
    if (fail_makes) return fail(Errc::out_of_memory, "there is no room for it");
    return {};
  }
  std::vector<std::uint64_t> unfinished(std::uint32_t queue) {
    const std::lock_guard lock(taking_);
    std::vector<std::uint64_t> found;
    for (const auto& item : unfinished_)
      if (item.first == queue) found.insert(found.begin(), item.second);
    return found;
  }
  void post(std::uint32_t queue, std::uint64_t position, CompletionStatus status, FaultCode code) {
    {
      const std::lock_guard lock(taking_);
      if (unfinished_.erase({queue, position}) == 0) return;
    }
    queues_[queue].writer().post(
        position, Completion::make(status, code, static_cast<std::uint32_t>(position), 0, 0, 0));
  }

  backend::Listener* listener_{nullptr};
  std::vector<queue::Queue> queues_;
  std::mutex taking_;
  std::vector<queue::Consumer> consumers_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint32_t> flags_;
  std::set<std::pair<std::uint32_t, std::uint64_t>> unfinished_;
  mutable std::mutex bytes_mutex_;
  std::map<std::uint32_t, Bytes> bytes_;
  Bytes ingest_room_;
  MutableByteSpan ingest_;  // aligned, in ingest_room_
};

/// A session over a HandBackend.
struct ByHand {
  HandBackend* backend{nullptr};
  std::optional<Session> session;

  explicit ByHand(std::uint32_t queues = 2, SessionOptions options = test_options(1),
                  TestHooks hooks = {}) {
    options.queues = queues;
    options.backend = BackendKind::cpu;
    options.ingest_bytes = std::uint64_t{6} << 20;
    hooks.make_backend =
        [this](const backend::Options& wanted) -> Result<std::unique_ptr<backend::Backend>> {
      auto made = std::make_unique<HandBackend>(wanted);
      backend = made.get();
      return std::unique_ptr<backend::Backend>(std::move(made));
    };
    auto opened = open_for_tests(options, std::move(hooks));
    if (opened) session.emplace(std::move(*opened));
  }
  Session* operator->() { return &*session; }
};

/// A deadline for calls that must be refused for what is unfinished: nothing is waited for.
inline Deadline now() {
  return Clock::now();
}

}  // namespace vyre::runtime::test
