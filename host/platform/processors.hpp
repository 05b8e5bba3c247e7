// Which processors threads of a measurement are pinned to: those that this process may use, the
// free ones first, and none that another process has taken by this class. Host only, Linux.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/descriptor.hpp"

namespace vyre::platform {

struct Processor {
  std::uint32_t number{0};
  std::uint32_t busy_percent{0};  // of a moment before
  bool second_of_core{false};     // shares its core with one of a smaller number
  bool taken{false};              // by another process that places threads so
};
/// The order in which to use them: not taken first, then those that are little busy, then one of
/// each core before the second of any, then by number.
[[nodiscard]] std::vector<std::uint32_t> placement_order(std::vector<Processor> processors);

/// Takes up to `threads` processors for as long as it lives, so that two processes on one machine
/// do not share some while others are free. The mark of a process that died is gone with it.
class ProcessorShare {
 public:
  /// `name`: processes whose shares have one name keep out of each other's way.
  explicit ProcessorShare(std::uint32_t threads, const std::string& name = "vyre-processor");
  /// In the order of use; never empty. Fewer than asked for where the process may use fewer.
  [[nodiscard]] const std::vector<std::uint32_t>& processors() const { return processors_; }
  /// Pins the calling thread to the `index`-th of them, modulo their number. A wish: false where
  /// the system refuses.
  bool pin(std::uint32_t index) const;

 private:
  std::vector<std::uint32_t> processors_;
  std::vector<Descriptor> marks_;
};

}  // namespace vyre::platform
