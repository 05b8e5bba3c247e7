// The reference count of objects that several holders share. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace vyre::abi {

/// Starts with the reference of the object's maker.
class Counted {
 public:
  // Relaxed: the caller has a reference, so the object lives.
  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  /// True for the last one, whose holder ends the object.
  [[nodiscard]] bool release() noexcept {
    // [REFS-1] release: what this holder did with the object; acquire: what all others did before
    // the last one ends it.
    return references_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

 private:
  std::atomic<std::uint32_t> references_{1};
};

/// A reference to an object that has `counted` and is freed by `kFree`.
template <class T, void (*kFree)(T*)>
class Reference {
 public:
  /// One more reference.
  explicit Reference(T& object) noexcept : object_(&object) { object.counted.retain(); }
  Reference(const Reference& other) noexcept : Reference(*other.object_) {}
  Reference(Reference&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Reference& operator=(const Reference&) = delete;
  Reference& operator=(Reference&&) = delete;
  ~Reference() { kFree(object_); }
  [[nodiscard]] T& operator*() const noexcept { return *object_; }
  [[nodiscard]] T* operator->() const noexcept { return object_; }

 private:
  T* object_;
};

}  // namespace vyre::abi
