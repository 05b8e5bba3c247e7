// The door of tiers A, B and C: one io_uring, made, used and ended by one thread. Host only.
// Private to this room; the only file pair that calls liburing. Page: docs/internals/ingest.md,
// "Ring".
#pragma once

#include <liburing.h>

#include <memory>
#include <string>
#include <vector>

#include "ingest/io.hpp"

namespace vyre::ingest {

/// A nop ends with its `bytes` as a signed result, where the kernel can do that (6.10), else with
/// 0.
class Uring final : public Io {
 public:
  /// Errc::io names call and errno. The message is a sentence's part: "io_uring_setup: EPERM
  /// (...)".
  [[nodiscard]] static Result<std::unique_ptr<Uring>> create();
  ~Uring() override;
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }
  [[nodiscard]] const std::string& setup() const noexcept { return setup_; }

  void register_memory(MutableByteSpan memory) override;
  [[nodiscard]] bool fixed(const std::uint8_t* begin, std::uint64_t bytes) const override;
  [[nodiscard]] const Registration& registration() const noexcept override { return registered_; }
  [[nodiscard]] bool push(const IoOperation& operation) override;
  [[nodiscard]] Status enter(std::uint32_t least, std::chrono::nanoseconds patience) override;
  [[nodiscard]] std::uint32_t reap(std::span<IoCompletion> out) override;
  [[nodiscard]] IoCounters counters() const noexcept override { return counters_; }
  void wake() noexcept override;
  [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept override {
    return std::chrono::steady_clock::now();
  }

 private:
  struct Region {
    const std::uint8_t* begin;
    std::uint64_t bytes;
  };
  enum class Table : std::uint8_t { none, sparse, refused };

  Uring() = default;
  [[nodiscard]] Status set_up();
  [[nodiscard]] Status prove_nop();
  /// Reads the eventfd that wake() writes, once more.
  void arm_wake();
  [[nodiscard]] bool open_table();
  [[nodiscard]] std::int32_t add_region(const std::uint8_t* begin, std::uint64_t bytes);
  [[nodiscard]] const Region* region_of(const std::uint8_t* begin, std::uint64_t bytes) const;
  /// Completions that are there; notes whether a wake is among those not looked at before.
  [[nodiscard]] std::uint32_t look(bool& woken);
  void count_kept_aside(std::uint32_t ready_before);

  io_uring ring_{};
  bool up_{false};
  bool deferred_{false};  // completions appear only when this thread enters with GETEVENTS
  std::string setup_;
  int wake_fd_{-1};
  std::uint64_t wake_value_{0};  // the kernel writes it
  bool wake_armed_{false};
  bool wake_owed_{false};  // a wake that was taken in between two enters
  unsigned looked_{0};     // position in the completion ring up to which look() has looked
  Table table_{Table::none};
  std::vector<Region> regions_;  // by index of the ring's table
  Registration registered_;
  IoCounters counters_;
};

}  // namespace vyre::ingest
