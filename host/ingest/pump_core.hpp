// What the pump does, without its thread: reads and requests of items over one door, round by
// round. The pump's thread drives it over the real door, the schedules of test/model over the
// simulator. Single-threaded, the door's own clock. Spec: docs/internals/ingest.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "counters.hpp"
#include "reads.hpp"
#include "requests.hpp"

namespace vyre::ingest {

class PumpCore {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Options {
    ReadsOptions reads{};
    std::chrono::nanoseconds request_timeout{std::chrono::seconds{30}};
    std::chrono::nanoseconds drain{std::chrono::seconds{5}};
    bool device_asks{false};
    bool fixed{true};  // register memory with the door
    /// The door died: called before any read hears of it.
    std::function<void(const Error&)> dying{};
  };

  /// `memory`: ingest memory of at least IngestLayout::kStreams bytes. The slots of requests are
  /// registered with the first request, and the rest as far as callers read into it: registering
  /// pins every page, and zeroes it.
  PumpCore(Io& io, const Options& options, MutableByteSpan memory, const FileTable& files,
           Counters& counters);

  /// Takes the read, or throws std::bad_alloc and leaves it as it is.
  void add(Read&& read);
  void cancel(const ReadSink* sink) { reads_.cancel(sink); }
  void register_all();

  /// One round: requests of items, starts, hands over, waits at most `patience`, tells of ends.
  /// `rung`: a caller says that requests are there.
  void step(bool rung, std::chrono::nanoseconds patience);
  /// How long the next round may wait, if no caller rings.
  [[nodiscard]] std::chrono::nanoseconds patience() const;

  /// Takes no more requests, ends what is queued, asks for the end of the rest. Then step() until
  /// finished().
  void stop();
  /// Ends everything at once, as where the door dies. Needs no memory of its own.
  void die(Error why);
  /// Nothing will end any more: stopped and drained, or given up, or the door died.
  [[nodiscard]] bool finished() const noexcept { return finished_; }
  /// Operations whose memory may still be written: the door must stay.
  [[nodiscard]] std::uint32_t abandoned() const noexcept { return abandoned_; }
  /// Why the door died.
  [[nodiscard]] const std::optional<Error>& broken() const noexcept { return broken_; }
  [[nodiscard]] const Reads& reads() const noexcept { return reads_; }

 private:
  void look(bool rung, Time now);
  void register_lines();
  void register_streams(std::uint64_t begin, std::uint64_t end);

  Io& io_;
  Options options_;
  MutableByteSpan memory_;
  const FileTable& files_;
  Counters& counters_;
  Reads reads_;
  Requests requests_;
  bool lines_registered_{false};
  std::uint64_t streams_end_{0};  // of what is registered, or all of it after a refusal
  bool stopping_{false};
  bool finished_{false};
  std::uint32_t abandoned_{0};
  std::optional<Error> broken_;
  Time now_{};
  Time last_beat_{};
  Time last_look_{};
  Time last_request_{};
  Time drain_until_{};
  std::uint32_t quiet_rounds_{0};  // looks without a request while a device may ask
};

}  // namespace vyre::ingest
