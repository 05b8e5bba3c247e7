// Form and checks of records; where a recording that was cut short ends. See the header.
#include "events.hpp"
#include "base/message.hpp"

#include <algorithm>

namespace vyre::trace {
namespace {

constexpr std::size_t kBlockBytes{std::size_t{1} << 18};

}  // namespace

EventReader::EventReader(std::unique_ptr<ByteSource> bytes, const Source& source, bool sealed)
    : source_(std::move(bytes)),
      name_(source.events_name()),
      trace_(&source),
      sealed_(sealed),
      block_(kBlockBytes) {}

Result<EventReader> EventReader::open(Source& source, bool sealed) {
  VYRE_ASSIGN(auto bytes, source.events());
  EventReader reader(std::move(bytes), source, sealed);
  VYRE_ASSIGN(const std::size_t have, reader.available(kCellBytes));
  const auto header = header_cell();
  std::array<std::uint8_t, kCellBytes> first{};
  std::copy_n(reader.block_.begin(), std::min(have, kCellBytes), first.begin());
  if (have < kCellBytes || first != header) {
    // A process that dies while it stores the header leaves a piece of it and zeros.
    const auto same = std::mismatch(first.begin(), first.end(), header.begin()).first;
    const bool piece = std::all_of(same, first.end(), [](std::uint8_t b) { return b == 0; });
    VYRE_ASSIGN(const bool nothing_behind, reader.only_zeros_from(kCellBytes));
    if (!sealed && piece && nothing_behind) {
      reader.stopped_ = true;
      return reader;
    }
    if (std::equal(header.begin(), header.begin() + 8, first.begin())) {
      return fail(Errc::version_mismatch,
                  message("'{}' has format version {} or another cell size; this reader knows {}",
                          reader.name_, load_le<std::uint32_t>(first, 8), kFormatVersion),
                  8);
    }
    return fail(Errc::malformed,
                message("'{}' does not start as the events of a trace do", reader.name_), 0);
  }
  reader.at_ = kCellBytes;
  return reader;
}

Result<std::size_t> EventReader::available(std::size_t wanted) {
  if (have_ - at_ >= wanted) return have_ - at_;
  VYRE_TRY(trace_->go_on(name_));
  std::copy(block_.begin() + static_cast<std::ptrdiff_t>(at_),
            block_.begin() + static_cast<std::ptrdiff_t>(have_), block_.begin());
  block_offset_ += at_;
  have_ -= at_;
  at_ = 0;
  VYRE_ASSIGN(const std::size_t n, source_->read(MutableByteSpan(block_).subspan(have_)));
  have_ += n;
  return have_;
}

Result<bool> EventReader::only_zeros_from(std::size_t skip) {
  while (true) {
    VYRE_ASSIGN(const std::size_t have, available(kCellBytes));
    if (have == 0) return true;
    const std::size_t skipped = std::min(skip, have);
    const auto begin = block_.begin() + static_cast<std::ptrdiff_t>(at_ + skipped);
    const auto end = block_.begin() + static_cast<std::ptrdiff_t>(have_);
    if (std::any_of(begin, end, [](std::uint8_t b) { return b != 0; })) return false;
    skip -= skipped;
    at_ = have_;
  }
}

tl::unexpected<Error> EventReader::wrong(Errc code, const std::string& what) const {
  return fail(code,
              message("'{}' record {} ({}): {}", name_, index_, kind_name(record_.kind()), what),
              offset_);
}

Result<bool> EventReader::stop_at_bad(const std::string& what) {
  const std::string place = message("'{}' record {}", name_, index_);
  if (sealed_) return fail(Errc::malformed, message("{} {}", place, what), offset_);
  // A record that was being stored when the process died: nothing was stored behind it.
  VYRE_ASSIGN(const bool torn, only_zeros_from(kMaxRecordBytes));
  if (!torn) {
    return fail(Errc::malformed,
                message("{} {}, and more records follow: this is damage, not a recording cut short",
                        place, what),
                offset_);
  }
  stopped_ = true;
  return false;
}

Result<bool> EventReader::next() {
  if (stopped_) return false;
  ++index_;
  VYRE_ASSIGN(const std::size_t have, available(kMaxRecordBytes));
  offset_ = block_offset_ + at_;
  if (ended_) {
    stopped_ = true;
    if (have == 0) return false;
    // Space reserved for records that never came stays behind when the writer dies after the end
    // record.
    VYRE_ASSIGN(const bool zeros, only_zeros_from(0));
    if (!sealed_ && zeros) return false;
    return fail(Errc::malformed, message("'{}' goes on behind its end record", name_), offset_);
  }
  if (have == 0) return stop_at_bad("is missing: the file ends without its end record");
  const std::uint8_t kind = block_[at_];
  const std::size_t size = cells_of(kind) * kCellBytes;
  if (size == 0) return stop_at_bad(message("has the unknown kind {}", kind));
  if (have < size) {
    return stop_at_bad(message("is cut: {} of {} bytes", have, size));
  }
  std::memcpy(record_.data(), block_.data() + at_, size);
  if (record_.check() != record_.expected_check(offset_)) {
    return stop_at_bad("does not match its check: the bytes are not those that were written");
  }
  at_ += size;
  constexpr std::uint64_t kOdd{0x9E37'79B9'7F4A'7C15u};  // spreads each check over all the bits
  print_ = (print_ ^ record_.check()) * kOdd;
  ended_ = record_.kind() == Kind::end;
  return true;
}

std::uint64_t full_position(std::uint32_t low, std::uint64_t submitted) noexcept {
  const std::uint64_t high = submitted & ~std::uint64_t{0xFFFF'FFFFu};
  const std::uint64_t candidate = high | low;
  return candidate < submitted || high == 0 ? candidate : candidate - (std::uint64_t{1} << 32);
}

}  // namespace vyre::trace
