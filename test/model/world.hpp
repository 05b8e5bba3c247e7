// One execution of a few threads over modelled memory, one at a time, as a Chooser decides at every
// atomic access. Test support. The memory is an operational form of C++'s acquire/release atomics:
// every location keeps all values written in this execution; a load may return any of them that is
// not older than what the thread knows of; a release store carries what its thread knew, an acquire
// load of it takes that over; read-modify-writes read the newest. That covers store buffering,
// stale reads and missing fences. Payload words are plain memory under a vector-clock race
// detector: an unordered pair of accesses is a failure even if the values happen to be right. Not
// modelled: loads that see later stores of other threads (load buffering).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/chooser.hpp"
#include "model/fiber.hpp"
#include "queue/atomics.hpp"

namespace vyre::model {

inline constexpr std::uint32_t kMaxThreads{8};
inline constexpr std::uint32_t kMaxLocations{48};  // atomic words of one scenario
using VectorClock = std::array<std::uint32_t, kMaxThreads>;

enum class Ending : std::uint8_t {
  finished,  // every thread ran to its end (or was killed)
  failed,    // World::fail, or a race
  stuck,     // every thread that is left waits, and sees the newest of everything
  too_long,  // more steps than any correct execution of these small scenarios takes
};

struct Outcome {
  Ending ending{Ending::finished};
  std::string what;
  std::uint32_t steps{0};
};

/// A thread stops for ever before its access number at_step (from 0).
struct Kill {
  std::uint32_t thread{~0u};
  std::uint32_t at_step{0};
};

class World {
 public:
  World();
  ~World();

