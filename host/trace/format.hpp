// The bytes of events.bin: records of one to three 32-byte cells, fixed width by kind, each with
// its own check. Host only, pure. Page: docs/internals/trace.md.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/digest.hpp"
#include "protocol/completion.hpp"
#include "protocol/work_item.hpp"

namespace vyre::trace {

inline constexpr std::uint32_t kFormatVersion{1};
inline constexpr std::size_t kCellBytes{32};
inline constexpr std::size_t kMaxRecordCells{3};
inline constexpr std::size_t kMaxRecordBytes{kCellBytes * kMaxRecordCells};

enum class Kind : std::uint8_t {
  program = 1,     // 3 cells: op, name and program by digest
  buffer = 2,      // 2 cells: handle, bytes, contents by digest (flag zeros: no blob)
  write = 3,       // 2 cells: handle, offset, bytes by digest
  bind = 4,        // 2 cells: set, count, list of handles by digest
  release = 5,     // 1 cell
  submit = 6,      // 1 cell: queue, flags, time, the item
  completion = 7,  // 1 cell: queue, status, code, time, position, place of the fault
  done_run = 8,    // 1 cell: `count` positions of a queue that ended done
  final = 9,       // 2 cells: as buffer: contents after the last item
  end = 10,        // 1 cell: number of submits and completions; nothing follows
};
/// 0 for a number that is no kind.
[[nodiscard]] std::size_t cells_of(std::uint8_t kind) noexcept;
[[nodiscard]] std::string_view kind_name(Kind kind) noexcept;

inline constexpr std::uint8_t kBufferFileBacked{1};
inline constexpr std::uint8_t kBufferZeros{
    2};  // all bytes are zero; the digest field is zero and there is no blob

/// One record being written or read. The accessors name the fields of each kind
/// (docs/internals/trace.md has the table).
class Record {
 public:
  Record() = default;
  explicit Record(Kind kind) noexcept { bytes_[0] = static_cast<std::uint8_t>(kind); }

  [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(bytes_[0]); }
  [[nodiscard]] std::size_t size() const noexcept { return cells_of(bytes_[0]) * kCellBytes; }
  [[nodiscard]] ByteSpan bytes() const noexcept { return ByteSpan(bytes_).first(size()); }
  [[nodiscard]] std::uint8_t* data() noexcept { return bytes_.data(); }

  // Small fields: a, b and c are bytes 1 to 3; word is bytes 8 to 15.
  [[nodiscard]] std::uint8_t a() const noexcept { return bytes_[1]; }
  [[nodiscard]] std::uint8_t b() const noexcept { return bytes_[2]; }
  [[nodiscard]] std::uint8_t c() const noexcept { return bytes_[3]; }
  void set_small(std::uint8_t a, std::uint8_t b, std::uint8_t c) noexcept {
    bytes_[1] = a;
    bytes_[2] = b;
    bytes_[3] = c;
  }
  [[nodiscard]] std::uint64_t word() const noexcept { return load<std::uint64_t>(8); }
  void set_word(std::uint64_t value) noexcept { store(8, value); }
  [[nodiscard]] std::uint64_t wide(std::size_t i) const noexcept {
    return load<std::uint64_t>(16 + 8 * i);
  }
  void set_wide(std::size_t i, std::uint64_t value) noexcept { store(16 + 8 * i, value); }
  [[nodiscard]] std::uint32_t half(std::size_t i) const noexcept {
    return load<std::uint32_t>(16 + 4 * i);
  }
  void set_half(std::size_t i, std::uint32_t value) noexcept { store(16 + 4 * i, value); }
  [[nodiscard]] MegakernelWorkItem item() const noexcept { return load<MegakernelWorkItem>(16); }
  void set_item(const MegakernelWorkItem& item) noexcept { store(16, item); }
  /// The digest in cell 1 or 2.
  [[nodiscard]] Digest digest(std::size_t cell = 1) const noexcept {
    return load<Digest>(cell * kCellBytes);
  }
  void set_digest(const Digest& digest, std::size_t cell = 1) noexcept {
    store(cell * kCellBytes, digest);
  }

  /// Check of this record at byte `offset` of the file: CRC-32 of the offset (8 bytes) and the
  /// record with its check field zero.
  [[nodiscard]] std::uint32_t expected_check(std::uint64_t offset) const noexcept;
  [[nodiscard]] std::uint32_t check() const noexcept { return load<std::uint32_t>(4); }
  void seal(std::uint64_t offset) noexcept { store(4, expected_check(offset)); }

 private:
  template <class T>
  [[nodiscard]] T load(std::size_t at) const noexcept {
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  template <class T>
  void store(std::size_t at, const T& value) noexcept {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }

  alignas(8) std::array<std::uint8_t, kMaxRecordBytes> bytes_{};
};

/// The first cell of the file: magic, version, cell size.
[[nodiscard]] std::array<std::uint8_t, kCellBytes> header_cell() noexcept;

/// CRC-32 as zlib and gzip compute it; `crc` of the bytes before, 0 at the start.
[[nodiscard]] std::uint32_t crc32(std::uint32_t crc, ByteSpan bytes) noexcept;

}  // namespace vyre::trace
