#include "piece_reader.hpp"

#include <algorithm>
#include <iterator>

#include "base/message.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {
namespace {

/// A chunk may be larger than the file: memory grows with what was read.
constexpr std::size_t kReadBytes{std::size_t{1} << 20};
/// Pieces begin at multiples of this, so that no number is cut.
constexpr std::uint64_t kPieceStep{16};
/// How often a wait looks whether a stop was asked for.
constexpr std::chrono::milliseconds kLookAgain{100};

}  // namespace

PieceReader::PieceReader(std::string name, Open open, const RunOptions& options)
    : name_(std::move(name)),
      open_(std::move(open)),
      chunk_bytes_(options.chunk_bytes),
      overlap_bytes_(options.overlap_bytes),
      align_lines_(!options.align.empty()),
      flush_after_(options.flush_after()) {}

Result<PieceReader::Filled> PieceReader::fill(const Idle& idle) {
  using std::chrono::milliseconds, std::chrono::steady_clock;
  std::optional<steady_clock::time_point> due;  // of what came first and waits
  if (ahead_.size() > seen_) due = steady_clock::now() + flush_after_;
  while (ahead_.size() <= chunk_bytes_) {
    milliseconds left{0};
    if (due) left = std::max(left, std::chrono::ceil<milliseconds>(*due - steady_clock::now()));
    if (!input_->ready(left)) {
      if (due && steady_clock::now() >= *due && early_cut() != 0) return Filled::early;
      VYRE_TRY(idle());
      if (platform::stop_asked()) return platform::interrupted();
      if (!input_->ready(kLookAgain)) continue;
    }
    const std::size_t have = ahead_.size();
    const std::uint64_t missing = chunk_bytes_ - have + 1;
    ahead_.resize(have + static_cast<std::size_t>(std::min<std::uint64_t>(missing, kReadBytes)));
    const auto n = input_->read(MutableByteSpan(ahead_).subspan(have));
    ahead_.resize(have + n.value_or(0));
    if (!n) return tl::unexpected<Error>(n.error());
    if (*n == 0) return Filled::end;
    if (!due) due = steady_clock::now() + flush_after_;
  }
  return Filled::full;
}

Result<std::uint64_t> PieceReader::cut() const {
  if (!align_lines_) return chunk_bytes_;
  const auto end = ahead_.begin() + static_cast<std::ptrdiff_t>(chunk_bytes_);
  const auto newline = std::find(std::reverse_iterator(end), ahead_.rend(), '\n');
  if (newline != ahead_.rend()) return static_cast<std::uint64_t>(newline.base() - ahead_.begin());
  return fail(Errc::limit_exceeded,
              message("{}: the line at offset {} is longer than --chunk, which is {}; give a "
                      "larger one",
                      name_, offset_, chunk_bytes_));
}

std::uint64_t PieceReader::early_cut() const {
  if (align_lines_) {
    const auto newline = std::find(ahead_.rbegin(), ahead_.rend(), '\n');
    return static_cast<std::uint64_t>(newline.base() - ahead_.begin());
  }
  // The next piece begins behind the beginning of this one.
  const std::uint64_t bytes = ahead_.size() / kPieceStep * kPieceStep;
  return bytes > std::max(seen_, overlap_bytes_) ? bytes : 0;
}

Result<std::optional<PieceReader::Piece>> PieceReader::take(const Idle& idle) {
  if (!input_) {
    VYRE_ASSIGN(input_, open_());
  }
  VYRE_ASSIGN(const Filled filled, fill(idle));
  Piece piece{offset_, seen_, {}};
  if (filled == Filled::end) {
    ended_ = true;
    if (begun_ && ahead_.size() <= seen_) return std::nullopt;
    piece.bytes = std::move(ahead_);
    return piece;
  }
  begun_ = true;
  std::uint64_t bytes = 0;
  if (filled == Filled::full) {
    VYRE_ASSIGN(bytes, cut());
  } else {
    bytes = early_cut();
  }
  const auto at = [&](std::uint64_t place) {
    return ahead_.begin() + static_cast<std::ptrdiff_t>(place);
  };
  piece.bytes.assign(ahead_.begin(), at(bytes));
  ahead_.erase(ahead_.begin(), at(bytes - overlap_bytes_));
  offset_ += bytes - overlap_bytes_;
  seen_ = overlap_bytes_;
  return piece;
}

std::optional<PieceReader::Piece> PieceReader::rest() {
  if (ahead_.size() <= seen_) return std::nullopt;
  return Piece{offset_, seen_, std::exchange(ahead_, {})};
}

Result<std::optional<PieceReader::Piece>> PieceReader::next(const Idle& idle) {
  if (ended_) return std::nullopt;
  auto piece = take(idle);
  ended_ = ended_ || !piece;
  return piece;
}

}  // namespace vyre::cli
