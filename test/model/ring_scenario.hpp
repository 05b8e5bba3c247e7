// A queue of a few slots under the model: producers, a poller that works itself or hands items to
// workers (who end them in any order), a collector, a closer, and if wanted a reaper. It knows what
// has to come out and says what did not. Test support.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/explore.hpp"
#include "model/world.hpp"
#include "queue/completion_ring.hpp"
#include "queue/submission_ring.hpp"

namespace vyre::model {

struct RingSetup {
  std::uint32_t slots{2};
  std::uint32_t completion_slots{2};
  std::uint32_t producers{2};
  std::uint32_t items_each{3};
  std::uint32_t batch{2};           // reserved at once
  std::uint64_t first_position{0};  // where the rings stand at the beginning
  bool reaper{false};               // gives up unpublished slots at any time
  std::uint32_t close_after_steps{
      0};                 // closes the ring after that many looks; 0 = when the producers are done
  bool impatient{false};  // deadline passed: a full ring ends the producer's attempt
  std::uint32_t credit_slots{
      0};                    // what the producers believe completion_slots to be; 0 = the truth
  std::uint32_t workers{0};  // threads that post; 0 = the poller does, a batch from its far end
  bool asks_ahead{false};    // the collector asks for one item behind the oldest first
  bool owned{false};         // one producer, without claims
  bool runs{false};          // a batch is published by try_publish_run

  // Bugs on purpose.
  std::uint32_t writer_slots{0};  // what the workers believe completion_slots to be; 0 = the truth
  bool forgets_seen{false};       // the reader loses its bits
  bool credits_by_count{false};   // collected = completions read, however far behind the oldest
};

inline constexpr std::uint32_t kMaxModelSlots{4};
inline constexpr std::uint32_t kMaxModelItems{32};
inline constexpr std::uint32_t kMaxModelWorkers{2};

/// The memory of a queue that has been running: positions start at `first`, slots carry the lap
/// before.
struct ModelMemory {
  std::array<RingSlot, kMaxModelSlots> slots{};
  std::array<RingSlot, kMaxModelSlots> completions{};
  ProducerWords words{};
  RingPosition taken{};
  RingPosition collected{};
  std::array<std::uint64_t, kMaxModelSlots> claims{};
  std::array<std::uint64_t, 1> seen{};  // the reader's own: not modelled
  /// From the poller to a worker: position + 1, 0 = idle, kLeave = go home.
  std::array<std::uint64_t, kMaxModelWorkers> mail{};

  void reset(const RingSetup& setup) {
    *this = {};
    const std::uint64_t first = setup.first_position;
    const auto prepare = [first](auto& ring, queue::RingGeometry geometry) {
      for (std::uint64_t p = first; p < first + geometry.slots(); ++p) {
        ring[geometry.index(p)].word[0] = geometry.phase_bit(p) ^ kSlotPhaseBit;
      }
    };
    const auto geometry = queue::RingGeometry::of(setup.slots);
    prepare(slots, geometry);
    prepare(completions, queue::RingGeometry::of(setup.completion_slots));
    for (std::uint64_t p = first; p < first + setup.slots; ++p) claims[geometry.index(p)] = p;
    words.tail = words.limit_cache = taken.position = first;
    collected.position = first;
  }
};

/// What happened to one position.
struct Fate {
  std::uint8_t published{0};  // try_publish said yes
  std::uint8_t told_abandoned{0};
  std::uint8_t taken{0};
  std::uint8_t taken_void{0};  // came out of the ring as abandoned
  std::uint8_t collected{0};
  std::uint32_t payload{0};     // that the producer meant to publish
  std::uint32_t completion{0};  // that the worker posted
};

template <class Policy>
class RingScenario {
 public:
  explicit RingScenario(const RingSetup& setup) : setup_{setup} {}

