// See attendant.hpp.
#include "attendant.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <system_error>

#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {
namespace {

/// Between two looks of duties that are not urgent.
constexpr std::chrono::milliseconds kUnhurried{1};

}  // namespace

Status Attendant::call(Duty& duty) {
  const std::lock_guard lock(mutex_);
  if (std::find(duties_.begin(), duties_.end(), &duty) == duties_.end()) duties_.push_back(&duty);
  wanted_.store(true, std::memory_order_release);
  called_.notify();
  if (thread_.joinable()) return {};
  try {
    over_ = std::make_shared<Over>(false);
    thread_ = std::thread([this, over = over_] { run(over); });
  } catch (const std::system_error& e) {
    return fail(Errc::out_of_memory,
                message("the session cannot start a thread that looks after it: {}", e.what()));
  }
  return {};
}

void Attendant::stop() {
  std::thread ending;
  {
    const std::lock_guard lock(mutex_);
    if (!thread_.joinable()) return;
    over_->store(true, std::memory_order_release);
    ending = std::move(thread_);
  }
  called_.notify();
  results_.notify();
  if (ending.get_id() == std::this_thread::get_id())
    ending.detach();
  else
    ending.join();
}

void Attendant::run(const std::shared_ptr<Over>& over) {
  const auto is_over = [&over] { return over->load(std::memory_order_acquire); };
  while (!is_over()) {
    (void)called_.wait_until(Deadline::max(), [&] {
      return is_over() || wanted_.exchange(false, std::memory_order_acq_rel);
    });
    for (bool more = true; more && !is_over();) {
      std::vector<DoneCall> calls;
      more = look_and_sleep(*over, calls);
      make_calls(calls);  // from here on this object may be gone: `over` says so
    }
  }
}

Attendant::Need Attendant::look_at_all(std::vector<DoneCall>& calls) {
  std::vector<Duty*> duties;
  {
    const std::lock_guard lock(mutex_);
    duties = duties_;
  }
  Need need = Need::none;
  for (Duty* const duty : duties) need = std::max(need, duty->look(calls));
  return need;
}

bool Attendant::look_and_sleep(const Over& over, std::vector<DoneCall>& calls) {
  const auto is_over = [&over] { return over.load(std::memory_order_acquire); };
  const Deadline began = Clock::now();
  queue::Waiter& changed = results_.changed();
  const std::uint32_t epoch = changed.prepare();
  (void)results_.collect_all();
  Need need = Need::soon;
  try {
    need = look_at_all(calls);
  } catch (const std::bad_alloc&) {
    // Again, when there may be memory.
  }
  if (need == Need::none || !calls.empty() || is_over()) {
    changed.cancel();
    return need != Need::none;
  }
  (void)changed.sleep(
      epoch, after(std::chrono::nanoseconds{results_.polls() ? kPollSleepNsMax : kHostLookNs}));
  if (need == Need::soon) (void)called_.wait_until(began + kUnhurried, is_over);
  if (!life_.closing()) backend_.tend();
  results_.keep_house(Clock::now());
  return true;
}

}  // namespace vyre::runtime
