// Input of the ingest benches: files whose bytes follow from their number and the offset, so that
// any piece can be checked without the file. Text of made-up words; every block of 4 KiB begins
// with a stamp of digits that says which it is; a few blocks hold a word of a list that is searched
// for. Host only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace vyre::bench {

inline constexpr std::uint64_t kBlockBytes{4096};
inline constexpr std::uint64_t kMiB{std::uint64_t{1} << 20};

class Contents {
 public:
  Contents();

  /// Offsets and sizes are multiples of kBlockBytes.
  void fill(std::uint64_t file, std::uint64_t offset, MutableByteSpan out) const;
  [[nodiscard]] bool holds(std::uint64_t file, std::uint64_t offset, ByteSpan bytes) const;
  /// Looks only at the first stamp: cheap enough for a timed region.
  [[nodiscard]] bool begins(std::uint64_t file, std::uint64_t offset, ByteSpan bytes) const;
  [[nodiscard]] std::uint32_t word(std::uint64_t file, std::uint64_t offset) const;
  /// How often words of the list occur there. They never cross a block's border: stamps are digits.
  [[nodiscard]] std::uint64_t hits(std::uint64_t file, std::uint64_t offset,
                                   std::uint64_t bytes) const;
  /// The list, made for match.literals.
  [[nodiscard]] Result<Bytes> literals() const;

 private:
  [[nodiscard]] std::size_t base_of(std::uint64_t file, std::uint64_t block) const;
  Bytes base_;  // kBaseBlocks blocks, without stamps
  std::vector<std::string> words_;
  std::vector<std::uint32_t> hits_;  // of each of them
};

/// Files of the same length, numbered on from `first`.
struct FileSet {
  std::vector<std::string> paths;
  std::uint64_t first{0};
  std::uint64_t bytes_each{0};
  [[nodiscard]] std::uint64_t total() const noexcept { return paths.size() * bytes_each; }
};
/// Names only; directories of 1,000 files each.
[[nodiscard]] FileSet large_files(const std::string& directory, std::uint64_t total);
[[nodiscard]] FileSet small_files(const std::string& directory, std::uint64_t count);

/// Writes them, with their directories, onto the storage; Errc::deadline_exceeded after `seconds`.
[[nodiscard]] Status make(const FileSet& files, const Contents& contents, double seconds);
/// Asks the system to forget what it holds of them, or reads them all once.
[[nodiscard]] Status drop_cached(const FileSet& files);
[[nodiscard]] Status warm_up(const FileSet& files);

/// The loop of tools that search trees: open, fstat, read into a buffer that is used again, close,
/// in turn or by several threads that take files as they come. `use(file's place in the set, its
/// bytes)` runs on those threads.
[[nodiscard]] Status read_each(const FileSet& files, std::uint32_t threads,
                               const std::function<void(std::uint64_t, ByteSpan)>& use);

}  // namespace vyre::bench
