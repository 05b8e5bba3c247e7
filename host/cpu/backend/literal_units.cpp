#include "literal_units.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

#include "builtin/twins.hpp"
#include "literal_search.hpp"

namespace vyre::cpu {
namespace {

using builtin::LiteralHit;
using builtin::LiteralHits;

/// The plain form checks the blob anew for each unit, so a unit is no shorter than that.
constexpr std::uint64_t kLeastUnitBytes{std::uint64_t{1} << 20};
/// More hits than one in so many bytes are not kept: putting them down is most of the work then.
constexpr std::uint64_t kBytesAHit{16};

}  // namespace

std::unique_ptr<LiteralUnits> LiteralUnits::of(std::span<const builtin::Buffer> inputs,
                                               std::span<const builtin::Buffer> outputs,
                                               builtin::LiteralMatcher* search,
                                               const builtin::StopWord& stop) noexcept {
  const ByteSpan text{inputs[0].data, inputs[0].bytes};
  const ByteSpan blob{inputs[1].data, inputs[1].bytes};
  if (text.size() < kSplitBytes) return nullptr;
  const auto header = header_of(blob);
  if (!header) return nullptr;
  try {
    return std::unique_ptr<LiteralUnits>(new LiteralUnits(
        text, blob, {outputs[0].data, outputs[0].bytes}, search, stop, header->max_length));
  } catch (const std::bad_alloc&) {
    return nullptr;  // the plain form needs no memory
  }
}

LiteralUnits::LiteralUnits(ByteSpan text, ByteSpan blob, MutableByteSpan out,
                           builtin::LiteralMatcher* search, const builtin::StopWord& stop,
                           std::uint64_t longest)
    : text_(text),
      blob_(blob),
      out_(out),
      search_(search),
      stop_(stop),
      longest_(longest),
      unit_bytes_(std::max<std::uint64_t>(kLeastUnitBytes, blob.size())),
      found_((text.size() + unit_bytes_ - 1) / unit_bytes_) {}

void LiteralUnits::run(std::uint32_t phase, std::uint64_t unit) noexcept {
  if (gave_up() || fault() != FaultCode::none) return;
  if (phase == 1) return add_up();
  if (phase == 2) return put(found_[unit]);
  try {
    find(unit);
  } catch (const std::exception&) {
    gave_up_.store(true, std::memory_order_relaxed);
  }
}

void LiteralUnits::find(std::uint64_t unit) {
  const std::uint64_t begin = unit * unit_bytes_;
  const std::uint64_t end = std::min<std::uint64_t>(text_.size(), begin + unit_bytes_);
  const std::uint64_t from = begin - std::min(begin, longest_ - 1);
  const ByteSpan text = text_.subspan(from, end - from);
  // A matcher writes what is read below, so nothing is zeroed first.
  const std::size_t bytes = sizeof(LiteralHits) + text.size() / kBytesAHit * sizeof(LiteralHit);
  const auto held = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
  const MutableByteSpan room(held.get(), bytes);
  std::optional<FaultCode> ended;
  if (search_ != nullptr) ended = search_->match(text, blob_, room, stop_);
  if (!ended) ended = builtin::match(text, blob_, room, stop_);
  LiteralHits total{0, 0};
  if (*ended == FaultCode::none) std::memcpy(&total, room.data(), sizeof total);
  if (*ended != FaultCode::none) fault_.store(*ended, std::memory_order_relaxed);
  if (total.hits > total.records) gave_up_.store(true, std::memory_order_relaxed);
  if (gave_up() || fault() != FaultCode::none) return;
  std::vector<LiteralHit>& hits = found_[unit].hits;
  for (std::uint64_t k = 0; k < total.records; ++k) {
    LiteralHit hit;
    std::memcpy(&hit, room.data() + sizeof total + k * sizeof hit, sizeof hit);
    hit.end += from;
    if (hit.end > begin) hits.push_back(hit);
  }
}

void LiteralUnits::add_up() noexcept {
  std::uint64_t hits = 0;
  for (Found& found : found_) {
    found.before = hits;
    hits += found.hits.size();
  }
  const LiteralHits total{hits, std::min(hits, builtin::hit_capacity(out_.size()))};
  std::memcpy(out_.data(), &total, sizeof total);
}

void LiteralUnits::put(const Found& found) noexcept {
  const std::uint64_t capacity = builtin::hit_capacity(out_.size());
  if (found.before >= capacity || found.hits.empty()) return;
  const std::uint64_t records = std::min<std::uint64_t>(found.hits.size(), capacity - found.before);
  std::memcpy(out_.data() + sizeof(LiteralHits) + found.before * sizeof(LiteralHit),
              found.hits.data(), records * sizeof(LiteralHit));
}

}  // namespace vyre::cpu