  Outcome run(Chooser& chooser, Kill kill = Kill{}) {
    memory_.reset(setup_);
    fates_ = {};
    producers_left_ = setup_.producers;
    end_ = ~std::uint64_t{0};
    accepted_ = 0;
    rejected_ = 0;
    closed_out_ = 0;
    out_of_order_ = 0;
    geometry_ = queue::RingGeometry::of(setup_.slots);
    std::vector<std::function<void()>> bodies;
    for (std::uint32_t p = 0; p < setup_.producers; ++p)
      bodies.emplace_back([this, p] { produce(p); });
    bodies.emplace_back([this] { poll(); });
    bodies.emplace_back([this] { collect(); });
    bodies.emplace_back([this] { close(); });
    for (std::uint32_t w = 0; w < setup_.workers; ++w) bodies.emplace_back([this, w] { work(w); });
    if (setup_.reaper) bodies.emplace_back([this] { reap(); });
    Outcome outcome = world_.run(bodies, chooser, kill);
    if (outcome.ending == Ending::finished) check(outcome);
    return outcome;
  }

  /// A producer died after its claim and before its last store: the one case that has no way on
  /// (AbandonWatch names it wedged).
  [[nodiscard]] bool wedged() const {
    const std::uint64_t stuck = memory_.taken.position;
    const std::uint32_t head = memory_.slots[geometry_.index(stuck)].word[0];
    return world_.was_killed() && (memory_.words.tail & ~kRingClosedBit) > stuck &&
           memory_.claims[geometry_.index(stuck)] == stuck + setup_.slots &&
           (head & kSlotPhaseBit) != geometry_.phase_bit(stuck);
  }
  [[nodiscard]] std::uint32_t accepted() const { return accepted_; }
  [[nodiscard]] std::uint32_t rejected() const { return rejected_; }
  [[nodiscard]] std::uint32_t closed_out() const { return closed_out_; }
  /// Completions that came before that of an older item.
  [[nodiscard]] std::uint32_t out_of_order() const { return out_of_order_; }
  [[nodiscard]] std::uint32_t reaped() const {
    std::uint32_t n = 0;
    for (const Fate& fate : fates_) n += fate.taken_void;
    return n;
  }
  [[nodiscard]] ModelMemory& memory() { return memory_; }

 private:
  using Producer = queue::SubmissionProducer<Policy>;
  static constexpr std::uint64_t kLeave{~std::uint64_t{0}};

  Producer producer() {
    return {memory_.slots.data(),
            &memory_.words,
            setup_.owned ? nullptr : memory_.claims.data(),
            &memory_.taken,
            &memory_.collected,
            geometry_,
            setup_.credit_slots != 0 ? setup_.credit_slots : setup_.completion_slots};
  }
  Fate& fate(std::uint64_t position) {
    const std::uint64_t at = position - setup_.first_position;
    if (at >= kMaxModelItems)
      world_.fail("position " + std::to_string(position) + " was never handed out");
    return fates_[at];
  }
  static MegakernelWorkItem item(std::uint32_t payload) {
    return {payload, payload ^ 0x5555, payload * 31, ~payload};
  }

  void produce(std::uint32_t id) {
    const Producer ring = producer();
    std::uint32_t left = setup_.items_each;
    while (left != 0) {
      const queue::Reservation got = ring.try_reserve(std::min(left, setup_.batch));
      if (got.outcome == queue::TakeOutcome::closed) {
        closed_out_ += left;
        break;
      }
      if (got.outcome == queue::TakeOutcome::full) {
        if (setup_.impatient) {
          ++rejected_;
          --left;
        } else {
          world_.park();
        }
        continue;
      }
      if (setup_.runs) {
        publish_run(ring, got, 1 + id * 100 + (setup_.items_each - left));
        left -= got.count;
        continue;
      }
      for (std::uint32_t i = 0; i < got.count; ++i) {
        const std::uint32_t payload = 1 + id * 100 + (setup_.items_each - left) + i;
        Fate& mine = fate(got.first + i);
        mine.payload = payload;
        ++accepted_;
        if (setup_.owned) {
          ring.publish_owned(got.first + i, item(payload), 0);
          ++mine.published;
        } else if (ring.try_publish(got.first + i, item(payload), 0)) {
          ++mine.published;
        } else {
          ++mine.told_abandoned;
        }
      }
      left -= got.count;
    }
    --producers_left_;
  }

