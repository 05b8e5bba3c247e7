// The resident kernel under the model, as far as its life goes: two ingress blocks with a ring, a
// poller and a keeper each, two workers, and a host that publishes, rings and launches again. The
// decisions are the kernel's own (cuda/megakernel/departure.hpp); what a warp does around them is
// written out here for one lane. The items are such that one ends only after a later one: a kernel
// that stops taking while something runs stands still, and the model says so. Test support.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cuda/megakernel/departure.hpp"
#include "model/world.hpp"

namespace vyre::model {

inline constexpr std::uint32_t kModelRings{2};
inline constexpr std::uint32_t kModelRingItems{4};

/// What an item is: 0 is none.
enum class Piece : std::uint32_t {
  none,
  nop,        // the poller ends it
  after_all,  // a no-op that waits for all before it
  work,       // a worker ends it
  patient,    // a worker ends it once the first item of the other ring has ended
};
struct Publication {
  std::uint32_t ring;
  Piece piece;
};

/// Bugs on purpose.
struct ResidentBugs {
  bool holds_position{false};  // a group with an item that waits keeps the position at its start
  bool never_stays{false};     // a kernel that told that it parks does so, whatever still runs
  bool rings_unfenced{false};  // the doorbell looks without a fence
  bool parks_unfenced{false};  // the kernel looks at its rings a last time without a fence
};

struct ResidentSetup {
  std::vector<Publication> items;
  ResidentBugs bugs{};
};

class ResidentScenario {
 public:
  explicit ResidentScenario(ResidentSetup setup) : setup_{std::move(setup)} {}

