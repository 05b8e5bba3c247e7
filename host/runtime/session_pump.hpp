// The pump of a session, which reads files: it starts with the first need and stops with the
// session. Also the memory that streams read into. Host only; any thread.
//
// Lock: SessionPump owns one mutex, under which the pump starts and stops. It is the last one: a
// thread that holds it takes no other lock of the session but that of StreamSpace.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backend/backend.hpp"
#include "ingest/file.hpp"
#include "ingest/pump.hpp"
#include "report/report.hpp"
#include "session_life.hpp"
#include "session_setup.hpp"
#include "stream_memory.hpp"

namespace vyre::runtime {

/// Where workers of the CPU backend, which is made before the pump, find the pump.
class PumpBell {
 public:
  /// Null while no pump runs. [PUMP-1] acquire: the pump behind the pointer.
  [[nodiscard]] ingest::Pump* pump() const noexcept {
    return running_.load(std::memory_order_acquire);
  }
  /// A worker has asked for bytes.
  void ring() noexcept {
    if (ingest::Pump* running = pump()) running->ring();
  }

 private:
  friend class SessionPump;
  std::atomic<ingest::Pump*> running_{nullptr};
};

class SessionPump {
 public:
  SessionPump(const SessionSetup& setup, backend::Backend& backend, SessionLife& life,
              PumpBell& bell)
      : setup_(setup), backend_(backend), life_(life), bell_(bell) {}

  /// The pump, started if it was not; an error says what is missing.
  [[nodiscard]] Result<ingest::Pump*> start();
  /// Null while none runs.
  [[nodiscard]] ingest::Pump* running() const noexcept { return bell_.pump(); }
  /// False: a read did not end in time; the pump and the memory it reads into are left behind.
  [[nodiscard]] bool stop();
  /// Keeps the sink for as long as the pump may tell it of reads: until the session goes.
  void keep(std::unique_ptr<ingest::ReadSink> sink) noexcept;

  /// Ingest memory for streams; empty until the pump has started.
  [[nodiscard]] StreamSpace& stream_space() noexcept { return space_; }
  /// How files are read of which items or callers ask for pieces.
  [[nodiscard]] ingest::TierChoice tier_for_pieces() const noexcept;
  /// Counts a file by what carries its reads. Empty files are read by nothing.
  void count_file(const ingest::Pump& pump, const ingest::File& file) noexcept;
  /// For the report; nullopt while no pump runs.
  [[nodiscard]] std::optional<report::IngestSection> section() const;

 private:
  [[nodiscard]] Result<MutableByteSpan> memory();

  const SessionSetup& setup_;
  backend::Backend& backend_;
  SessionLife& life_;
  PumpBell& bell_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<ingest::ReadSink>> kept_;  // the pump goes first
  std::unique_ptr<ingest::Pump> pump_;
  std::optional<Error> failed_;  // for good
  StreamSpace space_;
  std::array<std::atomic<std::uint64_t>, ingest::kTiers> files_by_tier_{};  // relaxed: sums
};

}  // namespace vyre::runtime
