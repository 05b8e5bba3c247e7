// What a collector tells a timeline. See collector.hpp.
#include "collector.hpp"

namespace vyre::runtime {

void Collector::tell_timeline(const Completion& completion, std::uint64_t position,
                              std::uint32_t op, std::int64_t submitted_ns, std::int64_t now_ns) {
  report::TimelineEvent event;
  const bool region = (op & kRegionMark) != 0;
  event.kind = region ? report::TimelineEvent::Kind::region : report::TimelineEvent::Kind::item;
  event.done = completion.status() == CompletionStatus::done;
  event.line = options_.queue;
  event.op = op & ~kRegionMark;
  event.number = position;
  event.asked_ns = submitted_ns;
  event.seen_ns = now_ns;
  std::uint64_t ran_ns = 0;
  if (port_.times != nullptr) {
    backend::ItemTime& time = port_.times[position & (slots_ - 1)];
    event.ran = time.get(position, event.began_ns, ran_ns);
    event.worker = time.by_worker();
  }
  event.began_ns -= std::chrono::nanoseconds(options_.opened.time_since_epoch()).count();
  event.ended_ns = event.began_ns + static_cast<std::int64_t>(ran_ns);
  options_.timeline->add(event);
}

}  // namespace vyre::runtime
