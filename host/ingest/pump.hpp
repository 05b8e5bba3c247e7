// The pump: one thread that owns the ring, reads files into ingest memory for its callers, and
// answers the requests of items. Host only. Every request ends exactly once, also when the ring
// dies. Spec: docs/internals/ingest.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "ingest/file.hpp"
#include "ingest/io.hpp"
#include "ingest/tier.hpp"
#include "protocol/io_request.hpp"
#include "report/report.hpp"
#include "report/timeline.hpp"

namespace vyre::ingest {

enum class ReadStatus : std::uint8_t { ok, end_of_file, error, cancelled };

/// How one read ended. Bytes [0, bytes) of what was asked lie at the request's `to` + skip.
struct ReadResult {
  std::uint64_t tag{0};
  ReadStatus status{ReadStatus::ok};
  std::int32_t error_number{0};  // of `error`
  std::uint64_t bytes{0};        // fewer than asked: end_of_file, error or cancelled
  std::uint32_t skip{0};
  Tier tier{Tier::buffered};
};

/// Is told of the end of a read: on the pump's thread, once, soon and without blocking. Outlives
/// its reads.
class ReadSink {
 public:
  virtual ~ReadSink() = default;
  virtual void ended(const ReadResult& result) noexcept = 0;
};

/// Bytes [offset, offset + bytes) of a file. `to` is aligned to kIoBlock where the file is direct
/// and has `room` for the bytes rounded out to the file's alignment on both sides; nothing outside
/// [to, to + room) is written. Any host memory; only ingest memory is ever read_fixed.
struct ReadRequest {
  std::shared_ptr<const File> file;
  std::uint64_t offset{0};
  std::uint64_t bytes{0};
  std::uint8_t* to{nullptr};
  std::uint64_t room{0};
  ReadSink* sink{nullptr};
  std::uint64_t tag{0};
};
/// Room that a read of so many bytes at that offset needs.
[[nodiscard]] std::uint64_t room_for(const File& file, std::uint64_t offset, std::uint64_t bytes);

/// Measured: 16 processors gain, 2 do not (docs/decisions/0011); in between it is a guess.
inline constexpr std::uint32_t kParallelCopyCpus{8};

struct PumpOptions {
  TierChoice tier{TierChoice::automatic};
  std::uint32_t depth{64};  // reads under way at once, at most kMaxIoDepth
  std::chrono::nanoseconds drain{std::chrono::seconds{5}};
  /// A request of an item that the system has not answered for so long ends as IoStatus::timeout.
  std::chrono::nanoseconds request_timeout{std::chrono::seconds{30}};
  /// True: requests come from a device, which cannot ring: the pump looks for them by itself.
  bool device_asks{false};
  /// For opening the door and registering memory, which pins every page of it.
  std::chrono::nanoseconds start_patience{std::chrono::seconds{60}};
  /// Large reads through the page cache are copied by workers of the kernel, several at once, and
  /// not one after the other by the pump's thread: several times the bandwidth for about half as
  /// much processor time again (docs/decisions/0011). By default where there are enough processors.
  bool parallel_copies{std::thread::hardware_concurrency() >= kParallelCopyCpus};
  std::shared_ptr<report::Timeline> timeline{};  // is told of reads; null: none
  /// For tests: makes the door to the system, on the pump's thread. Null: the real one.
  std::function<Result<std::unique_ptr<Io>>()> make_io{};
};

class Pump {
 public:
  /// `memory`: ingest memory laid out as IngestLayout says, zeroed, written by others only
  /// where the layout allows it; outlives the pump. Returns when the ring is up, or why not: a
  /// forced tier that this machine refuses is Errc::unsupported and names the system call and
  /// errno. Errc::deadline_exceeded: the system hangs in start_patience and longer; memory must
  /// stay where it is for good, since the system may still be about to register it.
  [[nodiscard]] static Result<std::unique_ptr<Pump>> start(const PumpOptions& options,
                                                           MutableByteSpan memory);
  virtual ~Pump() = default;  // stops; see stop()

  // Any thread.
  /// All or none is taken; each ends once at its sink. Errc::closed after stop(), or the reason why
  /// the ring died.
  [[nodiscard]] virtual Status read(std::span<const ReadRequest> requests) = 0;
  /// Ends reads of this sink that have not started as cancelled, and asks for the end of the
  /// others; their ends come as always.
  virtual void cancel(ReadSink* sink) = 0;
  /// Reads now and waits: for callers that need bytes at once. Not from the pump's thread.
  [[nodiscard]] virtual Status read_now(const std::shared_ptr<const File>& file,
                                        std::uint64_t offset, MutableByteSpan out) = 0;

  /// Requests of items may name `handle` from now on. `queue`: the only queue that may;
  /// kAnyQueue: all.
  virtual void publish_file(std::uint32_t handle, std::shared_ptr<const File> file,
                            std::uint32_t queue) = 0;
  /// Requests that name it are rejected from now on; no item that does is under way.
  virtual void withdraw_file(std::uint32_t handle) = 0;
  /// A CPU worker has posted a request. Cheap while the pump is awake.
  virtual void ring() noexcept = 0;

  /// What carries reads of this file here.
  [[nodiscard]] virtual Tier tier_of(const File& file) const = 0;
  [[nodiscard]] virtual report::IngestSection counters() const = 0;
  /// Why nothing is read any more; nullopt while all is well.
  [[nodiscard]] virtual std::optional<Error> broken() const = 0;
  /// Takes nothing more, ends what is queued as cancelled, waits for the system at most
  /// options.drain, lets the ring go. False: reads were still under way; ring and memory must stay
  /// where they are, and the pump keeps them. Idempotent.
  [[nodiscard]] virtual bool stop() noexcept = 0;
};
inline constexpr std::uint32_t kAnyQueue{~std::uint32_t{0}};

}  // namespace vyre::ingest
