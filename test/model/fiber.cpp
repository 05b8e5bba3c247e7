#include "model/fiber.hpp"

#include <cstdint>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define VYRE_MODEL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VYRE_MODEL_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define VYRE_MODEL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VYRE_MODEL_TSAN 1
#endif
#endif

#if defined(VYRE_MODEL_ASAN)
#include <sanitizer/common_interface_defs.h>
// An execution that fails leaves its fibers where they stand: what lives on their stacks is never
// destroyed, which is no leak of the code under test.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0";
}
#endif
#if defined(VYRE_MODEL_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace vyre::model {

Fiber::Fiber() : stack_{new char[kStackBytes]} {}

Fiber::~Fiber() {
#if defined(VYRE_MODEL_TSAN)
  if (tsan_inside_ != nullptr) __tsan_destroy_fiber(tsan_inside_);
#endif
}

void Fiber::start(std::function<void()> body) {
  body_ = std::move(body);
  if (finished_ && entered_) {  // it stands at the end of its loop and goes on from there
    finished_ = false;
    return;
  }
#if defined(VYRE_MODEL_TSAN)
  // A fiber that was left for good keeps its call stack in the sanitizer's eyes: give it a new
  // identity.
  if (tsan_inside_ != nullptr) __tsan_destroy_fiber(tsan_inside_);
  tsan_inside_ = __tsan_create_fiber(0);
#endif
  finished_ = false;
  entered_ = true;
  asan_fake_ = nullptr;
  getcontext(&inside_);
  inside_.uc_stack.ss_sp = stack_.get();
  inside_.uc_stack.ss_size = kStackBytes;
  inside_.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&inside_, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self),
              static_cast<unsigned>(self >> 32));
}

void Fiber::resume() {
#if defined(VYRE_MODEL_ASAN)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, stack_.get(), kStackBytes);
#endif
#if defined(VYRE_MODEL_TSAN)
  tsan_outside_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(tsan_inside_, 0);
#endif
  swapcontext(&outside_, &inside_);
#if defined(VYRE_MODEL_ASAN)
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
}

void Fiber::leave() {
#if defined(VYRE_MODEL_ASAN)
  __sanitizer_start_switch_fiber(&asan_fake_, asan_outside_bottom_, asan_outside_size_);
#endif
#if defined(VYRE_MODEL_TSAN)
  __tsan_switch_to_fiber(tsan_outside_, 0);
#endif
  swapcontext(&inside_, &outside_);
#if defined(VYRE_MODEL_ASAN)
  __sanitizer_finish_switch_fiber(asan_fake_, &asan_outside_bottom_, &asan_outside_size_);
#endif
}

void Fiber::enter(unsigned low, unsigned high) {
  auto* self = reinterpret_cast<Fiber*>(static_cast<std::uintptr_t>(low) |
                                        static_cast<std::uintptr_t>(high) << 32);
#if defined(VYRE_MODEL_ASAN)
  __sanitizer_finish_switch_fiber(nullptr, &self->asan_outside_bottom_, &self->asan_outside_size_);
#endif
  for (;;) {
    self->body_();
    self->finished_ = true;
    self->leave();
  }
}

}  // namespace vyre::model
