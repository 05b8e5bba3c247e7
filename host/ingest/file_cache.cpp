// cachestat, mincore, statx and fstatfs for file_cache.hpp. Two of them are called by number and
// their structs are laid out here, because Debian 12's headers know neither cachestat nor the
// fields of STATX_DIOALIGN.
#include "file_cache.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/message.hpp"
#include "doors.hpp"
#include "protocol/io_request.hpp"
#include "protocol/limits.hpp"

namespace vyre::ingest {
namespace {

constexpr long kCachestatCall{451};
struct CachestatRange {
  std::uint64_t offset;
  std::uint64_t length;  // 0: to the end
};
struct Cachestat {
  std::uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

constexpr unsigned kStatxDirectAlign{0x2000};  // STATX_DIOALIGN, Linux 6.1
struct StatxBuffer {
  std::uint32_t mask;
  std::uint8_t others[148];
  std::uint32_t memory_align;
  std::uint32_t offset_align;
  std::uint8_t rest[96];
};
static_assert(sizeof(StatxBuffer) == 256 && offsetof(StatxBuffer, memory_align) == 152);

/// mincore looks at so many pages in so many places.
constexpr std::uint64_t kSamples{16};
constexpr std::uint64_t kSamplePages{64};

std::uint64_t page_bytes() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

bool power_of_two(std::uint32_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

}  // namespace

std::optional<bool> half_cached_by_cachestat(int descriptor, std::uint64_t bytes) {
  CachestatRange range{0, bytes};
  Cachestat found{};
  if (::syscall(kCachestatCall, descriptor, &range, &found, 0U) != 0) return std::nullopt;
  const std::uint64_t page = page_bytes();
  const std::uint64_t pages = bytes / page + (bytes % page != 0 ? 1 : 0);
  return found.cached >= pages - found.cached || found.cached >= pages;
}

std::optional<bool> half_cached_by_mincore(int descriptor, std::uint64_t bytes) {
  const std::uint64_t page = page_bytes();
  const std::uint64_t pages = bytes / page + (bytes % page != 0 ? 1 : 0);
  std::uint64_t looked = 0;
  std::uint64_t cached = 0;
  for (std::uint64_t sample = 0; sample < kSamples; ++sample) {
    const std::uint64_t first = pages / kSamples * sample;
    const std::uint64_t count = std::min(kSamplePages, pages - first);
    if (count == 0) break;
    void* const map = ::mmap(nullptr, count * page, PROT_READ, MAP_SHARED, descriptor,
                             static_cast<off_t>(first * page));
    if (map == MAP_FAILED) return std::nullopt;
    std::array<unsigned char, kSamplePages> there{};
    const bool told = ::mincore(map, count * page, there.data()) == 0;
    (void)::munmap(map, count * page);
    if (!told) return std::nullopt;
    looked += count;
    for (std::uint64_t i = 0; i < count; ++i) cached += there[i] & 1U;
    if (pages <= kSamplePages) break;  // that was all of them
  }
  return looked != 0 && cached * 2 >= looked;
}

std::optional<bool> half_cached(int descriptor, std::uint64_t bytes) {
  const auto told = half_cached_by_cachestat(descriptor, bytes);
  return told ? told : half_cached_by_mincore(descriptor, bytes);
}

std::optional<DirectAlignment> usable_alignment(std::uint32_t offset, std::uint32_t memory,
                                                std::string& reason) {
  if (memory == 0 || offset == 0) {
    reason = "refused (statx: no direct reads of this file)";
    return std::nullopt;
  }
  if (!power_of_two(memory) || !power_of_two(offset) || memory > kIoBlock || offset > kIoBlock) {
    reason = message("refused (it wants blocks of {} at multiples of {}; ours are {})", offset,
                     memory, kIoBlock);
    return std::nullopt;
  }
  // A read that is taken up again goes on as far into its memory as into the file.
  return DirectAlignment{std::max(offset, memory), memory, false};
}

std::optional<DirectAlignment> direct_alignment(int descriptor, std::string& reason) {
  struct statfs system {};
  if (::fstatfs(descriptor, &system) == 0) {
    // Some of them accept O_DIRECT since Linux 6.6, and then copy out of memory all the same.
    const auto type = static_cast<unsigned long>(system.f_type);
    if (type == TMPFS_MAGIC || type == RAMFS_MAGIC || type == HUGETLBFS_MAGIC) {
      reason = "refused (the file lives in memory, there is no storage behind it)";
      return std::nullopt;
    }
  }
#ifdef SYS_statx
  StatxBuffer info{};
  if (::syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH, kStatxDirectAlign, &info) == 0 &&
      (info.mask & kStatxDirectAlign) != 0) {
    auto told = usable_alignment(info.offset_align, info.memory_align, reason);
    if (told) told->told = true;
    return told;
  }
#endif
  return DirectAlignment{kIoBlock, kIoBlock, false};
}

bool direct_read_works(int descriptor, std::string& reason) {
  alignas(kIoBlock) std::array<std::uint8_t, kIoBlock> block;
  ssize_t got = -1;
  std::uint32_t interrupted = 0;
  do {
    got = ::pread(descriptor, block.data(), block.size(), 0);
  } while (got < 0 && errno == EINTR && ++interrupted < kRetriesInterrupted);
  // Other errors are no answer about O_DIRECT: the read that wants the bytes will meet them.
  if (got >= 0 || (errno != EINVAL && errno != EOPNOTSUPP)) return true;
  reason = message("refused (a read ends with {})", errno_name(errno));
  return false;
}

}  // namespace vyre::ingest
