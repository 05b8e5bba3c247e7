// The descriptor of a session that poll() and its kin can wait for: an eventfd, readable while
// items have ended since it was last read. Host only; any thread.
//
// Lock: NotifyDescriptor owns one mutex, under which the descriptor is made. No other lock is taken
// under it but that of the Attendant, whose thread writes the descriptor.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "attendant.hpp"
#include "results.hpp"
#include "session_life.hpp"

namespace vyre::runtime {

class NotifyDescriptor final : public Attendant::Duty {
 public:
  NotifyDescriptor(const SessionLife& life, Results& results, Attendant& attendant)
      : life_(life), results_(results), attendant_(attendant) {}
  NotifyDescriptor(const NotifyDescriptor&) = delete;
  NotifyDescriptor& operator=(const NotifyDescriptor&) = delete;
  ~NotifyDescriptor() override;  // after Attendant::stop()

  /// Made on the first call.
  [[nodiscard]] Result<int> descriptor();
  /// Wakes those that wait for it: the session has closed.
  void signal() noexcept;

  [[nodiscard]] Attendant::Need look(std::vector<DoneCall>& calls) override;

 private:
  const SessionLife& life_;
  Results& results_;
  Attendant& attendant_;
  std::mutex making_;
  std::atomic<int> descriptor_{-1};
  /// Results that the descriptor has told of; 0 at first, so that what ended before it was made is
  /// told of as well. Of the attendant's thread.
  std::uint64_t told_{0};
};

}  // namespace vyre::runtime