  void publish_run(const Producer& ring, const queue::Reservation& got, std::uint32_t payload) {
    std::array<MegakernelWorkItem, kMaxModelSlots> items{};
    for (std::uint32_t i = 0; i < got.count; ++i) {
      items.at(i) = item(payload + i);
      fate(got.first + i).payload = payload + i;
      ++accepted_;
    }
    const std::uint32_t ours = ring.try_publish_run(got.first, items.data(), got.count, 0);
    for (std::uint32_t i = 0; i < got.count; ++i) {
      Fate& mine = fate(got.first + i);
      ++((ours >> i & 1) != 0 ? mine.published : mine.told_abandoned);
    }
  }

  void poll() {
    queue::SubmissionConsumer<Policy> ring{memory_.slots.data(), &memory_.taken, geometry_,
                                           setup_.first_position};
    while (ring.position != end_) {
      std::array<queue::TakenItem, 2> taken;
      const std::uint32_t n = ring.take(taken.data(), 2);
      if (n == 0) {
        world_.park();
        continue;
      }
      for (std::uint32_t i = 0; i < n; ++i) {
        const std::uint64_t position = ring.position - n + i;
        Fate& it = fate(position);
        ++it.taken;
        if ((taken[i].flags & kQueueFlagAbandoned) != 0) {
          ++it.taken_void;
        } else {
          const MegakernelWorkItem want = item(it.payload);
          const MegakernelWorkItem& got = taken[i].item;
          if (got.op_handle != want.op_handle || got.input_handle != want.input_handle ||
              got.output_handle != want.output_handle || got.param != want.param) {
            world_.fail("position " + std::to_string(position) +
                        " came out as something that nobody put in");
          }
        }
        it.completion = it.payload + 1000;
      }
      ring.release();
      for (std::uint64_t p = ring.position; setup_.workers == 0 && p-- != ring.position - n;)
        post(p);
      for (std::uint64_t p = ring.position - n; setup_.workers != 0 && p < ring.position; ++p)
        hand_over(p + 1);
    }
    for (std::uint32_t w = 0; w < setup_.workers; ++w) hand_over(kLeave);
  }

  void post(std::uint64_t position) {
    const std::uint32_t slots =
        setup_.writer_slots != 0 ? setup_.writer_slots : setup_.completion_slots;
    queue::RingGeometry geometry = queue::RingGeometry::of(setup_.completion_slots);
    geometry.shift = queue::RingGeometry::of(slots).shift;
    const queue::CompletionWriter<Policy> writer{memory_.completions.data(), geometry};
    writer.post(position, Completion::make(CompletionStatus::done, FaultCode::none,
                                           static_cast<std::uint32_t>(position),
                                           fate(position).completion, 0, 0));
  }

  // The run queue of a backend, as small as can be.
  void hand_over(std::uint64_t letter) {
    for (;;) {
      for (std::uint64_t& mail : memory_.mail) {
        if (&mail == memory_.mail.data() + setup_.workers) break;
        if (Policy::load(&mail, queue::Order::acquire) != 0) continue;
        Policy::store(&mail, letter, queue::Order::release);
        return;
      }
      world_.park();
    }
  }
  void work(std::uint32_t id) {
    std::uint64_t& mail = memory_.mail[id];
    for (;;) {
      const std::uint64_t letter = Policy::load(&mail, queue::Order::acquire);
      if (letter == kLeave) return;
      if (letter == 0) {
        world_.park();
        continue;
      }
      post(letter - 1);
      Policy::store(&mail, std::uint64_t{0}, queue::Order::release);
    }
  }

