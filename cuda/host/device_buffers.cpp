// Changing the device's handle table and moving bytes. See device_buffers.hpp.
#include "cuda/host/device_buffers.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "vyre/backend/handle.hpp"

namespace vyre::cuda {
namespace {

using megakernel::Command;
using megakernel::ControlCommand;
using megakernel::EntryKind;

std::string text(std::uint64_t value) {
  return std::to_string(value);
}

tl::unexpected<Error> io_failure(const std::string& path, const char* doing, int error) {
  return tl::unexpected<Error>(
      Error{Errc::io, std::string("cannot ") + doing + " '" + path + "': " + std::strerror(error),
            kNoOffset, 0, 0, error});
}

/// A regular file that is read once, front to back.
class InputFile {
 public:
  [[nodiscard]] static Result<InputFile> open(const std::string& path) {
    // Without O_NONBLOCK a pipe would wait for its writer before it is refused.
    InputFile file{path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.fd_ < 0) return io_failure(path, "open", errno);
    struct stat facts {};
    if (::fstat(file.fd_, &facts) != 0) return io_failure(path, "look at", errno);
    if (S_ISDIR(facts.st_mode)) return io_failure(path, "map", EISDIR);
    if (!S_ISREG(facts.st_mode)) {
      return fail(Errc::io, "cannot map '" + path + "': it is not a regular file");
    }
    file.bytes_ = static_cast<std::uint64_t>(facts.st_size);
    return file;
  }
  InputFile(InputFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(other.fd_), bytes_(other.bytes_) {
    other.fd_ = -1;
  }
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] Status read_at(std::uint64_t offset, MutableByteSpan out) const {
    for (std::size_t done = 0; done < out.size();) {
      const ssize_t got =
          ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return io_failure(path_, "read", errno);
      if (got == 0) {
        return fail(Errc::io, "'" + path_ + "' became shorter while it was read: " + text(bytes_) +
                                  " bytes were expected, it ends at " + text(offset + done));
      }
      done += static_cast<std::size_t>(got);
    }
    return {};
  }

 private:
  InputFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
  std::uint64_t bytes_{0};
};

Status check_index(std::uint32_t handle) {
  const std::uint32_t index = backend::handle_index(handle);
  if (index < megakernel::kMaxDeviceHandles) return {};
  return fail(Errc::limit_exceeded,
              "handle index " + text(index) + " is above the device's table of " +
                  text(megakernel::kMaxDeviceHandles) +
                  " entries (kMaxDeviceHandles); release buffers and binding sets");
}

}  // namespace

Result<std::uint64_t> DeviceArena::allocate(std::uint64_t bytes, const std::string& what) {
  const std::lock_guard lock(mutex_);
  try {
    if (const auto offset = arena_.allocate(bytes)) return base_ + *offset;
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, "the host has no memory to note " + what);
  }
  return fail(Errc::out_of_memory,
              what + " was requested with " + text(bytes) + " bytes of device memory, " +
                  text(arena_.bytes() - arena_.used()) + " of " + text(arena_.bytes()) +
                  " are available, " + text(arena_.largest_free()) +
                  " in one piece; release buffers or open the session with a larger arena");
}

void DeviceArena::free(std::uint64_t address) noexcept {
  const std::lock_guard lock(mutex_);
  (void)arena_.free(address - base_);
}

std::uint64_t DeviceArena::bytes() const {
  const std::lock_guard lock(mutex_);
  return arena_.bytes();
}
std::uint64_t DeviceArena::used() const {
  const std::lock_guard lock(mutex_);
  return arena_.used();
}

Status DeviceBuffers::put(Command what, const Entry& entry) {
  ControlCommand command{};
  command.command = what;
  if (what == Command::fill) {
    command.to = entry.data;
    command.bytes = entry.bytes;
  }
  command.entry = entry;
  VYRE_TRY(control_.run(command));
  entries_.at(backend::handle_index(entry.handle)) = entry;
  return {};
}

