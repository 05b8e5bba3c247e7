// Files that the command cuts itself: see runner.hpp and piece_reader.hpp.
#include <algorithm>

#include "followed_file.hpp"
#include "input_bytes.hpp"
#include "piece_reader.hpp"
#include "platform/file.hpp"
#include "platform/stop.hpp"
#include "runner.hpp"

namespace vyre::cli {
namespace {

/// Pieces that are read here hold so many bytes at once, or are so many.
constexpr std::uint64_t kPiecesBytes{std::uint64_t{64} << 20};
constexpr std::uint64_t kLeastPieces{8};

}  // namespace

Status Runner::submit_pieces(const std::string& file) {
  if (options_.follow.empty()) {
    return submit_pieces(file, [&] { return open_input_bytes(file, options_.decompress); });
  }
  FollowedFile followed(file);
  for (;;) {
    auto opened = followed.next();
    const bool over = !opened;
    if (over && platform::stop_signal() != 0) return platform::interrupted();
    if (!over) ++followed_;
    VYRE_TRY(submit_pieces(file, [&] { return std::move(opened); }));
    if (over) return {};
    VYRE_TRY(catch_up());
  }
}

Status Runner::submit_pieces(const std::string& file, PieceReader::Open open) {
  PieceReader reader(platform::input_name(file), std::move(open), options_);
  while (true) {
    auto piece = reader.next([this] { return catch_up(); });
    if (!piece) {
      const bool followed = !options_.follow.empty() && platform::stop_signal() != 0;
      return followed ? end_followed(file, reader)
                      : give_up({file, std::nullopt}, std::move(piece).error());
    }
    if (!*piece) break;
    VYRE_TRY(submit(file, **std::move(piece)));
  }
  end_pieces(file);
  return {};
}

Status Runner::submit(const std::string& file, PieceReader::Piece piece) {
  // Input may come faster than its items end.
  const std::uint64_t most = std::max(kPiecesBytes, kLeastPieces * options_.chunk_bytes);
  while (!waiting_.empty() && in_flight_bytes_ > most) VYRE_TRY(retire());
  ItemInput input;
  input.path = file;
  input.bytes = std::move(piece.bytes);
  input.size = input.bytes.size();
  input.seen = piece.seen;
  return start({file, piece.offset, piece.seen}, std::move(input));
}

void Runner::end_pieces(const std::string& file) {
  waiting_.push_back({{file, std::nullopt}, 0, 0, std::nullopt, std::nullopt, true});
}

/// A signal is how a followed file ends: what has come of it has its answer, too.
Status Runner::end_followed(const std::string& file, PieceReader& reader) {
  const v0::InterruptBy nothing(nullptr);
  finishing_ = true;
  engine_.end_soon();
  if (auto rest = reader.rest()) VYRE_TRY(submit(file, *std::move(rest)));
  end_pieces(file);
  VYRE_TRY(retire_all());
  finishing_ = false;
  return platform::interrupted();
}

/// While the next bytes are not there, the results of those before them come out.
Status Runner::catch_up() {
  VYRE_TRY(retire_all());
  return sink_.flush();
}

}  // namespace vyre::cli
