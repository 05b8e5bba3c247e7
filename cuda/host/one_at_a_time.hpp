// A value that many hold together and of which one lives at a time: the first holder makes it, the
// last one destroys it, and the next owner waits until it is gone. A shared_ptr does not do
// that: its last owner destroys while the next one already makes another. Host only, any thread.
// Spec: docs/internals/resident-host.md, "Two sessions".
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

namespace vyre::cuda {

template <class Value>
class OneAtATime {
 public:
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(of_, other.of_);
      return *this;
    }
    ~Hold() {
      if (of_ != nullptr) of_->leave();
    }
    [[nodiscard]] explicit operator bool() const noexcept { return of_ != nullptr; }
    [[nodiscard]] Value* operator->() const noexcept { return &*of_->value_; }

   private:
    friend class OneAtATime;
    explicit Hold(OneAtATime& of) : of_(&of) {}
    OneAtATime* of_{nullptr};
  };

  /// The value that is held now, or a new one; not before the last one is destroyed.
  template <class... Arguments>
  [[nodiscard]] Hold join(Arguments&... arguments) {
    const std::lock_guard lock(mutex_);
    if (holders_ == 0) value_.emplace(arguments...);
    ++holders_;
    return Hold(*this);
  }

 private:
  void leave() {
    const std::lock_guard lock(mutex_);
    if (--holders_ == 0) value_.reset();
  }

  std::mutex mutex_;
  std::uint32_t holders_{0};
  std::optional<Value> value_;
};

}  // namespace vyre::cuda