  /// Runs the bodies to the end. The memory's first values are what lies in it; afterwards the
  /// newest values lie there.
  Outcome run(const std::vector<std::function<void()>>& bodies, Chooser& chooser,
              Kill kill = Kill{}, std::uint32_t max_steps = 20'000);

  // For bodies.
  static World& current();
  /// Nothing to do until somebody writes something.
  void park();
  void fail(const std::string& what);
  /// One of 0 .. options - 1, as the schedule decides; 0 is the likely one.
  [[nodiscard]] std::uint32_t choose(std::uint32_t options) { return chooser_->thread(options); }
  /// Of two threads that each store, fence and load what the other stored, one sees the other.
  void fence_seq_cst();
  [[nodiscard]] bool was_killed() const { return killed_; }

  // For the policy.
  [[nodiscard]] std::uint64_t load(const void* word, std::uint64_t now, bool acquire);
  /// Returns after noting the message; the caller writes the real word.
  void store(const void* word, std::uint64_t now, std::uint64_t value, bool release);
  /// Reads the newest; `acq_rel` only where asked.
  void read_modify_write(const void* word, std::uint64_t now, std::uint64_t value, bool acquire,
                         bool release);
  void before_access();
  void payload_load(const void* word);
  void payload_store(const void* word);

 private:
  struct Knowledge {
    VectorClock clock{};
    std::array<std::uint16_t, kMaxLocations> seen{};  // by location: the oldest message it may read
  };
  struct Message {
    std::uint64_t value{0};
    bool release{false};
    Knowledge knowledge;  // of the releasing thread (and of a release sequence that it continues)
  };
  struct Location {
    std::vector<Message> messages;
  };
  struct Payload {
    std::uint32_t writer{0};
    std::uint32_t write_clock{0};
    VectorClock read_clock{};
  };
  enum class State : std::uint8_t { runnable, parked, done, dead };
  struct Thread {
    std::unique_ptr<Fiber> fiber;
    State state{State::done};
    Knowledge knowledge;
    std::uint64_t parked_at{0};
    std::uint32_t accesses{0};
    bool fresh{false};  // reads the newest: memory becomes visible in the end
    std::uint64_t fresh_since{0};
    bool parked_fresh{false};  // parked although it had
  };

  std::uint32_t location_of(const void* word, std::uint64_t now);
  static void join(Knowledge& into, const Knowledge& from);
  bool pick_next();
  Thread& self() { return threads_[running_]; }

  std::vector<Thread> threads_;
  std::uint32_t count_{0};
  std::uint32_t running_{0};
  Chooser* chooser_{nullptr};
  Kill kill_;
  bool killed_{false};
  std::uint64_t writes_{0};
  std::uint32_t steps_{0};
  std::uint32_t max_steps_{0};
  bool chosen_{false};  // running_ is already the thread to go on with
  std::unordered_map<const void*, std::uint32_t> location_index_;
  std::vector<Location> locations_;
  std::array<std::uint16_t, kMaxLocations> fenced_{};  // by location: what the last fence knew of
  std::unordered_map<const void*, Payload> payloads_;
  std::string failure_;
  bool failed_{false};
};

/// The atomics policy over World. Self is the most derived policy, so that a planted bug in one
/// access reaches the slot functions too.
template <class Self>
struct ModelPolicy {
  using Order = queue::Order;
  template <class Word>
  [[nodiscard]] static Word load(const Word* word, Order order) noexcept {
    World& world = World::current();
    world.before_access();
    return static_cast<Word>(world.load(word, *word, order == Order::acquire));
  }
  template <class Word>
  static void store(Word* word, Word value, Order order) noexcept {
    World& world = World::current();
    world.before_access();
    world.store(word, *word, value, order == Order::release);
    *word = value;
  }
  template <class Word>
  [[nodiscard]] static bool compare_exchange(Word* word, Word& expected, Word desired) noexcept {
    return exchange_if(word, expected, desired, false);
  }
  template <class Word>
  [[nodiscard]] static bool compare_exchange_acquire(Word* word, Word& expected,
                                                     Word desired) noexcept {
    return exchange_if(word, expected, desired, true);
  }
  template <class Word>
  static Word fetch_or(Word* word, Word bits) noexcept {
    return add_bits(word, bits, false);
  }
  template <class Word>
  static Word fetch_add(Word* word, Word value) noexcept {
    return add(word, value, false, false);
  }
  template <class Word>
  static Word fetch_or_release(Word* word, Word bits) noexcept {
    return add_bits(word, bits, true);
  }
  template <class Word>
  static Word fetch_add_acq_rel(Word* word, Word value) noexcept {
    return add(word, value, true, true);
  }
  [[nodiscard]] static std::uint32_t load_payload(const std::uint32_t* word) noexcept {
    World::current().payload_load(word);
    return *word;
  }
  static void store_payload(std::uint32_t* word, std::uint32_t value) noexcept {
    World& world = World::current();
    world.before_access();  // a producer may be lost between two payload words
    world.payload_store(word);
    *word = value;
  }
  [[nodiscard]] static bool load_slot(const RingSlot* slot, std::uint32_t phase,
                                      RingSlot* out) noexcept {
    return queue::load_slot_by_words<Self>(slot, phase, out);
  }
  static void store_slot(RingSlot* slot, const RingSlot& value) noexcept {
    queue::store_slot_by_words<Self>(slot, value);
  }

 protected:
  template <class Word>
  static Word add(Word* word, Word value, bool acquire, bool release) noexcept {
    World& world = World::current();
    world.before_access();
    const Word old = *word;
    world.read_modify_write(word, old, old + value, acquire, release);
    *word = old + value;
    return old;
  }

 private:
  template <class Word>
  static bool exchange_if(Word* word, Word& expected, Word desired, bool acquire) noexcept {
    World& world = World::current();
    world.before_access();
    if (*word != expected) {
      expected = *word;
      return false;
    }
    world.read_modify_write(word, *word, desired, acquire, false);
    *word = desired;
    return true;
  }
  template <class Word>
  static Word add_bits(Word* word, Word bits, bool release) noexcept {
    World& world = World::current();
    world.before_access();
    const Word old = *word;
    world.read_modify_write(word, old, old | bits, false, release);
    *word = old | bits;
    return old;
  }
};
struct ModelAtomics : ModelPolicy<ModelAtomics> {};

}  // namespace vyre::model