  Outcome run(Chooser& chooser, Kill kill = Kill{}) {
    memory_ = {};
    memory_.launches = 1;
    ends_ = {};
    tries_ = kTries;
    resting_ = false;
    parked_ = 0;
    stayed_ = 0;
    std::vector<std::function<void()>> bodies;
    bodies.emplace_back([this] { host(); });
    for (std::uint32_t q = 0; q < kModelRings; ++q) {
      bodies.emplace_back(
          [this, q] { in_launches([this, q](std::uint32_t e) { keep(q, e); }, q == 0); });
      bodies.emplace_back([this, q] { in_launches([this, q](std::uint32_t) { poll(q); }, false); });
    }
    for (std::uint32_t w = 0; w < kModelRings; ++w)
      bodies.emplace_back([this, w] { in_launches([this, w](std::uint32_t) { work(w); }, false); });
    Outcome outcome = world_.run(bodies, chooser, kill, 40'000);
    if (outcome.ending == Ending::finished) check(outcome);
    return outcome;
  }
  /// Launches that ended because nothing happened; tries to end so that were given up.
  [[nodiscard]] std::uint32_t parked() const { return parked_; }
  [[nodiscard]] std::uint32_t stayed() const { return stayed_; }

 private:
  using Memory = ModelAtomics;
  using Order = queue::Order;
  using Departure = cuda::megakernel::Departure;
  using Leave = cuda::megakernel::Leave;
  static constexpr std::uint32_t kKernelThreads{2 * kModelRings + kModelRings};
  static constexpr std::uint32_t kOver{~0u};
  static constexpr std::uint32_t kTries{3};

  struct Words {
    // Host and kernel.
    std::array<std::array<std::uint32_t, kModelRingItems>, kModelRings> slots{};
    std::uint32_t leaving{0};
    std::uint32_t stop{0};
    // The stream: launches queued; threads of launches that ended; the launch that was prepared.
    std::uint32_t launches{0};
    std::uint32_t gone{0};
    std::uint32_t ready{0};
    // The device.
    std::uint32_t leave{0};
    std::array<std::uint32_t, kModelRings> closed_blocks{};
    std::array<std::uint64_t, kModelRings> position{};
    std::array<std::uint64_t, kModelRings> ended_count{};
    std::array<std::array<std::uint32_t, kModelRingItems>, kModelRings> ended{};
    std::array<std::uint32_t, kModelRings> mail{};  // to the worker of that ring: position + 1
    // Shared memory of the blocks.
    std::array<std::uint64_t, kModelRings> turn{};
    std::array<std::uint32_t, kModelRings> closed{};
    std::array<std::uint32_t, kModelRings> told{};
  };

  template <class Word>
  static Word look(const Word& word) {
    return Memory::load(&word, Order::acquire);
  }
  template <class Word>
  static void put(Word& word, Word value) {
    Memory::store(&word, value, Order::release);
  }

  // ---- the host ----

  void host() {
    std::array<std::uint32_t, kModelRings> next{};
    for (const Publication& item : setup_.items) {
      if (world_.choose(2) == 0) rest(next);
      put(memory_.slots[item.ring][next[item.ring]++], static_cast<std::uint32_t>(item.piece));
      doorbell();
    }
    for (std::uint32_t q = 0; q < kModelRings; ++q) {
      while (look(memory_.ended_count[q]) != next[q]) world_.park();
    }
    put(memory_.stop, 1u);
    while (look(memory_.gone) != launches_ended()) world_.park();
    put(memory_.launches, kOver);
  }
  /// Where nothing is under way: until the kernel parks, if it still tries to.
  void rest(const std::array<std::uint32_t, kModelRings>& published) {
    for (std::uint32_t q = 0; q < kModelRings; ++q) {
      if (look(memory_.ended_count[q]) != published[q]) return;
    }
    resting_ = true;
    while (tries_ != 0 && look(memory_.gone) != launches_ended()) {
      // Or until it is about to.
      if (look(memory_.leaving) != 0 && world_.choose(3) != 0) break;
      world_.park();
    }
    resting_ = false;
  }
  [[nodiscard]] std::uint32_t launches_ended() const {
    return look(memory_.launches) * kKernelThreads;
  }
  void doorbell() {
    if (!setup_.bugs.rings_unfenced) world_.fence_seq_cst();
    const std::uint32_t leaving = Memory::load(&memory_.leaving, Order::relaxed);
    const std::uint32_t epoch = look(memory_.launches);  // ours alone
    if (leaving != 0 && leaving == epoch) {
      tries_ = kTries;
      put(memory_.launches, epoch + 1);
    }
  }

  // ---- a launch: begins when it is queued and the one before has ended ----

  template <class Role>
  void in_launches(const Role& role, bool prepares) {
    for (std::uint32_t epoch = 1;; ++epoch) {
      for (;;) {
        const std::uint32_t queued = look(memory_.launches);
        if (queued == kOver) return;
        if (prepares ? queued >= epoch && look(memory_.gone) == (epoch - 1) * kKernelThreads
                     : look(memory_.ready) >= epoch)
          break;
        world_.park();
      }
      if (prepares) prepare(epoch);
      role(epoch);
      (void)Memory::fetch_add_acq_rel(&memory_.gone, 1u);
    }
  }
  void prepare(std::uint32_t epoch) {
    put(memory_.leave, cuda::megakernel::leave_word(Leave::stay, 0));
    for (std::uint32_t q = 0; q < kModelRings; ++q) {
      put(memory_.closed_blocks[q], 0u);
      put(memory_.closed[q], 0u);
      put(memory_.told[q], 0u);
    }
    put(memory_.ready, epoch);
  }

  // ---- keepers ----

  struct Leader {
    Departure departure;
    std::uint64_t now{0};
  };

  void keep(std::uint32_t q, std::uint32_t epoch) {
    Leader leader;
    std::uint64_t published = ~std::uint64_t{0};
    std::uint32_t told_closed = 0;
    for (;;) {
      if (q == 0) lead(leader, epoch);
      const std::uint32_t word = look(memory_.leave);
      const std::uint32_t told = cuda::megakernel::ring_word(word, false);
      if (told != look(memory_.told[q])) put(memory_.told[q], told);
      const std::uint32_t how = look(memory_.closed[q]);
      const std::uint64_t turn = look(memory_.turn[q]);
      if (turn != published) {
        put(memory_.position[q], turn);
        published = turn;
      }
      const bool closed = cuda::megakernel::is_closed(how, word);
      if (cuda::megakernel::must_open(how, word)) put(memory_.closed[q], 0u);
      const std::uint32_t attempt = cuda::megakernel::attempt_of(word);
      if (closed && attempt != 0 && attempt != told_closed) {
        told_closed = attempt;
        put(memory_.closed_blocks[q], attempt);
      }
      if (cuda::megakernel::leave_of(word) == Leave::go) return;
      world_.park();
    }
  }

  [[nodiscard]] bool quiet() const {
    bool busy = false;
    for (std::uint32_t q = 0; q < kModelRings; ++q) {
      const std::uint64_t position = look(memory_.position[q]);
      busy = busy || look(memory_.ended_count[q]) != position;
    }
    return !busy;
  }

  /// A try's time is over at the next look: a leader that has no news may be looking again for that
  /// alone.
  void lead(Leader& leader, std::uint32_t epoch) {
    leader.now += cuda::megakernel::kParkTryNs;
    Departure::Look seen;
    seen.now = leader.now;
    seen.stop = Memory::load(&memory_.stop, Order::relaxed) != 0;
    if (leader.departure.under_way()) {
      seen.closed = true;
      for (const std::uint32_t& closed : memory_.closed_blocks) {
        seen.closed =
            cuda::megakernel::is_closed(look(closed), leader.departure.word()) && seen.closed;
      }
      seen.quiet = quiet();
      if (setup_.bugs.never_stays && !(seen.closed && seen.quiet)) {
        seen.closed = false;
        seen.quiet = true;
      }
    } else if (tries_ != 0 && quiet() && (resting_ || world_.choose(4) != 0)) {
      seen.idle = true;
      --tries_;
    }
    const bool parks = !seen.stop;
    const Departure::Act act = leader.departure.decide(seen);
    switch (act) {
      case Departure::Act::none:
        break;
      case Departure::Act::ask:
      case Departure::Act::withdraw:
        Memory::store(&memory_.leaving, act == Departure::Act::ask ? epoch : 0u, Order::relaxed);
        if (!setup_.bugs.parks_unfenced) world_.fence_seq_cst();
        put(memory_.leave, leader.departure.word());
        if (act == Departure::Act::withdraw) ++stayed_;
        break;
      case Departure::Act::go:
        put(memory_.leave, leader.departure.word());
        if (parks) ++parked_;
        break;
    }
  }

  // ---- pollers ----

  struct Ring {
    ResidentScenario& of;
    std::uint32_t q;
    void advance(std::uint32_t slot) {
      if (!of.setup_.bugs.holds_position) put(of.memory_.turn[q], std::uint64_t{slot});
    }
    void pass(std::uint32_t slot) { put(of.memory_.turn[q], std::uint64_t{slot}); }
    void start(std::uint32_t from, std::uint32_t upto) {
      for (std::uint32_t p = from; p < upto; ++p) {
        const auto piece = static_cast<Piece>(of.memory_.slots[q][p]);
        if (piece == Piece::nop || piece == Piece::after_all) {
          of.end(q, p);
        } else {
          while (look(of.memory_.mail[q]) != 0) of.world_.park();
          put(of.memory_.mail[q], p + 1);
        }
      }
    }
    void await(std::uint32_t slot) {
      while (look(of.memory_.ended_count[q]) != slot) of.world_.park();
    }
  };

  void poll(std::uint32_t q) {
    for (;;) {
      if (look(memory_.closed[q]) != 0) {
        if (cuda::megakernel::leave_of(look(memory_.told[q])) == Leave::go) return;
        world_.park();
        continue;
      }
      const std::uint32_t word = look(memory_.told[q]);
      if (cuda::megakernel::closes_at_once(word)) {
        put(memory_.closed[q], cuda::megakernel::closed_by(word));
        continue;
      }
      const auto from = static_cast<std::uint32_t>(look(memory_.turn[q]));
      std::uint32_t upto = from;
      std::uint32_t waiting = 0;
      while (upto < kModelRingItems && look(memory_.slots[q][upto]) != 0) {
        if (static_cast<Piece>(memory_.slots[q][upto]) == Piece::after_all) waiting |= 1u << upto;
        ++upto;
      }
      if (upto == from) {
        if (cuda::megakernel::leave_of(word) != Leave::stay) {
          put(memory_.closed[q], cuda::megakernel::closed_by(word));
        } else {
          world_.park();
        }
        continue;
      }
      Ring ring{*this, q};
      cuda::megakernel::start_in_order(ring, from, upto, waiting);
    }
  }

  // ---- workers ----

  void work(std::uint32_t w) {
    for (;;) {
      const std::uint32_t letter = look(memory_.mail[w]);
      if (letter == 0) {
        if (cuda::megakernel::leave_of(look(memory_.leave)) == Leave::go) return;
        world_.park();
        continue;
      }
      const std::uint32_t p = letter - 1;
      if (static_cast<Piece>(memory_.slots[w][p]) == Piece::patient) {
        while (look(memory_.ended[1 - w][0]) == 0) world_.park();
      }
      put(memory_.mail[w], 0u);
      end(w, p);
    }
  }
  void end(std::uint32_t q, std::uint32_t p) {
    ++ends_[q][p];
    put(memory_.ended[q][p], 1u);
    (void)Memory::fetch_add_acq_rel(&memory_.ended_count[q], std::uint64_t{1});
  }

  void check(Outcome& outcome) const {
    std::array<std::uint32_t, kModelRings> next{};
    for (const Publication& item : setup_.items) {
      const std::uint32_t p = next[item.ring]++;
      if (ends_[item.ring][p] == 1) continue;
      outcome.ending = Ending::failed;
      outcome.what = "item " + std::to_string(p) + " of ring " + std::to_string(item.ring) +
                     " ended " + std::to_string(ends_[item.ring][p]) + " times";
    }
  }

  ResidentSetup setup_;
  World world_;
  Words memory_;
  // Of the test, not of the memory under test; one thread runs at a time.
  std::array<std::array<std::uint32_t, kModelRingItems>, kModelRings> ends_{};
  std::uint32_t tries_{0};  // to park, that the kernel still makes before the next launch
  bool resting_{false};
  std::uint32_t parked_{0};
  std::uint32_t stayed_{0};
};

}  // namespace vyre::model
