// BLAKE3 in hash mode: 64-byte blocks, 1 KiB chunks, a binary tree of chaining values kept as a
// stack. Host only, portable, no allocation. Source of the algorithm and its constants: the BLAKE3
// paper (2020).
#include "base/digest.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vyre {
namespace {

using Words = std::array<std::uint32_t, 8>;
using Block = std::array<std::uint32_t, 16>;

constexpr std::size_t kBlockBytes{64};
constexpr std::size_t kChunkBlocks{16};
constexpr Words kInitial{0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u, 0xA54FF53Au,
                         0x510E527Fu, 0x9B05688Cu, 0x1F83D9ABu, 0x5BE0CD19u};

enum Flag : std::uint32_t { kChunkStart = 1, kChunkEnd = 2, kParent = 4, kRoot = 8 };

// The message order of each of the seven rounds: the fixed permutation applied 0..6 times.
constexpr std::array<std::uint8_t, 16> kPermutation{2, 6,  3,  10, 7, 0,  4,  13,
                                                    1, 11, 12, 5,  9, 14, 15, 8};
constexpr auto make_schedule() {
  std::array<std::array<std::uint8_t, 16>, 7> rounds{};
  for (std::uint8_t i = 0; i < 16; ++i) rounds[0][i] = i;
  for (std::size_t r = 1; r < rounds.size(); ++r) {
    for (std::size_t i = 0; i < 16; ++i) rounds[r][i] = rounds[r - 1][kPermutation[i]];
  }
  return rounds;
}
constexpr auto kSchedule = make_schedule();

inline void mix(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d,
                std::uint32_t x, std::uint32_t y) noexcept {
  a = a + b + x;
  d = std::rotr(d ^ a, 16);
  c = c + d;
  b = std::rotr(b ^ c, 12);
  a = a + b + y;
  d = std::rotr(d ^ a, 8);
  c = c + d;
  b = std::rotr(b ^ c, 7);
}

template <std::size_t kRound>
inline void mix_round(std::uint32_t* v, const Block& m) noexcept {
  constexpr const auto& s = kSchedule[kRound];
  mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
  mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
  mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
  mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
  mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
  mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
  mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
  mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
}

Words compress(const Words& cv, const Block& m, std::uint64_t counter, std::uint32_t block_bytes,
               std::uint32_t flags) noexcept {
  std::uint32_t v[16] = {cv[0],
                         cv[1],
                         cv[2],
                         cv[3],
                         cv[4],
                         cv[5],
                         cv[6],
                         cv[7],
                         kInitial[0],
                         kInitial[1],
                         kInitial[2],
                         kInitial[3],
                         static_cast<std::uint32_t>(counter),
                         static_cast<std::uint32_t>(counter >> 32),
                         block_bytes,
                         flags};
  mix_round<0>(v, m);
  mix_round<1>(v, m);
  mix_round<2>(v, m);
  mix_round<3>(v, m);
  mix_round<4>(v, m);
  mix_round<5>(v, m);
  mix_round<6>(v, m);
  Words out;
  for (std::size_t i = 0; i < 8; ++i) out[i] = v[i] ^ v[i + 8];
  return out;
}

Block words_of(const std::uint8_t* bytes) noexcept {
  Block m;
  std::memcpy(m.data(), bytes, kBlockBytes);  // bytes.cpp asserts a little-endian host
  return m;
}

Words parent(const Words& left, const Words& right, std::uint32_t flags) noexcept {
  Block m;
  std::copy(left.begin(), left.end(), m.begin());
  std::copy(right.begin(), right.end(), m.begin() + 8);
  return compress(kInitial, m, 0, kBlockBytes, kParent | flags);
}

}  // namespace

Blake3::Blake3() noexcept : chunk_cv_(kInitial) {}

// The stack holds one value per set bit of the number of chunks done: a new chunk merges with as
// many complete subtrees as its count has trailing zeros.
void Blake3::push_chunk_value(Words value, std::uint64_t chunk_count) noexcept {
  for (; (chunk_count & 1) == 0; chunk_count >>= 1) value = parent(stack_[--stack_size_], value, 0);
  stack_[stack_size_++] = value;
}

void Blake3::update(ByteSpan bytes) noexcept {
  while (!bytes.empty()) {
    if (block_bytes_ == kBlockBytes) {
      // More input follows, so this block is not the last of the message.
      const bool last_of_chunk = blocks_done_ + 1 == kChunkBlocks;
      const std::uint32_t flags =
          (blocks_done_ == 0 ? kChunkStart : 0u) | (last_of_chunk ? kChunkEnd : 0u);
      const Words value =
          compress(chunk_cv_, words_of(block_.data()), chunks_done_, kBlockBytes, flags);
      if (last_of_chunk) {
        ++chunks_done_;
        push_chunk_value(value, chunks_done_);
        chunk_cv_ = kInitial;
        blocks_done_ = 0;
      } else {
        chunk_cv_ = value;
        ++blocks_done_;
      }
      block_bytes_ = 0;
    }
    const std::size_t take = std::min(kBlockBytes - block_bytes_, bytes.size());
    std::memcpy(block_.data() + block_bytes_, bytes.data(), take);
    block_bytes_ += take;
    bytes = bytes.subspan(take);
  }
}

Digest Blake3::finish() const noexcept {
  std::array<std::uint8_t, kBlockBytes> padded{};
  std::memcpy(padded.data(), block_.data(), block_bytes_);
  const std::uint32_t root_if_alone = stack_size_ == 0 ? kRoot : 0u;
  Words value = compress(chunk_cv_, words_of(padded.data()), chunks_done_,
                         static_cast<std::uint32_t>(block_bytes_),
                         (blocks_done_ == 0 ? kChunkStart : 0u) | kChunkEnd | root_if_alone);
  for (std::size_t i = stack_size_; i > 0; --i) {
    value = parent(stack_[i - 1], value, i == 1 ? kRoot : 0u);
  }
  Digest digest;
  std::memcpy(digest.bytes.data(), value.data(), digest.bytes.size());
  return digest;
}

Digest blake3(ByteSpan bytes) noexcept {
  Blake3 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace vyre
