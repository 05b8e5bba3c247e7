// The pump's thread and what other threads share with it: a letter box for reads and cancels, one
// word that rings, the table of files. Owned by the Pump and by the thread, since a thread that the
// system does not give back outlives its Pump. Spec: docs/internals/ingest.md.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "counters.hpp"
#include "doors.hpp"
#include "ingest/pump.hpp"
#include "pump_core.hpp"
#include "requests.hpp"

namespace vyre::ingest {

/// Memory or a door that the system may still write: never freed, and known to leak checkers as
/// kept.
void keep_for_ever(const void* what);

class PumpThread {
 public:
  PumpThread(const PumpOptions& options, MutableByteSpan memory)
      : options_(options), memory_(memory) {}

  /// The thread's whole life. `self` keeps this alive.
  static void main(const std::shared_ptr<PumpThread>& self);

  // Any thread.
  /// How opening the door went; waits for it.
  [[nodiscard]] Status wait_until_up();
  [[nodiscard]] Status post(std::span<const ReadRequest> requests);
  void post_cancel(ReadSink* sink);
  void ring() noexcept { call(kRing); }
  /// Asks the thread to stop and waits, drain and a grace long; false: it does not come back.
  [[nodiscard]] bool stop() noexcept;
  [[nodiscard]] bool on_this_thread() const noexcept {
    return std::this_thread::get_id() == id_.load(std::memory_order_relaxed);  // own id or not
  }
  [[nodiscard]] Tier tier_of(const File& file) const;
  [[nodiscard]] std::optional<Error> broken() const;
  /// The thread hangs in the system: nothing that it holds will end.
  [[nodiscard]] bool hangs() const;
  /// Valid after stop(): operations were left under way.
  [[nodiscard]] bool abandoned() const;
  /// In ReadSink::ended(): the memory of this read may still be written.
  [[nodiscard]] bool abandoning() const noexcept { return core_->reads().abandoning(); }

  FileTable files;
  Counters counters;

 private:
  static constexpr std::uint32_t kMail{1};
  static constexpr std::uint32_t kRing{2};
  static constexpr std::uint32_t kAsleep{4};  // the thread is in, or about to enter, a wait

  struct Cancel {
    ReadSink* sink;
    std::size_t after;  // reads of the same box that were posted before it
  };
  struct Mail {
    std::vector<ReadRequest> reads;
    std::vector<Cancel> cancels;
  };

  [[nodiscard]] Status open();
  void run();
  void round();
  void take_mail();
  void hand_over_taken();
  void close();
  void call(std::uint32_t what) noexcept;

  const PumpOptions options_;
  const MutableByteSpan memory_;
  std::atomic<std::thread::id> id_{};
  std::atomic<std::uint32_t> word_{0};  // [PUMP-2]
  std::atomic<bool> thread_pool_{false};
  std::atomic<bool> fixes_{false};  // memory of streams is registered, or is going to be

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  Mail box_;
  std::optional<Status> up_;
  std::optional<Error> broken_;
  bool stopping_{false};
  bool done_{false};
  bool hangs_{false};
  bool abandoned_{false};

  std::mutex door_mutex_;  // guards io_ between a call from outside and its end
  std::unique_ptr<Io> io_;

  // The thread's own.
  Mail taken_;
  std::size_t reads_taken_{0};    // of taken_
  std::size_t cancels_taken_{0};  // of taken_
  Error no_memory_;               // made while there was some
  std::unique_ptr<PumpCore> core_;
};

}  // namespace vyre::ingest
