// Cancelling on a device: the one owner of HostOrders::cancel, and of the marks by which single
// items are cancelled. The kernel looks at the marks only while one is set, so that an item costs
// nothing while no caller cancels. Host only, no CUDA; any thread. Spec:
// docs/internals/resident-host.md, "Cancelled items".
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "protocol/completion.hpp"
#include "queue/cancel_marks.hpp"
#include "reservation.hpp"

namespace vyre::cuda {

class Cancels {
 public:
  explicit Cancels(Reservation& reserved) : reserved_(reserved), marked_(reserved.cancels.size()) {}

  /// Everything that has not started, from now on. The first reason stays.
  void all(FaultCode why) noexcept;
  /// backend::Backend::cancel().
  [[nodiscard]] std::uint64_t items(std::uint32_t queue, std::span<const std::uint64_t> positions);
  /// The region at the position has members that are not to start: the kernel looks for them until
  /// the region was collected. False: it has ended.
  [[nodiscard]] bool look_for_members(std::uint32_t queue, std::uint64_t position);
  /// Now and then: takes back the marks of collected items, and with the last of them the order to
  /// look at marks.
  void settle() noexcept;

 private:
  [[nodiscard]] queue::CancelMarks<queue::HostAtomics> marks(std::uint32_t queue) const noexcept;
  /// Accepted, and its completion was not posted.
  [[nodiscard]] bool in_flight(std::uint32_t queue, std::uint64_t position) const noexcept;
  /// Tells the kernel whether there are marks to look at.
  void order_looks(bool wanted) noexcept;

  Reservation& reserved_;
  std::mutex mutex_;                                // marks, and the list of them
  std::vector<std::vector<std::uint64_t>> marked_;  // positions to look for, by queue
};

}  // namespace vyre::cuda
