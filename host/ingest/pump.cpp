// The Pump that callers get: checks what they say and hands it to the thread.
#include "ingest/pump.hpp"

#include <system_error>
#include <utility>

#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "pump_now.hpp"
#include "pump_thread.hpp"

namespace vyre::ingest {
namespace {

/// Positions in a file are signed in the system; the rest is for rounding.
constexpr std::uint64_t kMaxPosition{(std::uint64_t{1} << 63) - 1 - kIoBlock};

Status check(const ReadRequest& request) {
  if (!request.file || request.sink == nullptr) {
    return fail(Errc::invalid_argument, "a read needs a file and a sink");
  }
  const File& file = *request.file;
  const auto what = [&] {
    return message("{}: a read of {} bytes at {}", file.path(), request.bytes, request.offset);
  };
  if (request.bytes > kMaxPosition || request.offset > kMaxPosition - request.bytes) {
    return fail(Errc::invalid_argument,
                message("{} ends beyond the largest position of a file", what()));
  }
  if (request.bytes == 0) return {};
  if (request.to == nullptr)
    return fail(Errc::invalid_argument, message("{} has no memory", what()));
  const std::uint64_t needed = room_for(file, request.offset, request.bytes);
  if (request.room < needed) {
    return fail(Errc::invalid_argument,
                message("{} needs room for {} bytes, got {}", what(), needed, request.room));
  }
  if (reinterpret_cast<std::uintptr_t>(request.to) % file.memory_alignment() != 0) {
    return fail(Errc::invalid_argument,
                message("{} needs memory aligned to {} bytes", what(), file.memory_alignment()));
  }
  return {};
}

class ThreadPump final : public Pump {
 public:
  ThreadPump(std::shared_ptr<PumpThread> shared, std::thread thread)
      : shared_(std::move(shared)), thread_(std::move(thread)) {}
  ~ThreadPump() override { (void)stop(); }

  Status read(std::span<const ReadRequest> requests) override {
    for (const ReadRequest& request : requests) VYRE_TRY(check(request));
    if (requests.empty()) return {};
    return shared_->post(requests);
  }
  void cancel(ReadSink* sink) override { shared_->post_cancel(sink); }
  Status read_now(const std::shared_ptr<const File>& file, std::uint64_t offset,
                  MutableByteSpan out) override {
    return read_and_wait(shared_, file, offset, out);
  }
  void publish_file(std::uint32_t handle, std::shared_ptr<const File> file,
                    std::uint32_t queue) override {
    shared_->files.publish(handle, source_of(std::move(file)), queue);
    shared_->ring();  // a device may ask from now on: the thread looks more often
  }
  void withdraw_file(std::uint32_t handle) override { shared_->files.withdraw(handle); }
  void ring() noexcept override { shared_->ring(); }
  Tier tier_of(const File& file) const override { return shared_->tier_of(file); }
  report::IngestSection counters() const override { return shared_->counters.section(); }
  std::optional<Error> broken() const override { return shared_->broken(); }

  bool stop() noexcept override {
    const std::lock_guard lock(stop_mutex_);
    if (!stopped_) {
      stopped_ = shared_->stop();
      if (shared_->hangs()) {
        thread_.detach();  // keeps what it needs, for ever
      } else {
        thread_.join();
      }
    }
    return *stopped_;
  }

 private:
  std::shared_ptr<PumpThread> shared_;
  std::mutex stop_mutex_;
  std::thread thread_;
  std::optional<bool> stopped_;
};

}  // namespace

std::uint64_t room_for(const File& file, std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t mask = file.offset_alignment() - 1;
  const std::uint64_t start = offset & ~mask;
  return ((offset + bytes + mask) & ~mask) - start;
}

Result<std::unique_ptr<Pump>> Pump::start(const PumpOptions& options, MutableByteSpan memory) {
  if (options.depth == 0 || options.depth > kMaxIoDepth) {
    return fail(Errc::invalid_argument,
                message("the pump's depth is {}; it may be 1 to {}", options.depth, kMaxIoDepth));
  }
  if (memory.size() < IngestLayout::kStreams ||
      reinterpret_cast<std::uintptr_t>(memory.data()) % kIoBlock != 0) {
    return fail(Errc::invalid_argument,
                message("ingest memory of {} bytes: it needs at least {}, aligned to {}",
                        memory.size(), IngestLayout::kStreams, kIoBlock));
  }
  auto shared = std::make_shared<PumpThread>(options, memory);
  std::thread thread;
  try {
    thread = std::thread([shared] { PumpThread::main(shared); });
  } catch (const std::system_error& no_thread) {
    return fail(Errc::out_of_memory, message("no thread for the pump: {}", no_thread.what()));
  }
  if (Status up = shared->wait_until_up(); !up) {
    if (shared->hangs()) {
      thread.detach();
    } else {
      thread.join();
    }
    return tl::unexpected<Error>(std::move(up).error());
  }
  return std::unique_ptr<Pump>(std::make_unique<ThreadPump>(std::move(shared), std::move(thread)));
}

}  // namespace vyre::ingest
