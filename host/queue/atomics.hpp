// The atomics policy of the rings, and the host's instance of it.
// A ring never names std::atomic: it works on plain words through a policy, so that one source runs
// over pinned memory on the host, under the seeded scheduler of test/model, and on the device with
// PTX accesses. A policy has load, store, compare_exchange, fetch_or (on 32- and 64-bit words) and
// load_slot, store_slot; a host-side one also fetch_add_acq_rel (end_marks.hpp). Spec:
// docs/internals/memory-model.md.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"
#include "protocol/ring.hpp"

// Before each host/device template that calls its policy: which side it is for is the policy's
// affair.
#if defined(__CUDACC__)
#define VYRE_SIDE_OF_POLICY _Pragma("nv_exec_check_disable")
#else
#define VYRE_SIDE_OF_POLICY
#endif

namespace vyre::queue {

enum class Order : std::uint8_t { relaxed, acquire, release, acq_rel };

/// A slot taken word by word. Word 0 decides, with acquire, whether the slot is new; only then are
/// the others read.
VYRE_SIDE_OF_POLICY
template <class Atomics>
[[nodiscard]] VYRE_HD bool load_slot_by_words(const RingSlot* slot, std::uint32_t phase,
                                              RingSlot* out) noexcept {
  const std::uint32_t head = Atomics::load(&slot->word[0], Order::acquire);
  if ((head & kSlotPhaseBit) != phase) return false;
  out->word[0] = head;
  for (int i = 1; i < 4; ++i) out->word[i] = Atomics::load_payload(&slot->word[i]);
  return true;
}

/// A slot published word by word: the payload first, word 0 last with release.
VYRE_SIDE_OF_POLICY
template <class Atomics>
VYRE_HD void store_slot_by_words(RingSlot* slot, const RingSlot& value) noexcept {
  for (int i = 1; i < 4; ++i) Atomics::store_payload(&slot->word[i], value.word[i]);
  Atomics::store(&slot->word[0], value.word[0], Order::release);
}

/// Real atomics on the host. Publishing is three relaxed stores and one release store into one
/// cache line rather than a 16-byte vector store: on x86-64 both become visible in order, the
/// sanitizers can check this one, and a device that reads the slot with one 16-byte access reads
/// one snapshot of the line, so a new word 0 brings the new payload with it.
struct HostAtomics {
  static constexpr int builtin(Order order) noexcept {
    return order == Order::relaxed   ? __ATOMIC_RELAXED
           : order == Order::acquire ? __ATOMIC_ACQUIRE
           : order == Order::release ? __ATOMIC_RELEASE
                                     : __ATOMIC_ACQ_REL;
  }
  template <class Word>
  [[nodiscard]] static Word load(const Word* word, Order order) noexcept {
    return order == Order::acquire ? __atomic_load_n(word, __ATOMIC_ACQUIRE)
                                   : __atomic_load_n(word, __ATOMIC_RELAXED);
  }
  template <class Word>
  static void store(Word* word, Word value, Order order) noexcept {
    if (order == Order::release) {
      __atomic_store_n(word, value, __ATOMIC_RELEASE);
    } else {
      __atomic_store_n(word, value, __ATOMIC_RELAXED);
    }
  }
  /// Strong; on failure `expected` becomes what was found, read relaxed. Success is relaxed too:
  /// every use says why.
  template <class Word>
  [[nodiscard]] static bool compare_exchange(Word* word, Word& expected, Word desired) noexcept {
    return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
  }
  /// The same with success acquire: takes over what fetch_or_release() handed on.
  template <class Word>
  [[nodiscard]] static bool compare_exchange_acquire(Word* word, Word& expected,
                                                     Word desired) noexcept {
    return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
  }
  template <class Word>
  static Word fetch_or(Word* word, Word bits) noexcept {
    return __atomic_fetch_or(word, bits, __ATOMIC_RELAXED);
  }
  template <class Word>
  static Word fetch_or_release(Word* word, Word bits) noexcept {
    return __atomic_fetch_or(word, bits, __ATOMIC_RELEASE);
  }
  /// Returns the old value. Every addition passes on what the ones before it published.
  template <class Word>
  static Word fetch_add_acq_rel(Word* word, Word value) noexcept {
    return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
  }
  // Payload words are ordered by word 0 alone; relaxed atomics only so that no access is ever a
  // data race.
  [[nodiscard]] static std::uint32_t load_payload(const std::uint32_t* word) noexcept {
    return load(word, Order::relaxed);
  }
  static void store_payload(std::uint32_t* word, std::uint32_t value) noexcept {
    store(word, value, Order::relaxed);
  }
  [[nodiscard]] static bool load_slot(const RingSlot* slot, std::uint32_t phase,
                                      RingSlot* out) noexcept {
    return load_slot_by_words<HostAtomics>(slot, phase, out);
  }
  static void store_slot(RingSlot* slot, const RingSlot& value) noexcept {
    store_slot_by_words<HostAtomics>(slot, value);
  }
};

}  // namespace vyre::queue
