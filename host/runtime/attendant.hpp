// The attendant: a thread of the session that looks after what no caller waits for. It starts with
// the first need and sleeps while there is none. Host only.
//
// Lock: Attendant owns one mutex, under which the thread starts and duties are noted, and takes no
// other lock under it. Duties are looked after, and done calls are made, without any lock.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "backend/backend.hpp"
#include "done_call.hpp"
#include "queue/waiter.hpp"
#include "results.hpp"
#include "session_life.hpp"

namespace vyre::runtime {

class Attendant {
 public:
  enum class Need : std::uint8_t {
    none,     // nothing to look for until the next call()
    soon,     // look again when something has ended, a millisecond later at the earliest
    at_once,  // look again as soon as something has ended
  };
  class Duty {
   public:
    virtual ~Duty() = default;
    /// From the attendant's thread, after results have been collected. Calls that are to be made
    /// when no lock is held are added to `calls`.
    [[nodiscard]] virtual Need look(std::vector<DoneCall>& calls) = 0;
  };

  Attendant(backend::Backend& backend, const SessionLife& life, Results& results)
      : backend_(backend), life_(life), results_(results) {}
  Attendant(const Attendant&) = delete;
  Attendant& operator=(const Attendant&) = delete;
  ~Attendant() { stop(); }

  /// The duty, which lives until stop(), has something to look for. Errc::out_of_memory where the
  /// system gives no thread.
  [[nodiscard]] Status call(Duty& duty);
  /// Before the duties are gone. A done call may end the session on the attendant's own thread,
  /// which then ends as soon as it comes back.
  void stop();

 private:
  using Over = std::atomic<bool>;
  void run(const std::shared_ptr<Over>& over);
  /// Looks at every duty, and sleeps until there may be something new unless there are calls to
  /// make. False: there is nothing to look for.
  [[nodiscard]] bool look_and_sleep(const Over& over, std::vector<DoneCall>& calls);
  [[nodiscard]] Need look_at_all(std::vector<DoneCall>& calls);

  backend::Backend& backend_;
  const SessionLife& life_;
  Results& results_;
  std::mutex mutex_;
  std::vector<Duty*> duties_;
  std::thread thread_;
  std::shared_ptr<Over> over_;  // outlives this object where its own thread ends it
  std::atomic<bool> wanted_{false};
  queue::Waiter called_;
};

}  // namespace vyre::runtime