  void collect() {
    queue::CompletionReader<Policy> ring{
        memory_.completions.data(), &memory_.collected, memory_.seen.data(),
        queue::RingGeometry::of(setup_.completion_slots), setup_.first_position};
    const Producer submissions = producer();
    std::uint64_t sum = setup_.first_position;
    while (ring.position != end_) {
      std::array<queue::TakenCompletion, 2> done;
      std::uint32_t n = 0;
      if (setup_.asks_ahead && ring.take_at(ring.position + 1, done.data())) n = 1;
      if (n == 0) n = ring.take(done.data(), 2, submissions.tail());
      if (n == 0) {
        world_.park();
        continue;
      }
      for (std::uint32_t i = 0; i < n; ++i) {
        Fate& it = fate(done[i].position);
        ++it.collected;
        if (done[i].completion.workgroup != it.completion ||
            done[i].completion.position_low != static_cast<std::uint32_t>(done[i].position)) {
          world_.fail("a completion came out as something else");
        }
        if (ring.position <= done[i].position) ++out_of_order_;
      }
      sum += n;
      if (setup_.forgets_seen) memory_.seen = {};
      if (setup_.credits_by_count) {
        Policy::store(&memory_.collected.position, sum, queue::Order::release);
      } else {
        ring.release();
      }
    }
  }

  void close() {
    std::uint32_t looks = 0;
    const Producer ring = producer();
    for (;;) {
      (void)Policy::load(&memory_.words.tail, queue::Order::relaxed);  // a step
      ++looks;
      if (setup_.close_after_steps != 0
              ? looks >= setup_.close_after_steps
              : producers_left_ == 0 || (world_.was_killed() && producers_left_ == 1)) {
        break;
      }
      world_.park();
      if (setup_.close_after_steps != 0 && producers_left_ == 0) break;
    }
    end_ = ring.close();
  }

  void reap() {
    const Producer ring = producer();
    for (;;) {
      const std::uint64_t from = Policy::load(&memory_.taken.position, queue::Order::relaxed);
      const std::uint64_t to = ring.tail();
      for (std::uint64_t p = from; p < to; ++p) (void)ring.reap(p);
      if (from == end_) return;
      world_.park();
    }
  }

  void check(Outcome& outcome) {
    const auto bad = [&outcome](const std::string& what) {
      outcome.ending = Ending::failed;
      outcome.what = what;
    };
    for (std::uint64_t p = setup_.first_position; p < setup_.first_position + kMaxModelItems; ++p) {
      const Fate& it = fates_[p - setup_.first_position];
      const std::string name = "position " + std::to_string(p);
      if (p >= end_) {
        if (it.published + it.told_abandoned + it.taken + it.collected != 0)
          bad(name + " is beyond the final tail");
        continue;
      }
      if (it.taken != 1) bad(name + " was taken " + std::to_string(it.taken) + " times");
      if (it.collected != 1) bad(name + " completed " + std::to_string(it.collected) + " times");
      if (it.published + it.told_abandoned > 1) bad(name + " was answered twice");
      if (it.published != 0 && it.taken_void != 0) bad(name + " was published and given up");
      if (it.told_abandoned != 0 && it.taken_void == 0)
        bad(name + " was refused to its producer and yet ran");
      if (!world_.was_killed() && it.published + it.told_abandoned != 1)
        bad(name + " has no answer");
    }
    if (!world_.was_killed() &&
        accepted_ + rejected_ + closed_out_ != setup_.producers * setup_.items_each) {
      bad("items were lost: " + std::to_string(accepted_) + " accepted, " +
          std::to_string(rejected_) + " full, " + std::to_string(closed_out_) + " closed");
    }
  }

  RingSetup setup_;
  World world_;
  ModelMemory memory_;
  queue::RingGeometry geometry_;
  std::array<Fate, kMaxModelItems> fates_{};
  // Of the test, not of the memory under test; one thread runs at a time.
  std::uint32_t producers_left_{0};
  std::uint64_t end_{0};
  std::uint32_t accepted_{0};
  std::uint32_t rejected_{0};
  std::uint32_t closed_out_{0};
  std::uint32_t out_of_order_{0};
};

}  // namespace vyre::model
