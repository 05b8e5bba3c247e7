// Owns the memory of a queue and hands out its views. Called at session open and close only.
#include "queue/queue.hpp"

#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "base/message.hpp"

namespace vyre::queue {
namespace {

constexpr std::uint64_t kLine{64};

std::uint64_t round_to_line(std::uint64_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine;
}

bool power_of_two(std::uint32_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

Status check(const QueueOptions& options) {
  if (!power_of_two(options.slots) || options.slots < kMinRingSlots ||
      options.slots > kMaxRingSlots) {
    return fail(Errc::invalid_argument,
                message("a ring of {} slots is not possible: choose a power of two from {} to {}",
                        options.slots, kMinRingSlots, kMaxRingSlots));
  }
  const std::uint32_t completions =
      options.completion_slots == 0 ? options.slots : options.completion_slots;
  if (!power_of_two(completions) || completions < options.slots || completions > kMaxRingSlots) {
    return fail(Errc::invalid_argument,
                message("a completion ring of {} slots does not fit a submission ring of {}: "
                        "choose a power of two from there to {}",
                        completions, options.slots, kMaxRingSlots));
  }
  return {};
}

QueueOptions resolved(QueueOptions options) {
  if (options.completion_slots == 0) options.completion_slots = options.slots;
  return options;
}

}  // namespace

SharedLayout SharedLayout::of(const QueueOptions& given) noexcept {
  const QueueOptions options = resolved(given);
  SharedLayout layout{};
  layout.taken_offset = 0;
  layout.collected_offset = layout.taken_offset + sizeof(RingPosition);
  layout.submission_slots_offset = layout.collected_offset + sizeof(RingPosition);
  layout.completion_slots_offset = round_to_line(layout.submission_slots_offset +
                                                 std::uint64_t{options.slots} * sizeof(RingSlot));
  layout.bytes = round_to_line(layout.completion_slots_offset +
                               std::uint64_t{options.completion_slots} * sizeof(RingSlot));
  return layout;
}

Result<Queue> Queue::create(const QueueOptions& options) {
  VYRE_TRY(check(options));
  const std::uint64_t bytes = SharedLayout::of(options).bytes;
  Memory owned{std::aligned_alloc(kLine, bytes)};
  if (!owned) return fail(Errc::out_of_memory, message("a queue needs {} bytes of memory", bytes));
  const MutableByteSpan shared{static_cast<std::uint8_t*>(owned.get()), bytes};
  return build(options, shared, std::move(owned));
}

Result<Queue> Queue::adopt(const QueueOptions& options, MutableByteSpan shared) {
  VYRE_TRY(check(options));
  const std::uint64_t bytes = SharedLayout::of(options).bytes;
  if (shared.size() < bytes) {
    return fail(
        Errc::invalid_argument,
        message("the memory given for a queue has {} bytes, it needs {}", shared.size(), bytes));
  }
  if (reinterpret_cast<std::uintptr_t>(shared.data()) % kLine != 0) {
    return fail(Errc::invalid_argument,
                message("the memory given for a queue is not aligned to {} bytes", kLine));
  }
  return build(options, shared, nullptr);
}

Result<Queue> Queue::build(const QueueOptions& given, MutableByteSpan shared, Memory owned) {
  const QueueOptions options = resolved(given);
  const SharedLayout layout = SharedLayout::of(options);
  // The reader's bits keep to lines of their own: producers write claims all the time.
  const std::uint64_t seen_words = (std::uint64_t{options.completion_slots} + 63) / 64;
  const std::uint64_t seen_bytes = round_to_line(seen_words * sizeof(std::uint64_t));
  const std::uint64_t claims = options.single_producer ? 0 : options.slots;
  const std::uint64_t private_bytes =
      round_to_line(sizeof(ProducerWords) + seen_bytes + claims * sizeof(std::uint64_t));
  Queue queue;
  queue.private_ = Memory{std::aligned_alloc(kLine, private_bytes)};
  if (!queue.private_) {
    return fail(Errc::out_of_memory, message("a queue needs {} bytes of memory", private_bytes));
  }
  queue.owned_shared_ = std::move(owned);
  std::memset(shared.data(), 0, layout.bytes);
  std::memset(queue.private_.get(), 0, private_bytes);

  queue.taken_ = new (shared.data() + layout.taken_offset) RingPosition{};
  queue.collected_ = new (shared.data() + layout.collected_offset) RingPosition{};
  queue.submission_slots_ =
      new (shared.data() + layout.submission_slots_offset) RingSlot[options.slots]{};
  queue.completion_slots_memory_ =
      new (shared.data() + layout.completion_slots_offset) RingSlot[options.completion_slots]{};
  auto* own = static_cast<std::uint8_t*>(queue.private_.get());
  queue.producer_words_ = new (own) ProducerWords{};
  own += sizeof(ProducerWords);
  queue.seen_ = new (own) std::uint64_t[seen_words]{};
  own += seen_bytes;
  if (claims != 0) {
    queue.claims_ = new (own) std::uint64_t[claims];
    for (std::uint64_t i = 0; i < claims; ++i) queue.claims_[i] = i;
  }
  queue.geometry_ = RingGeometry::of(options.slots);
  queue.completion_geometry_ = RingGeometry::of(options.completion_slots);
  return queue;
}

Producer Queue::producer() const noexcept {
  return {submission_slots_,           producer_words_, claims_, taken_, collected_, geometry_,
          completion_geometry_.slots()};
}
Consumer Queue::consumer() const noexcept {
  return {submission_slots_, taken_, geometry_, 0};
}
Writer Queue::writer() const noexcept {
  return {completion_slots_memory_, completion_geometry_};
}
Reader Queue::reader() const noexcept {
  return {completion_slots_memory_, collected_, seen_, completion_geometry_, 0};
}

}  // namespace vyre::queue
