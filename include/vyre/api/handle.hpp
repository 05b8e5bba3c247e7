// Owners of the opaque objects of the C ABI, and of bytes that the library made. Any thread, as the
// standard library's smart pointers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

namespace detail {

/// Moves only; moved from it holds null, which every call of the library refuses by name.
template <class T, void (*kFree)(T*)>
struct Free {
  void operator()(T* object) const noexcept { kFree(object); }
};
template <class T, void (*kFree)(T*)>
using Owner = std::unique_ptr<T, Free<T, kFree>>;

/// Copies by one more reference.
template <class T, T* (*kRetain)(T*), void (*kFree)(T*)>
class Shared {
 public:
  Shared() = default;
  /// Takes over a reference.
  explicit Shared(T* owned) noexcept : object_(owned) {}
  [[nodiscard]] static Shared of(T* borrowed) { return Shared(kRetain(borrowed)); }
  Shared(const Shared& other) : object_(kRetain(other.object_)) {}
  Shared(Shared&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Shared& operator=(Shared other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Shared() { kFree(object_); }
  [[nodiscard]] T* get() const noexcept { return object_; }

 private:
  T* object_{nullptr};
};

using SharedSession = Shared<vyre_session, vyre_session_retain, vyre_session_free>;
using SharedQueue = Shared<vyre_queue, vyre_queue_retain, vyre_queue_free>;
using SharedProgram = Shared<vyre_program, vyre_program_retain, vyre_program_free>;

/// As long as `texts` stay as they are.
[[nodiscard]] inline std::vector<const char*> c_strings(const std::vector<std::string>& texts) {
  std::vector<const char*> all;
  all.reserve(texts.size());
  for (const std::string& text : texts) all.push_back(text.c_str());
  return all;
}

}  // namespace detail

/// Bytes or text that the library made.
class Blob {
 public:
  explicit Blob(vyre_blob* owned) : blob_(owned) {}
  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return {static_cast<const std::uint8_t*>(vyre_blob_data(blob_.get())),
            static_cast<std::size_t>(vyre_blob_size(blob_.get()))};
  }
  [[nodiscard]] std::string_view text() const {
    return {static_cast<const char*>(vyre_blob_data(blob_.get())),
            static_cast<std::size_t>(vyre_blob_size(blob_.get()))};
  }

 private:
  detail::Owner<vyre_blob, vyre_blob_free> blob_;
};

}  // namespace vyre::VYRE_V0
