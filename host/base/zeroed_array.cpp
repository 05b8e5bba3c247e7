// Asking the system for pages. See zeroed_array.hpp.
#include "base/zeroed_array.hpp"

#include <sys/mman.h>

#include <new>

namespace vyre {

void Unmap::operator()(void* memory) const noexcept {
  (void)::munmap(memory, bytes);
}

std::unique_ptr<void, Unmap> map_zeros(std::size_t bytes) {
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return {memory, Unmap{bytes}};
}

}  // namespace vyre
