// Record widths and checks; see the header. CRC-32 (polynomial 0xEDB88320, reflected) by eight
// tables of 256: M. Kounavis, F. Berry, "Novel table lookup-based algorithms for high-performance
// CRC generation", 2008.
#include "format.hpp"

namespace vyre::trace {
namespace {

constexpr std::array<std::array<std::uint32_t, 256>, 8> make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xEDB8'8320u : 0u);
    t[0][i] = crc;
  }
  for (std::uint32_t i = 0; i < 256; ++i) {
    for (std::size_t k = 1; k < 8; ++k) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xFF];
  }
  return t;
}
constexpr auto kTables = make_tables();

constexpr std::uint32_t eight(std::uint32_t crc, std::uint64_t bytes) noexcept {
  const std::uint64_t x = bytes ^ crc;
  return kTables[7][x & 0xFF] ^ kTables[6][x >> 8 & 0xFF] ^ kTables[5][x >> 16 & 0xFF] ^
         kTables[4][x >> 24 & 0xFF] ^ kTables[3][x >> 32 & 0xFF] ^ kTables[2][x >> 40 & 0xFF] ^
         kTables[1][x >> 48 & 0xFF] ^ kTables[0][x >> 56];
}

constexpr std::array<std::uint8_t, 11> kCells{0, 3, 2, 2, 2, 1, 1, 1, 1, 2, 1};

}  // namespace

std::size_t cells_of(std::uint8_t kind) noexcept {
  return kind < kCells.size() ? kCells[kind] : 0;
}

std::string_view kind_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::program:
      return "program";
    case Kind::buffer:
      return "buffer";
    case Kind::write:
      return "write";
    case Kind::bind:
      return "bind";
    case Kind::release:
      return "release";
    case Kind::submit:
      return "submit";
    case Kind::completion:
      return "completion";
    case Kind::done_run:
      return "done_run";
    case Kind::final:
      return "final";
    case Kind::end:
      return "end";
  }
  return "unknown";
}

std::uint32_t crc32(std::uint32_t crc, ByteSpan bytes) noexcept {
  crc = ~crc;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) crc = eight(crc, load_le<std::uint64_t>(bytes, i));
  for (; i < bytes.size(); ++i) crc = (crc >> 8) ^ kTables[0][(crc ^ bytes[i]) & 0xFF];
  return ~crc;
}

std::uint32_t Record::expected_check(std::uint64_t offset) const noexcept {
  std::uint32_t crc = eight(~0u, offset);
  crc = eight(crc, load<std::uint64_t>(0) & 0xFFFF'FFFFu);  // the check field is the upper half
  const std::size_t end = size();
  for (std::size_t at = 8; at < end; at += 8) crc = eight(crc, load<std::uint64_t>(at));
  return ~crc;
}

std::array<std::uint8_t, kCellBytes> header_cell() noexcept {
  std::array<std::uint8_t, kCellBytes> cell{'V', 'Y', 'R', 'E', 'T', 'R', 'C', 'E'};
  const std::uint32_t version = kFormatVersion;
  const std::uint32_t cell_bytes = kCellBytes;
  std::memcpy(cell.data() + 8, &version, sizeof version);
  std::memcpy(cell.data() + 12, &cell_bytes, sizeof cell_bytes);
  return cell;
}

}  // namespace vyre::trace
