// The run queue under the model: pollers that draw numbers ahead and give them back, workers that
// draw numbers and wait at them, and items that keep every worker busy meanwhile. The rules are the
// kernel's own (cuda/megakernel/run_queue_rules.hpp); an entry is one word here, its mark and what
// it is for. Test support.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cuda/megakernel/run_queue_rules.hpp"
#include "model/world.hpp"

namespace vyre::model {

enum class Errand : std::uint8_t {
  flagged,  // a no-op that waits for others: its poller ends it, and gives its number back first
  work,     // a worker ends it
  patient,  // a worker ends it once all flagged ones of all pollers have ended
};

/// Bugs on purpose.
struct RunQueueBugs {
  bool draws_without_bound{false};  // numbers are drawn ahead however many wait to be taken
  bool writes_without_room{false};  // entries are written over whatever was read
  bool keeps_overdue{false};        // a number drawn ahead stays so for ever
};

struct RunQueueSetup {
  std::vector<std::vector<Errand>> errands;  // of each poller, in order
  std::uint32_t workers{2};
  std::uint32_t items_in_flight{2};  // of each poller: its credits
  RunQueueBugs bugs{};
};

inline constexpr std::uint32_t kMaxModelEntries{16};
inline constexpr std::uint32_t kMaxModelPollers{2};

class RunQueueScenario {
 public:
  explicit RunQueueScenario(RunQueueSetup setup)
      : setup_{std::move(setup)},
        pollers_{static_cast<std::uint32_t>(setup_.errands.size())},
        log2_{cuda::megakernel::run_queue_log2(std::uint64_t{setup_.items_in_flight} * pollers_, 0,
                                               pollers_)} {}