Status DeviceBuffers::allocate(std::uint32_t handle, std::uint64_t bytes) {
  VYRE_TRY(check_index(handle));
  VYRE_ASSIGN(const std::uint64_t address, arena_.allocate(bytes, "a buffer"));
  return put(Command::fill, {address, bytes, handle, EntryKind::memory, 0, 0});
}

Result<std::uint64_t> DeviceBuffers::map_file(std::uint32_t handle, const std::string& path) {
  VYRE_TRY(check_index(handle));
  VYRE_ASSIGN(const InputFile file, InputFile::open(path));
  VYRE_ASSIGN(const std::uint64_t address,
              arena_.allocate(file.bytes(), "the file '" + path + "'"));
  const Status copied = control_.write(
      address, file.bytes(),
      [&file](std::uint64_t at, MutableByteSpan piece) { return file.read_at(at, piece); });
  if (!copied) {
    // A file that failed us left nothing under way; else the device may still write there.
    if (copied.error().code == Errc::io) arena_.free(address);
    return tl::unexpected<Error>(copied.error());
  }
  VYRE_TRY(put(Command::put_handle, {address, file.bytes(), handle, EntryKind::file, 0, 0}));
  return file.bytes();
}

Status DeviceBuffers::bind(std::uint32_t set, std::span<const std::uint32_t> buffers) {
  VYRE_TRY(check_index(set));
  const ByteSpan bytes{reinterpret_cast<const std::uint8_t*>(buffers.data()), buffers.size_bytes()};
  VYRE_ASSIGN(const std::uint64_t address, arena_.allocate(bytes.size(), "a binding set"));
  VYRE_TRY(control_.write(address, bytes));
  return put(Command::put_handle, {address, bytes.size(), set, EntryKind::set,
                                   static_cast<std::uint32_t>(buffers.size()), 0});
}

void DeviceBuffers::release(std::uint32_t handle) noexcept {
  Entry* entry = entries_.find(backend::handle_index(handle));
  if (entry == nullptr || entry->kind == EntryKind::none || entry->handle != handle) return;
  const std::uint64_t address = entry->data;
  // If the device does not answer, the memory stays taken until the backend is gone.
  if (put(Command::put_handle, {0, 0, handle, EntryKind::none, 0, 0})) {
    arena_.free(address);
  } else {
    entry->kind = EntryKind::none;
  }
}

Result<const DeviceBuffers::Entry*> DeviceBuffers::range(std::uint32_t handle, std::uint64_t offset,
                                                         std::uint64_t bytes) const {
  const Entry* entry = entries_.find(backend::handle_index(handle));
  if (entry == nullptr || entry->handle != handle || entry->kind == EntryKind::none ||
      entry->kind == EntryKind::set) {
    return fail(Errc::not_found, "handle " + text(handle) + " is not a live buffer");
  }
  if (offset > entry->bytes || bytes > entry->bytes - offset) {
    return fail(Errc::invalid_argument, text(bytes) + " bytes at offset " + text(offset) +
                                            " do not fit buffer " + text(handle) + " of " +
                                            text(entry->bytes) + " bytes");
  }
  return entry;
}

Status DeviceBuffers::write(std::uint32_t handle, std::uint64_t offset, ByteSpan bytes) {
  VYRE_ASSIGN(const Entry* entry, range(handle, offset, bytes.size()));
  if (entry->kind == EntryKind::file) {
    return fail(Errc::invalid_argument,
                "buffer " + text(handle) + " is a mapped file and cannot be written");
  }
  return control_.write(entry->data + offset, bytes);
}

Status DeviceBuffers::read(std::uint32_t handle, std::uint64_t offset, MutableByteSpan out) {
  VYRE_ASSIGN(const Entry* entry, range(handle, offset, out.size()));
  return control_.read(entry->data + offset, out);
}

}  // namespace vyre::cuda
