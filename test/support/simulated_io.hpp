// A door to a system that tests make up: seeded, in memory, with a clock of its own that moves in
// enter(), and a little whenever somebody looks at it. Ends operations late and in any order,
// short, with errors, twice, or never; invents completions; refuses pushes; dies. Says so in
// what_is_wrong when its caller breaks a rule of the door or of O_DIRECT. Also usable under a
// pump's thread (Options::threaded). Test support, host only.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ingest/io.hpp"
#include "support/choice.hpp"

namespace vyre::test {

/// A file whose size may change while its bytes stay: at `content` there are as many as it will
/// ever have.
struct SimulatedFile {
  const std::uint8_t* content{nullptr};
  std::uint64_t bytes{0};
  std::uint64_t alignment{1};  // of offsets, lengths and addresses
};

class SimulatedIo final : public ingest::Io {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// "one_in": 0 never, else each time with a chance of 1 / n.
  struct Options {
    std::uint32_t short_one_in{0};
    std::uint32_t io_error_one_in{0};
    std::uint32_t again_one_in{0};
    std::uint32_t interrupted_one_in{0};
    std::uint32_t other_error_one_in{0};  // an errno that is never tried again
    std::uint32_t stuck_one_in{0};        // ends only when cancelled
    std::uint32_t twice_one_in{0};        // the completion comes again, later
    std::uint32_t unknown_one_in{0};      // at each enter: a completion of nobody's operation
    std::uint32_t refuse_one_in{0};       // a push
    std::uint32_t cancel_late_one_in{0};  // does nothing to the operation, be it stuck or not
    std::uint32_t entries{256};           // operations pushed between two enters
    std::uint64_t most_latency_ns{100'000};
    std::uint64_t dies_at_enter{~std::uint64_t{0}};  // counted from 0
    bool fixed{true};                                // memory can be registered
    bool threaded{false};  // waits really, so that wake() of other threads matters
  };
  /// How a read ended, in the order of the ends.
  struct Ended {
    ingest::IoOperation operation;
    std::uint64_t begun;  // at which enter
    std::int32_t result;
  };

  SimulatedIo(std::uint64_t seed, const Options& options) : choice_(seed), options_(options) {}

  /// Of descriptor `index`; the file stays the caller's.
  void add_file(int descriptor, const SimulatedFile* file);
  /// Overrides every fate: the result of a read; nullopt: as the dice fall.
  std::function<std::optional<std::int32_t>(const ingest::IoOperation&)> script;

  [[nodiscard]] std::string_view name() const noexcept override { return "simulator"; }
  void register_memory(MutableByteSpan memory) override;
  [[nodiscard]] bool fixed(const std::uint8_t* begin, std::uint64_t bytes) const override;
  [[nodiscard]] const ingest::Registration& registration() const noexcept override {
    return registration_;
  }
  [[nodiscard]] bool push(const ingest::IoOperation& operation) override;
  [[nodiscard]] Status enter(std::uint32_t least, std::chrono::nanoseconds patience) override;
  [[nodiscard]] std::uint32_t reap(std::span<ingest::IoCompletion> out) override;
  [[nodiscard]] ingest::IoCounters counters() const noexcept override { return {enters_, 0}; }
  void wake() noexcept override;
  [[nodiscard]] Time now() const noexcept override { return now_ += std::chrono::nanoseconds{20}; }

  [[nodiscard]] const std::vector<Ended>& ended() const { return ended_; }
  [[nodiscard]] std::size_t reads_under_way() const { return under_way_.size(); }
  [[nodiscard]] std::uint64_t invented() const { return invented_; }
  /// Completions taken by reap() that were nobody's or came again.
  [[nodiscard]] std::uint64_t strays_reaped() const { return strays_reaped_; }
  std::size_t most_under_way{0};
  std::string what_is_wrong;  // the first thing

 private:
  struct Flight {
    ingest::IoOperation operation;
    std::uint64_t begun;
    Time due;              // max: stuck
    std::int32_t fate{0};  // an errno, negative; else 0
    std::uint32_t cut{0};  // bytes fewer than there are, by the dice
  };
  struct Stray {
    std::uint64_t user_data;
    Time due;
  };
  struct Done {
    ingest::IoCompletion completion;
    bool stray;
  };

  [[nodiscard]] bool chance(std::uint32_t one_in) {
    return one_in != 0 && choice_.below(one_in) == 0;
  }
  void wrong(std::string what) {
    if (what_is_wrong.empty()) what_is_wrong = std::move(what);
  }
  [[nodiscard]] const SimulatedFile* file_of(int descriptor) const;
  void begin(const ingest::IoOperation& operation);
  void cancel(const ingest::IoOperation& operation);
  void finish(const Flight& flight, std::int32_t result);
  [[nodiscard]] std::int32_t read(const Flight& flight);
  void finish_due();
  void invent();
  [[nodiscard]] Time next_due() const;
  [[nodiscard]] bool woken();

  Choice choice_;
  Options options_;
  struct Descriptor {
    int number;
    const SimulatedFile* file;
  };
  std::vector<Descriptor> files_;
  std::vector<MutableByteSpan> registered_;
  ingest::Registration registration_;
  std::vector<ingest::IoOperation> pushed_;
  std::vector<Flight> under_way_;
  std::vector<Stray> strays_;
  std::vector<Done> done_;
  std::size_t done_head_{0};
  std::vector<Ended> ended_;
  std::uint64_t enters_{0};
  std::uint64_t invented_{0};
  std::uint64_t strays_reaped_{0};
  bool dead_{false};
  mutable Time now_{std::chrono::seconds{1000}};
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool woken_{false};
};

}  // namespace vyre::test
