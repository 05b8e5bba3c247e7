// The two updates of a buffer's users.
#include "hazards.hpp"

namespace vyre::runtime {

void Uses::add_reader(std::uint32_t queue, std::uint64_t position) {
  for (QueueSpan& readers : readers_) {
    if (readers.queue == queue) {
      readers.last = position;
      return;
    }
  }
  readers_.push_back({queue, position, position});
}

void Uses::set_writer(std::uint32_t queue, std::uint64_t position) {
  // It waits for all readers so far, so whoever waits for it has waited for them.
  writer_ = Ticket{queue, position};
  readers_.clear();
}

}  // namespace vyre::runtime
