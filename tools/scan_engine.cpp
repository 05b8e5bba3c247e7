#include "scan_engine.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <thread>

#include "base/message.hpp"
#include "flag_checks.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {
namespace {

/// How often a wait looks whether a stop was asked for.
constexpr std::chrono::milliseconds kLook{100};
/// Room for a hit in so many bytes of text; where there are more, the piece is searched again.
constexpr std::uint64_t kBytesAHit{32};
/// Parts of a piece with more hits are not shorter.
constexpr std::uint64_t kLeastPart{std::uint64_t{1} << 12};
/// Pieces of an input under way.
constexpr std::size_t kPiecesAhead{8};
constexpr std::uint64_t kStep{16};  // of overlaps of a stream

struct Header {
  std::uint64_t hits;
  std::uint64_t records;
};
static_assert(sizeof(Header) == sizeof(LiteralHit));

/// Every byte of it is zeroed when a stream begins, 0.3 ms a MiB, so no more than what keeps all
/// workers busy, and for small files less.
std::uint64_t ingest_bytes(const ScanOptions& options) {
  constexpr std::uint64_t kLeast{std::uint64_t{6} << 20};
  constexpr std::uint64_t kChunksAWorker{4};
  const std::uint64_t workers =
      options.workers != 0 ? options.workers : std::max(1u, std::thread::hardware_concurrency());
  const std::uint64_t chunks =
      std::clamp<std::uint64_t>(workers * kChunksAWorker, 16, 64) * options.chunk_bytes;
  if (!options.files_bytes) return kLeast + chunks;
  return kLeast + std::min(chunks, 2 * std::max(*options.files_bytes, options.chunk_bytes));
}

std::uint64_t output_bytes(std::uint64_t hits) {
  return sizeof(Header) + hits * sizeof(LiteralHit);
}

Header header_of(std::span<const LiteralHit> output) {
  Header header;
  std::memcpy(&header, output.data(), sizeof header);
  return header;
}

Result<v0::Blob> compile(const ScanOptions& options, const ScanWords& words) {
  const v0::InterruptBy stop([] { return platform::stop_asked(); });
  auto automaton = v0::compile_literals(
      words.views(), options.ignore_case ? v0::AsciiCase::same : v0::AsciiCase::distinct);
  if (!automaton && platform::stop_asked()) return platform::interrupted();
  return taken(std::move(automaton));
}

Status not_done(const v0::ItemResult& result) {
  if (result.done()) return {};
  return fail(Errc::faulted, message("searching failed: {}", result.code_name()));
}

}  // namespace

ScanEngine::ScanEngine(const ScanOptions& options, v0::Session session, v0::Op op,
                       v0::Buffer automaton, std::uint64_t overlap)
    : options_(options),
      session_(std::move(session)),
      op_(op),
      automaton_(std::move(automaton)),
      overlap_(overlap) {}

Result<std::unique_ptr<ScanEngine>> ScanEngine::open(const ScanOptions& options,
                                                     const ScanWords& words) {
  v0::SessionOptions how;
  how.device = options.executor;
  how.workers = options.workers;
  how.more.emplace_back("ingest_bytes", std::to_string(ingest_bytes(options)));
  if (!options.timeline.empty()) how.more.push_back(kTimelineOption);
  VYRE_ASSIGN(v0::Session session, taken(v0::Session::open(how)));
  VYRE_ASSIGN(const v0::Blob automaton, compile(options, words));
  VYRE_ASSIGN(v0::Buffer uploaded, taken(session.main().upload_cached(automaton.bytes())));
  VYRE_ASSIGN(const v0::Op op, taken(session.find("match.literals")));
  const std::uint64_t overlap = (words.longest() - 1 + kStep - 1) / kStep * kStep;
  return std::unique_ptr<ScanEngine>(
      new ScanEngine(options, std::move(session), op, std::move(uploaded), overlap));
}

Status ScanEngine::wait(v0::Ticket ticket) {
  for (;;) {
    const auto result = session_.wait(ticket, kLook);
    if (result) return not_done(*result);
    if (result.error().code != v0::Code::deadline_exceeded)
      return tl::unexpected<Error>(error_of(result.error()));
    if (platform::stop_asked()) return platform::interrupted();
  }
}

Result<ScanEngine::Pending> ScanEngine::submit(Bytes bytes, std::uint64_t most_hits) {
  VYRE_ASSIGN(v0::Buffer text, taken(session_.main().upload(std::span<const std::uint8_t>(bytes))));
  VYRE_ASSIGN(v0::Buffer hits, taken(session_.main().allocate(output_bytes(most_hits))));
  VYRE_ASSIGN(v0::Buffer inputs,
              taken(session_.main().bind(std::array{text.ref(), automaton_.ref()})));
  VYRE_ASSIGN(const v0::Ticket ticket, taken(session_.main().submit(v0::Item{op_, inputs, hits})));
  Pending pending{std::move(bytes),  0,     0, false, std::move(text), std::move(hits),
                  std::move(inputs), ticket};
  return pending;
}

Result<ScanEngine::Hits> ScanEngine::hits_of(const Pending& pending) {
  VYRE_TRY(wait(pending.ticket));
  // The header first: most of the output has nothing in it.
  std::array<Header, 1> header{};
  VYRE_TRY(taken(pending.hits.read_into(std::span<Header>(header))));
  Hits hits{std::vector<LiteralHit>(header[0].records), header[0].hits};
  if (!hits.records.empty()) {
    VYRE_TRY(taken(pending.hits.read_into(std::span<LiteralHit>(hits.records), sizeof(Header))));
  }
  return hits;
}

