// The SIGBUS handler and the table of mappings that it looks through: the only process-wide state
// of this room, because signal handlers are. Signals about other addresses go to the handler that
// was there before. See the header.
#include "platform/mapped_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

#include "base/message.hpp"
#include "platform/os_error.hpp"
#include "protocol/limits.hpp"

namespace vyre::platform {
namespace {

struct Guard {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};        // 0: slot free
  std::atomic<std::uintptr_t> torn_page{0};  // 0: whole
  std::atomic<bool> writable{false};
};

/// Those that are read first, then those that are written: a recording must not fail because many
/// inputs are mapped.
std::array<Guard, kMaxMappedFiles + kMaxWrittenWindows> guards;
std::mutex guards_mutex;
struct sigaction previous_action;
std::uintptr_t page_bytes{4096};

// Async-signal-safe: lock-free atomics and one mmap system call.
void on_bus_error(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (Guard& guard : guards) {
    const std::uintptr_t end = guard.end.load(std::memory_order_acquire);  // [GUARD-1]
    if (end == 0 || address >= end || address < guard.begin.load(std::memory_order_relaxed)) {
      continue;
    }
    const std::uintptr_t page = address & ~(page_bytes - 1);
    std::uintptr_t whole = 0;
    // Relaxed: read by the same thread later, or by one that this thread hands its work to.
    (void)guard.torn_page.compare_exchange_strong(whole, page, std::memory_order_relaxed);
    // A file that ends before this page ends before all later ones, so the rest goes at once: page
    // by page a large mapping could use up the mappings that a process may have.
    const int protection =
        guard.writable.load(std::memory_order_relaxed) ? PROT_READ | PROT_WRITE : PROT_READ;
    // The bare call: ThreadSanitizer takes mmap() for a write to all these pages, and other threads
    // may read them meanwhile, which is what they are replaced for.
    if (syscall(SYS_mmap, page, end - page, protection,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == -1) {
      break;
    }
    return;
  }
  if ((previous_action.sa_flags & SA_SIGINFO) != 0 && previous_action.sa_sigaction != nullptr) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
  } else {
    ::signal(SIGBUS,
             SIG_DFL);  // the access is repeated on return and ends the process as it should
  }
}

// Under guards_mutex.
void install_handler() {
  static bool installed = false;
  if (installed) return;
  page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, nullptr, &previous_action);  // known before the new handler can run
  sigaction(SIGBUS, &action, nullptr);
  installed = true;
}

}  // namespace

Result<MappingGuard> MappingGuard::watch(void* begin, std::size_t bytes, bool writable,
                                         const std::string& path) {
  const std::lock_guard lock(guards_mutex);
  install_handler();
  const std::uint32_t from = writable ? kMaxMappedFiles : 0;
  const std::uint32_t to = writable ? static_cast<std::uint32_t>(guards.size()) : kMaxMappedFiles;
  for (std::uint32_t i = from; i < to; ++i) {
    if (guards[i].end.load(std::memory_order_relaxed) != 0) continue;
    const auto first = reinterpret_cast<std::uintptr_t>(begin);
    guards[i].torn_page.store(0, std::memory_order_relaxed);
    guards[i].writable.store(writable, std::memory_order_relaxed);
    guards[i].begin.store(first, std::memory_order_relaxed);
    // The last page belongs to the mapping whole. [GUARD-1] release: the other fields are set.
    guards[i].end.store((first + bytes + page_bytes - 1) & ~(page_bytes - 1),
                        std::memory_order_release);
    MappingGuard guard;
    guard.index_ = static_cast<std::int32_t>(i);
    return guard;
  }
  return fail(Errc::limit_exceeded,
              message("cannot map '{}': {} files are mapped {}", path, to - from,
                      (writable ? "for writing already; finish a recording"
                                : "already; release one or upload its bytes")));
}

MappingGuard::MappingGuard(MappingGuard&& other) noexcept
    : index_(std::exchange(other.index_, -1)) {}

MappingGuard& MappingGuard::operator=(MappingGuard&& other) noexcept {
  MappingGuard taken(std::move(other));  // what this one watched is free at the end
  std::swap(index_, taken.index_);
  return *this;
}

MappingGuard::~MappingGuard() {
  if (index_ < 0) return;
  const std::lock_guard lock(guards_mutex);
  guards[static_cast<std::size_t>(index_)].end.store(0, std::memory_order_release);  // [GUARD-1]
}

bool MappingGuard::torn() const noexcept {
  return index_ >= 0 &&
         guards[static_cast<std::size_t>(index_)].torn_page.load(std::memory_order_relaxed) != 0;
}

std::uint64_t MappingGuard::torn_at() const noexcept {
  if (index_ < 0) return 0;
  const Guard& guard = guards[static_cast<std::size_t>(index_)];
  return guard.torn_page.load(std::memory_order_relaxed) -
         guard.begin.load(std::memory_order_relaxed);
}

Result<std::unique_ptr<MappedFile>> MappedFile::open(int descriptor, std::uint64_t bytes,
                                                     const std::string& path) {
  std::unique_ptr<MappedFile> file(new MappedFile());
  file->path_ = path;
  file->descriptor_ = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (file->descriptor_ < 0) return os_error("cannot duplicate the descriptor of", path, errno);
  struct stat info {};
  if (::fstat(file->descriptor_, &info) != 0) return os_error("cannot stat", path, errno);
  if (!S_ISREG(info.st_mode)) {
    return fail(
        Errc::invalid_argument,
        message("cannot map '{}': not a regular file; read and upload its bytes instead", path));
  }
  file->size_ = static_cast<std::size_t>(bytes);
  if (file->size_ == 0) return file;
  void* data = ::mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, file->descriptor_, 0);
  if (data == MAP_FAILED) return os_error("cannot map", path, errno);
  file->data_ = static_cast<std::uint8_t*>(data);
  VYRE_ASSIGN(file->guard_, MappingGuard::watch(data, file->size_, false, path));
  return file;
}

MappedFile::~MappedFile() {
  guard_ = MappingGuard();  // first: the handler must not look at addresses that are free again
  if (data_ != nullptr) ::munmap(data_, size_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status MappedFile::check() const {
  if (size_ == 0) return {};
  if (guard_.torn()) {
    const std::uint64_t at = guard_.torn_at();
    return tl::unexpected<Error>(
        Error{Errc::io,
              message("'{}' had {} bytes when it was mapped, and byte {} could not be read: the "
                      "file was cut or its storage failed; keep it as it is while it is read",
                      path_, size_, at),
              at, 0, 0, 0});
  }
  // A cut inside the last page raises no signal, so the length is asked as well.
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0) return os_error("cannot stat", path_, errno);
  const auto now = static_cast<std::uint64_t>(info.st_size);
  if (now >= size_) return {};
  return tl::unexpected<Error>(
      Error{Errc::io,
            message("'{}' had {} bytes when it was mapped and has {} now; keep it as it is while "
                    "it is read",
                    path_, size_, now),
            now, 0, 0, 0});
}

bool MappedFile::intact() const noexcept {
  if (size_ == 0) return true;
  if (guard_.torn()) return false;
  struct stat info {};
  return ::fstat(descriptor_, &info) == 0 && static_cast<std::size_t>(info.st_size) >= size_;
}

}  // namespace vyre::platform
