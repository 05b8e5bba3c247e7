// An array that begins as zeros and whose pages the system gives when they are first touched: for
// tables that are large and mostly unused. Host only; any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace vyre {

struct Unmap {
  std::size_t bytes{0};
  void operator()(void* memory) const noexcept;
};
template <class T>
using ZeroedArray = std::unique_ptr<T[], Unmap>;

/// Page-aligned zeroed bytes from the system; throws std::bad_alloc where it gives none.
[[nodiscard]] std::unique_ptr<void, Unmap> map_zeros(std::size_t bytes);

/// `count` elements, of which all bytes are zero; throws std::bad_alloc.
template <class T>
[[nodiscard]] ZeroedArray<T> make_zeroed(std::size_t count) {
  // No constructor runs, which would touch every page.
  static_assert(std::is_trivially_default_constructible_v<T> && std::is_trivially_copyable_v<T>);
  auto memory = map_zeros(count * sizeof(T));
  const Unmap unmap = memory.get_deleter();
  return {static_cast<T*>(memory.release()), unmap};
}

}  // namespace vyre
