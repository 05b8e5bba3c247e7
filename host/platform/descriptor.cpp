// Reading and writing descriptors as they stand. See the header.
#include "platform/descriptor.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "platform/os_error.hpp"
#include "platform/stop.hpp"

namespace vyre::platform {
namespace {

/// Of file systems that make files up as they are read, those without a name in linux/magic.h too.
constexpr unsigned long kConfigfs{0x62656570};
constexpr unsigned long kMadeUp[]{
    PROC_SUPER_MAGIC,     SYSFS_MAGIC,        DEBUGFS_MAGIC,       TRACEFS_MAGIC,
    SECURITYFS_MAGIC,     CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, SELINUX_MAGIC,
    PSTOREFS_MAGIC,       EFIVARFS_MAGIC,     BINFMTFS_MAGIC,      BPF_FS_MAGIC,
    RDTGROUP_SUPER_MAGIC, NSFS_MAGIC,         SMACK_MAGIC,         kConfigfs};

/// After EINTR or EAGAIN: true to try again, an error once a stop was asked for.
Status wait_until(int descriptor, short events, int error) {
  if (stop_signal() != 0) return interrupted();
  if (error == EINTR) return {};
  pollfd wanted{descriptor, events, 0};
  // Unbounded like the blocking call that it stands for; a stop signal interrupts it.
  if (::poll(&wanted, 1, -1) < 0 && errno == EINTR && stop_signal() != 0) return interrupted();
  return {};
}

bool made_up(const struct statfs& system) {
  const auto type = static_cast<unsigned long>(system.f_type);
  return std::find(std::begin(kMadeUp), std::end(kMadeUp), type) != std::end(kMadeUp);
}

}  // namespace

Descriptor Descriptor::borrowed(int descriptor) noexcept {
  Descriptor made(descriptor);
  made.owned_ = false;
  return made;
}

Descriptor::~Descriptor() {
  if (owned_ && descriptor_ >= 0) (void)::close(descriptor_);
}

void occupy_standard_descriptors() {
  // O_PATH: neither read() nor write() works on it, and it exists where /dev does not.
  for (int descriptor = ::open("/", O_PATH); descriptor >= 0; descriptor = ::open("/", O_PATH)) {
    if (descriptor <= STDERR_FILENO) continue;
    (void)::close(descriptor);
    return;
  }
}

std::optional<int> named_descriptor(const std::string& path) {
  if (path == "/dev/stdin") return STDIN_FILENO;
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (path.compare(0, folder.size(), folder) != 0) continue;
    int number = -1;
    const char* const end = path.data() + path.size();
    const auto [stop, code] = std::from_chars(path.data() + folder.size(), end, number);
    if (code == std::errc() && stop == end && number >= 0) return number;
  }
  return std::nullopt;
}

bool names_standard_input(const std::string& path) {
  return path == "-" || named_descriptor(path) == STDIN_FILENO;
}

bool names_standard_output(const std::string& path) {
  return path == "-" || named_descriptor(path) == STDOUT_FILENO;
}

Result<Descriptor> open_input(const std::string& path) {
  if (names_standard_input(path)) return Descriptor::borrowed(STDIN_FILENO);
  while (true) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor >= 0) return Descriptor(descriptor);
    if (errno != EINTR) return os_error("cannot open", path, errno);
    if (stop_signal() != 0) return interrupted();
  }
}

Result<std::size_t> read_some(const Descriptor& from, MutableByteSpan out,
                              const std::string& name) {
  while (true) {
    const ssize_t n = ::read(from.get(), out.data(), out.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    const int error = errno;
    if (error != EINTR && error != EAGAIN) return os_error_of("cannot read", name, error);
    VYRE_TRY(wait_until(from.get(), POLLIN, error));
  }
}

Status write_all(const Descriptor& to, ByteSpan bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(to.get(), bytes.data(), bytes.size());
    if (n < 0) {
      const int error = errno;
      if (error != EINTR && error != EAGAIN) return os_error_of("cannot write", name, error);
      VYRE_TRY(wait_until(to.get(), POLLOUT, error));
      continue;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

bool size_is_true(int descriptor) {
  struct statfs system {};
  return ::fstatfs(descriptor, &system) != 0 || !made_up(system);
}

bool size_is_true(const std::string& path) {
  struct statfs system {};
  return ::statfs(path.c_str(), &system) != 0 || !made_up(system);
}

namespace {

template <class File>
bool asked_once(const File& file, std::uint64_t device) {
  static thread_local std::optional<std::uint64_t> asked_of;
  static thread_local bool is_true = true;
  if (asked_of != device) {
    asked_of = device;
    is_true = size_is_true(file);
  }
  return is_true;
}

}  // namespace

bool size_is_true(int descriptor, std::uint64_t device) {
  return asked_once(descriptor, device);
}

bool size_is_true(const std::string& path, std::uint64_t device) {
  return asked_once(path, device);
}

}  // namespace vyre::platform
