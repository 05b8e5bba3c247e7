// Mapping, populating and placing host memory. See staging/mapping.hpp. Host only. Spec:
// docs/internals/ingest.md, "Ingest memory".
#include "staging/mapping.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/message.hpp"

// Numbers of the kernel's interface that Debian 12's headers may lack.
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace vyre::staging {
namespace {

constexpr std::uint64_t kHugePage{std::uint64_t{2} << 20};
constexpr int kPreferredPolicy{1};  // MPOL_PREFERRED: other nodes where this one is full
/// The bits of a node mask that we pass; the kernel reads one fewer than it is told.
constexpr std::uint64_t kNodeBits{1024};
/// madvise gives EAGAIN where the kernel was short of something for a moment.
constexpr int kPopulateTries{8};

std::uint64_t page_bytes() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<Mapping> Mapping::create(std::uint64_t bytes, const std::string& what) {
  if (bytes == 0 || bytes > ~std::uint64_t{0} - 2 * kHugePage) {
    return fail(Errc::invalid_argument,
                message("{}: a mapping of {} bytes cannot be made", what, bytes));
  }
  const std::uint64_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  const std::uint64_t mapped = whole + kHugePage;  // so that a huge page starts in it
  void* const map =
      ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) {
    return fail(Errc::out_of_memory, message("{}: cannot map {} bytes of host memory: {}; ask for "
                                             "less, or see vm.overcommit_memory and RLIMIT_AS",
                                             what, mapped, std::strerror(errno)));
  }
  Mapping mapping;
  mapping.map_ = static_cast<std::uint8_t*>(map);
  mapping.mapped_ = mapped;
  const auto begin = reinterpret_cast<std::uintptr_t>(map);
  mapping.data_ = mapping.map_ + ((begin + kHugePage - 1) / kHugePage * kHugePage - begin);
  mapping.size_ = bytes;
  // A wish: small pages work as well and only take longer to populate and to register.
  (void)::madvise(mapping.data_, whole, MADV_HUGEPAGE);
  // A child that inherited pinned pages would make the parent's next write go to a copy.
  if (::madvise(mapping.data_, whole, MADV_DONTFORK) != 0) {
    return fail(Errc::io, message("{}: madvise(MADV_DONTFORK): {}", what, std::strerror(errno)));
  }
  return mapping;
}

Mapping::Mapping(Mapping&& other) noexcept
    : map_(std::exchange(other.map_, nullptr)),
      mapped_(std::exchange(other.mapped_, 0)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  Mapping taken(std::move(other));
  std::swap(map_, taken.map_);
  std::swap(mapped_, taken.mapped_);
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  return *this;
}

Mapping::~Mapping() {
  if (map_ != nullptr) (void)::munmap(map_, mapped_);
}

Status Mapping::populate(std::uint64_t offset, std::uint64_t bytes) {
  if (offset > size_ || bytes > size_ - offset) {
    return fail(Errc::invalid_argument, message("cannot populate bytes {} to {} of a mapping of {}",
                                                offset, offset + bytes, size_));
  }
  if (bytes == 0) return {};
  const std::uint64_t page = page_bytes();
  const std::uint64_t first = offset / page * page;
  const std::uint64_t end = (offset + bytes + page - 1) / page * page;  // inside the mapping
  int error = 0;
  for (int tries = 0; tries < kPopulateTries; ++tries) {
    if (::madvise(data_ + first, end - first, MADV_POPULATE_WRITE) == 0) return {};
    error = errno;
    if (error != EAGAIN && error != EINTR) break;
  }
  if (error == EINVAL) {
    // Older than 5.14. Adds nothing to a byte of each page, so what is there stays; relaxed,
    // because it publishes nothing.
    for (std::uint64_t at = first; at < end; at += page)
      (void)__atomic_fetch_or(data_ + at, std::uint8_t{0}, __ATOMIC_RELAXED);
    return {};
  }
  return fail(
      Errc::out_of_memory,
      message("the system has no pages for {} bytes of host memory (madvise: {}); ask for less",
              end - first, std::strerror(error)));
}

void Mapping::prefer_node(int node) noexcept {
#ifdef SYS_mbind
  if (data_ == nullptr || node < 0 || static_cast<std::uint64_t>(node) >= kNodeBits) return;
  std::array<unsigned long, kNodeBits / (8 * sizeof(unsigned long))> mask{};
  const auto bit = static_cast<std::uint64_t>(node);
  constexpr std::uint64_t kWord{8 * sizeof(unsigned long)};
  mask[bit / kWord] = 1UL << (bit % kWord);
  const std::uint64_t whole = (size_ + kHugePage - 1) / kHugePage * kHugePage;
  // libnuma would be a library for one call. A refusal leaves the pages where the first touch puts
  // them.
  (void)::syscall(SYS_mbind, data_, whole, kPreferredPolicy, mask.data(), kNodeBits + 1, 0U);
#else
  (void)node;
#endif
}

}  // namespace vyre::staging