  Outcome run(Chooser& chooser, Kill kill = Kill{}) {
    memory_ = {};
    runs_ = {};
    if (1u << log2_ > kMaxModelEntries) std::abort();
    flagged_ = 0;
    for (const auto& errands : setup_.errands)
      for (const Errand errand : errands) flagged_ += errand == Errand::flagged ? 1 : 0;
    queue_ = {nullptr, &memory_.head, &memory_.tail, memory_.read.data(), log2_, 0};
    std::vector<std::function<void()>> bodies;
    for (std::uint32_t p = 0; p < pollers_; ++p) bodies.emplace_back([this, p] { poll(p); });
    for (std::uint32_t w = 0; w < setup_.workers; ++w) bodies.emplace_back([this] { work(); });
    Outcome outcome = world_.run(bodies, chooser, kill, 40'000);
    if (outcome.ending == Ending::finished) check(outcome);
    return outcome;
  }
  /// Laps that the queue went round.
  [[nodiscard]] std::uint64_t laps() const { return memory_.tail >> log2_; }

 private:
  using Memory = ModelAtomics;
  using Order = queue::Order;
  using KnownRoom = cuda::megakernel::KnownRoom;
  static constexpr std::uint64_t kNone{cuda::megakernel::kNoNumber};

  struct Words {
    std::array<std::uint64_t, kMaxModelEntries> entries{};  // mark << 32 | what
    std::uint64_t head{0};
    std::uint64_t tail{0};
    std::array<std::uint64_t, cuda::megakernel::kRunSections> read{};
    std::array<std::uint32_t, kMaxModelPollers> spares_taken{};
    std::array<std::uint64_t, kMaxModelPollers> ended{};
    std::uint64_t flagged_ended{0};
    std::uint32_t over{0};  // pollers that have come to their end
  };
  struct Counts {
    static std::uint64_t load_count(const std::uint64_t* word) {
      return Memory::load(word, Order::relaxed);
    }
    static void add_count(std::uint64_t* word, std::uint64_t n) {
      (void)Memory::fetch_add(word, n);
    }
  };
  /// What an entry is for: a spare of poller p, or its item i.
  static std::uint64_t spare(std::uint32_t p) { return 1 + p; }
  static std::uint64_t item(std::uint32_t p, std::size_t i) {
    return 0x100u * (1 + p) + static_cast<std::uint64_t>(i);
  }

  struct Poller {
    std::uint32_t p;
    std::uint64_t reserved{kNone};
    std::uint32_t spares{0};
    std::uint32_t spares_seen{0};
    KnownRoom room;
  };

  void write(Poller& me, std::uint64_t number, std::uint64_t what) {
    while (!setup_.bugs.writes_without_room &&
           !cuda::megakernel::has_room<Counts>(queue_, number, me.room))
      world_.park();
    const std::uint64_t mark = cuda::megakernel::entry_mark(number, log2_);
    Memory::store(&memory_.entries[number & ((1u << log2_) - 1)], mark << 32 | what,
                  Order::release);
  }
  std::uint64_t draw() { return Memory::fetch_add(&memory_.tail, std::uint64_t{1}); }

  /// As Poller::reserve().
  void reserve(Poller& me) {
    if (me.reserved == kNone) {
      if (!cuda::megakernel::may_draw_ahead(me.spares, me.spares_seen)) {
        me.spares_seen = Memory::load(&memory_.spares_taken[me.p], Order::relaxed);
        if (!setup_.bugs.draws_without_bound &&
            !cuda::megakernel::may_draw_ahead(me.spares, me.spares_seen))
          return;
      }
      ++me.spares;
      me.reserved = draw();
    } else if (!setup_.bugs.keeps_overdue &&
               cuda::megakernel::is_overdue(Memory::load(&memory_.tail, Order::relaxed),
                                            me.reserved, log2_)) {
      give_back(me);
    }
  }
  void give_back(Poller& me) {
    if (me.reserved != kNone) write(me, std::exchange(me.reserved, kNone), spare(me.p));
  }

  void poll(std::uint32_t p) {
    Poller me{p, kNone, 0, 0, {}};
    const std::vector<Errand>& errands = setup_.errands[p];
    std::uint32_t looks = 0;
    for (std::size_t i = 0; i < errands.size();) {
      reserve(me);
      if (i >= Memory::load(&memory_.ended[p], Order::acquire) + setup_.items_in_flight) {
        world_.park();  // the credits are spent
        continue;
      }
      if (++looks < 3 && world_.choose(2) != 0) continue;  // the item comes later
      looks = 0;
      if (errands[i] == Errand::flagged) {
        give_back(me);
        ++runs_[p][i];
        (void)Memory::fetch_add_acq_rel(&memory_.flagged_ended, std::uint64_t{1});
        (void)Memory::fetch_add_acq_rel(&memory_.ended[p], std::uint64_t{1});
      } else {
        const bool use = me.reserved != kNone;
        const std::uint64_t number = use ? std::exchange(me.reserved, kNone) : draw();
        if (use) --me.spares;
        write(me, number, item(p, i));
      }
      ++i;
    }
    // The ring is quiet, and its poller looks on until all has ended.
    while (!all_ended()) {
      reserve(me);
      world_.park();
    }
    give_back(me);
    (void)Memory::fetch_add_acq_rel(&memory_.over, 1u);
  }
  [[nodiscard]] bool all_ended() const {
    bool all = true;
    for (std::uint32_t p = 0; p < pollers_; ++p) {
      all = Memory::load(&memory_.ended[p], Order::acquire) == setup_.errands[p].size() && all;
    }
    return all;
  }

  void work() {
    for (;;) {
      const std::uint64_t number = Memory::fetch_add(&memory_.head, std::uint64_t{1});
      const std::uint32_t mark = cuda::megakernel::entry_mark(number, log2_);
      std::uint64_t entry = 0;
      for (;;) {
        entry = Memory::load(&memory_.entries[number & ((1u << log2_) - 1)], Order::acquire);
        const auto found = static_cast<std::uint32_t>(entry >> 32);
        if (cuda::megakernel::is_entry(found, mark)) break;
        if (cuda::megakernel::is_overwritten(found, mark)) {
          world_.fail("number " + std::to_string(number) + " found the entry of a later lap");
          return;
        }
        if (Memory::load(&memory_.over, Order::acquire) == pollers_) return;
        world_.park();
      }
      cuda::megakernel::count_read<Counts>(queue_, number);
      const std::uint64_t what = entry & 0xFFFFFFFFu;
      if (what < 0x100) {
        (void)Memory::fetch_add(&memory_.spares_taken[what - 1], 1u);
        continue;
      }
      const auto p = static_cast<std::uint32_t>(what / 0x100 - 1);
      const std::size_t i = what % 0x100;
      if (setup_.errands[p][i] == Errand::patient) {
        while (Memory::load(&memory_.flagged_ended, Order::acquire) != flagged_) world_.park();
      }
      ++runs_[p][i];
      (void)Memory::fetch_add_acq_rel(&memory_.ended[p], std::uint64_t{1});
    }
  }

  void check(Outcome& outcome) const {
    for (std::uint32_t p = 0; p < pollers_; ++p) {
      for (std::size_t i = 0; i < setup_.errands[p].size(); ++i) {
        if (runs_[p][i] == 1) continue;
        outcome.ending = Ending::failed;
        outcome.what = "item " + std::to_string(i) + " of poller " + std::to_string(p) + " ran " +
                       std::to_string(runs_[p][i]) + " times";
      }
    }
  }

  RunQueueSetup setup_;
  const std::uint32_t pollers_;
  const std::uint32_t log2_;
  World world_;
  Words memory_;
  cuda::megakernel::RunQueue queue_{};
  // Of the test, not of the memory under test; one thread runs at a time.
  std::array<std::array<std::uint32_t, 64>, kMaxModelPollers> runs_{};
  std::uint64_t flagged_{0};
};

}  // namespace vyre::model
