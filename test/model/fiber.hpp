// A stack that can be left and entered again, known to the sanitizers. Test support for the model's
// scheduler.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace vyre::model {

/// All fibers of a thread and the thread itself take turns; resume() enters, leave() goes back to
/// the one who resumed. A fiber may be restarted while it stands somewhere in its body: nothing on
/// its old stack is destroyed, so bodies must own no memory.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void start(std::function<void()> body);
  void resume();
  void leave();
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  static void enter(unsigned low, unsigned high);

  static constexpr std::size_t kStackBytes{128 * 1024};
  std::unique_ptr<char[]> stack_;
  ucontext_t inside_{};
  ucontext_t outside_{};
  std::function<void()> body_;
  bool finished_{true};
  bool entered_{false};
  [[maybe_unused]] void* tsan_inside_{nullptr};
  [[maybe_unused]] void* tsan_outside_{nullptr};
  [[maybe_unused]] void* asan_fake_{nullptr};
  [[maybe_unused]] const void* asan_outside_bottom_{nullptr};
  [[maybe_unused]] std::size_t asan_outside_size_{0};
};

}  // namespace vyre::model
