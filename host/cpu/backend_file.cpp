// Maps files and survives their truncation. The kernel reports a page beyond the end of a mapped
// file as SIGBUS in the thread that touches it; the handler below puts a page of zeros there, marks
// the mapping, and lets the thread go on. It is the only process-wide state of this room: signal
// handlers are, by nature. Signals about other addresses go to whoever handled them before.
#include "backend_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "vyre/protocol/limits.hpp"

namespace vyre::cpu {
namespace {

struct Guard {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};  // 0: slot free
  std::atomic<bool> torn{false};
};

std::array<Guard, kMaxMappedFiles> guards;
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
    guard.torn.store(true, std::memory_order_relaxed);  // read by the same thread, later
    void* page = reinterpret_cast<void*>(address & ~(page_bytes - 1));
    if (mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED) {
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
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous_action);
  installed = true;
}

tl::unexpected<Error> os_error(const char* action, const std::string& path, int error) {
  return tl::unexpected<Error>(
      Error{Errc::io, std::string(action) + " '" + path + "': " + std::strerror(error), kNoOffset,
            0, 0, error});
}

}  // namespace

Result<std::unique_ptr<GuardedFile>> GuardedFile::open(int descriptor, std::uint64_t bytes,
                                                       const std::string& path) {
  std::unique_ptr<GuardedFile> file(new GuardedFile());
  file->descriptor_ = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (file->descriptor_ < 0) return os_error("cannot duplicate the descriptor of", path, errno);
  struct stat info {};
  if (::fstat(file->descriptor_, &info) != 0) return os_error("cannot stat", path, errno);
  if (!S_ISREG(info.st_mode)) {
    return fail(Errc::invalid_argument,
                "cannot map '" + path + "': not a regular file; read and upload its bytes instead");
  }
  file->size_ = static_cast<std::size_t>(bytes);
  if (file->size_ == 0) return file;
  void* data = ::mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, file->descriptor_, 0);
  if (data == MAP_FAILED) return os_error("cannot map", path, errno);
  file->data_ = static_cast<const std::uint8_t*>(data);

  const std::lock_guard lock(guards_mutex);
  install_handler();
  for (std::uint32_t i = 0; i < guards.size(); ++i) {
    if (guards[i].end.load(std::memory_order_relaxed) != 0) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(data);
    guards[i].torn.store(false, std::memory_order_relaxed);
    guards[i].begin.store(begin, std::memory_order_relaxed);
    // The last page belongs to us whole. [GUARD-1] release: begin and torn are set.
    guards[i].end.store((begin + file->size_ + page_bytes - 1) & ~(page_bytes - 1),
                        std::memory_order_release);
    file->guard_ = static_cast<std::int32_t>(i);
    return file;
  }
  return fail(Errc::limit_exceeded,
              "cannot map '" + path + "': " + std::to_string(kMaxMappedFiles) +
                  " files are mapped already; release one or upload its bytes");
}

GuardedFile::~GuardedFile() {
  if (guard_ >= 0) {
    const std::lock_guard lock(guards_mutex);
    guards[static_cast<std::size_t>(guard_)].end.store(0, std::memory_order_release);  // [GUARD-1]
  }
  if (data_ != nullptr) ::munmap(const_cast<std::uint8_t*>(data_), size_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool GuardedFile::intact() const noexcept {
  if (size_ == 0) return true;
  if (guards[static_cast<std::size_t>(guard_)].torn.load(std::memory_order_relaxed)) return false;
  // A cut inside the last page raises no signal, so the length is asked as well.
  struct stat info {};
  return ::fstat(descriptor_, &info) == 0 && static_cast<std::size_t>(info.st_size) >= size_;
}

}  // namespace vyre::cpu
