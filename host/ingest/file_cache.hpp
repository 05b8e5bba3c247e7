// What the system says of an opened file before it is read: how much of it the page cache holds and
// what O_DIRECT wants of it. Host only. Private to this room. Page: docs/internals/ingest.md,
// "Choice".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vyre::ingest {

/// Whether the page cache holds at least half of the file's pages: cachestat(2), else mincore of a
/// sample. nullopt: neither says.
[[nodiscard]] std::optional<bool> half_cached(int descriptor, std::uint64_t bytes);
/// The two ways of half_cached().
[[nodiscard]] std::optional<bool> half_cached_by_cachestat(int descriptor, std::uint64_t bytes);
[[nodiscard]] std::optional<bool> half_cached_by_mincore(int descriptor, std::uint64_t bytes);

struct DirectAlignment {
  std::uint32_t offset{0};
  std::uint32_t memory{0};
  bool told{false};  // by the file system; else reads are to be tried
};
/// The alignment of direct reads, where the system asks for these two; nullopt with the reason
/// where the pump's reads cannot have it.
[[nodiscard]] std::optional<DirectAlignment> usable_alignment(std::uint32_t offset,
                                                              std::uint32_t memory,
                                                              std::string& reason);
/// What O_DIRECT wants here: STATX_DIOALIGN, else blocks of kIoBlock. nullopt with the reason where
/// the file cannot be read past the page cache.
[[nodiscard]] std::optional<DirectAlignment> direct_alignment(int descriptor, std::string& reason);
/// Reads the first block of a file that has O_DIRECT. An overlay accepts the flag for files of a
/// layer that then refuses every read. False with the reason: not to be read so.
[[nodiscard]] bool direct_read_works(int descriptor, std::string& reason);

}  // namespace vyre::ingest