Result<bool> ScanEngine::give_in_parts(std::uint64_t file, const ScanPiece& piece, Sink& sink) {
  const std::uint64_t least = std::max(kLeastPart, 4 * overlap_);
  const std::uint64_t total = piece.bytes.size();
  std::uint64_t size = std::max(total / 2, least);
  std::uint64_t seen = piece.seen;
  std::uint64_t room = options_.chunk_bytes / kBytesAHit;
  for (std::uint64_t begin = 0;;) {
    const std::uint64_t end = std::min(begin + size, total);
    const ByteSpan bytes = piece.bytes.subspan(begin, end - begin);
    VYRE_ASSIGN(const Pending part, submit(Bytes(bytes.begin(), bytes.end()), room));
    VYRE_ASSIGN(const Hits hits, hits_of(part));
    if (platform::stop_asked()) return platform::interrupted();
    if (!hits.all()) {
      if (size == least) room = hits.count;
      size = std::max(size / 2, least);
      continue;
    }
    const bool last = end == total;
    if (!sink.piece(file, {piece.offset + begin, bytes, seen, hits.records, last && piece.last,
                           piece.bytes.subspan(end)}))
      return false;
    if (last) return true;
    begin = end - overlap_;
    seen = overlap_;
  }
}

Status ScanEngine::scan_files(NextPath next, Sink& sink) {
  v0::StreamOptions how;
  how.chunk_bytes = options_.chunk_bytes;
  how.overlap_bytes = overlap_;
  how.inputs = {v0::BufferRef{}, automaton_};
  how.outputs = {{.bytes = output_bytes(options_.chunk_bytes / kBytesAHit)}};
  how.keep_bytes = true;
  VYRE_ASSIGN(v0::Stream stream, taken(session_.main().stream(std::move(next), op_, how)));
  while (!sink.enough()) {
    const auto came = stream.next(kLook);
    if (!came && came.error().code == v0::Code::deadline_exceeded) {
      if (platform::stop_asked()) return platform::interrupted();
      continue;
    }
    if (!came) return tl::unexpected<Error>(error_of(came.error()));
    if (!*came) return {};
    const v0::Chunk& chunk = **came;
    if (const auto error = chunk.error()) {
      sink.failed(chunk.file(), error_of(*error));
      continue;
    }
    if (platform::stop_asked()) return platform::interrupted();
    VYRE_TRY(not_done(chunk.result()));
    std::span<const LiteralHit> hits = chunk.output<LiteralHit>(0);
    const Header header = header_of(hits);
    hits = hits.subspan(1, header.records);
    const ScanPiece piece{chunk.offset(), chunk.bytes(), chunk.seen_bytes(), hits, chunk.last()};
    bool wanted = false;
    if (header.hits > header.records) {
      VYRE_ASSIGN(wanted, give_in_parts(chunk.file(), piece, sink));
    } else {
      wanted = sink.piece(chunk.file(), piece);
    }
    if (!wanted && !chunk.last()) stream.skip_to(chunk.file() + 1, 0);
  }
  return {};
}

Status ScanEngine::scan_input(InputBytes& input, Sink& sink) {
  std::deque<Pending> pending;
  bool wanted = true;
  const auto give = [&](std::size_t most_left) -> Status {
    while (pending.size() > most_left && wanted) {
      const Pending piece = std::move(pending.front());
      pending.pop_front();
      VYRE_ASSIGN(const Hits hits, hits_of(piece));
      const ScanPiece found{piece.offset, piece.bytes, piece.seen, hits.records, piece.last};
      if (hits.all()) {
        wanted = sink.piece(0, found);
      } else {
        VYRE_ASSIGN(wanted, give_in_parts(0, found, sink));
      }
    }
    return {};
  };
  Bytes tail;  // what the next piece shares with the one before it
  std::uint64_t offset = 0;
  Status read;
  for (bool last = false; !last && wanted;) {
    Bytes bytes = std::move(tail);
    const std::size_t seen = bytes.size();
    std::size_t have = seen;
    bytes.resize(options_.chunk_bytes);
    std::optional<std::chrono::steady_clock::time_point> due;
    while (have < bytes.size()) {
      using namespace std::chrono;
      milliseconds left{0};
      if (due) left = std::max(left, ceil<milliseconds>(*due - steady_clock::now()));
      if (!input.ready(left)) {
        if (have != seen && due && steady_clock::now() >= *due) break;
        // Nothing to do but to wait: what was found so far is shown meanwhile.
        VYRE_TRY(give(0));
        if (!wanted) return {};
        sink.waiting();
        if (platform::stop_asked()) return platform::interrupted();
        if (!due && !input.ready(kLook)) continue;
      }
      const auto n = input.read(MutableByteSpan(bytes).subspan(have));
      if (!n) read = tl::unexpected<Error>(n.error());
      last = !n || *n == 0;
      if (last) break;
      have += *n;
      if (!due) due = steady_clock::now() + options_.flush_after();
    }
    bytes.resize(have);
    tail.assign(bytes.end() - static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(have, overlap_)),
                bytes.end());
    VYRE_ASSIGN(Pending piece, submit(std::move(bytes), options_.chunk_bytes / kBytesAHit));
    piece.offset = offset;
    piece.seen = seen;
    piece.last = last;
    pending.push_back(std::move(piece));
    offset += have - tail.size();
    VYRE_TRY(give(last ? 0 : kPiecesAhead));
  }
  return read;
}

Result<std::string> ScanEngine::timeline() {
  VYRE_ASSIGN(const v0::Blob json, taken(session_.timeline_json()));
  return std::string(json.text());
}

Result<std::string> ScanEngine::report(const v0::ReportOptions& options) {
  VYRE_ASSIGN(const v0::Blob json, taken(session_.report_json(options)));
  return std::string(json.text());
}

}  // namespace vyre::cli
