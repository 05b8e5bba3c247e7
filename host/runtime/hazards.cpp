// A new writer of a buffer. See hazards.hpp.
#include "hazards.hpp"

namespace vyre::runtime {

void Uses::set_writer(std::uint32_t queue, std::uint64_t position) {
  // It waits for all readers so far, so whatever waits for it has waited for them.
  writer_ = Use{queue, position, true};
  readers_.clear();
  prune_at_ = kPruneAtLeast;
}

}  // namespace vyre::runtime
