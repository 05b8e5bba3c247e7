// Open descriptors: owning one, reading and writing what may be a pipe, a socket, a terminal or
// non-blocking. Host only. A stop signal (stop.hpp) ends a call that waits, with Errc::cancelled.
// Failures are Errc::io with errno in `detail`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.hpp"

namespace vyre::platform {

/// Closes on scope exit, unless it is borrowed; -1 is none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  [[nodiscard]] static Descriptor borrowed(int descriptor) noexcept;
  Descriptor(Descriptor&& other) noexcept { swap(other); }
  Descriptor& operator=(Descriptor&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }
  int release() noexcept { return std::exchange(descriptor_, -1); }

 private:
  void swap(Descriptor& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(owned_, other.owned_);
  }
  int descriptor_{-1};
  bool owned_{true};
};

/// Takes the numbers 0, 1 and 2 where they are closed, so that no file opened later gets them.
/// Reading and writing them stays an error (EBADF). Before anything else is opened.
void occupy_standard_descriptors();

/// "-", and the names that the system gives descriptor 0.
[[nodiscard]] bool names_standard_input(const std::string& path);
/// "-", and the names that the system gives descriptor 1.
[[nodiscard]] bool names_standard_output(const std::string& path);
/// The descriptor N that "/dev/stdout", "/dev/stderr", "/dev/fd/N" or "/proc/self/fd/N" names.
[[nodiscard]] std::optional<int> named_descriptor(const std::string& path);

/// Opens whatever the path names for reading and waits for the writer of a FIFO. Standard input is
/// descriptor 0 as it stands, with its offset, and is not opened anew.
[[nodiscard]] Result<Descriptor> open_input(const std::string& path);
/// One read, which waits where there is nothing yet; 0 at the end. `name` is for messages.
[[nodiscard]] Result<std::size_t> read_some(const Descriptor& from, MutableByteSpan out,
                                            const std::string& name);
/// Writes all of it, also where the descriptor is non-blocking.
[[nodiscard]] Status write_all(const Descriptor& to, ByteSpan bytes, const std::string& name);

/// False for files whose st_size is no count of bytes: those of /proc, /sys and their kin say 0 or
/// a page, whatever a read gives.
[[nodiscard]] bool size_is_true(int descriptor);
/// The same of a file with this st_dev: the system is asked once for the many files of one file
/// system, which come one after another.
[[nodiscard]] bool size_is_true(int descriptor, std::uint64_t device);
[[nodiscard]] bool size_is_true(const std::string& path, std::uint64_t device);
[[nodiscard]] bool size_is_true(const std::string& path);

}  // namespace vyre::platform
