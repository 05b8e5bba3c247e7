// A caller's wait for bytes: a window of pieces, taken in order.
#include "pump_now.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "base/message.hpp"

namespace vyre::ingest {
namespace {

constexpr std::uint64_t kPieceBytes{std::uint64_t{1} << 20};
constexpr std::uint64_t kWindow{8};  // pieces under way
/// Between two looks at whether the pump still lives.
constexpr std::chrono::milliseconds kLook{100};

struct Piece {
  std::uint8_t* buffer{nullptr};  // kept for ever where it may still be written
  std::uint64_t at{0};            // in the caller's bytes
  std::uint64_t bytes{0};
  bool done{true};
  bool kept{false};
  ReadResult result{};
};

class Window final : public ReadSink {
 public:
  explicit Window(PumpThread& pump) : pump_(pump) {}
  ~Window() override {
    for (Piece& piece : pieces) {
      if (piece.kept) {
        keep_for_ever(piece.buffer);
      } else {
        std::free(piece.buffer);
      }
    }
  }
  void ended(const ReadResult& result) noexcept override {
    const std::lock_guard lock(mutex_);
    Piece& piece = pieces[result.tag];
    piece.result = result;
    piece.kept = pump_.abandoning();
    piece.done = true;
    ended_.notify_one();
  }
  /// False: it will never end.
  [[nodiscard]] bool wait(const Piece& piece) {
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, kLook, [&] { return piece.done; })) {
      if (pump_.hangs()) return false;
    }
    return true;
  }
  std::vector<Piece> pieces;

 private:
  PumpThread& pump_;
  std::mutex mutex_;
  std::condition_variable ended_;
};

tl::unexpected<Error> why_not(const File& file, std::uint64_t offset, std::uint64_t bytes,
                              const ReadResult& result) {
  const std::string what = message("{}: {} bytes at {}", file.path(), bytes, offset);
  if (result.status == ReadStatus::cancelled) {
    return fail(Errc::closed, message("{} were not read: the pump was stopped", what));
  }
  if (result.status == ReadStatus::end_of_file) {
    return fail(Errc::io,
                message("{} are not there any more: the file had {} bytes when it was opened and "
                        "ends at {} now",
                        what, file.bytes(), offset + result.bytes),
                offset + result.bytes);
  }
  return tl::unexpected<Error>(Error{Errc::io,
                                     message("{}: {}", what, std::strerror(result.error_number)),
                                     offset, 0, 0, result.error_number});
}

}  // namespace

Status read_and_wait(const std::shared_ptr<PumpThread>& pump,
                     const std::shared_ptr<const File>& file, std::uint64_t offset,
                     MutableByteSpan out) {
  if (out.empty()) return {};
  if (offset > file->bytes() || out.size() > file->bytes() - offset) {
    return fail(Errc::invalid_argument, message("{}: {} bytes at {} reach beyond its {} bytes",
                                                file->path(), out.size(), offset, file->bytes()));
  }
  if (pump->on_this_thread()) {
    return fail(Errc::internal, "a sink of the pump waits for the pump");
  }
  auto window = std::make_unique<Window>(*pump);
  const std::uint64_t pieces = (out.size() + kPieceBytes - 1) / kPieceBytes;
  window->pieces.resize(std::min(pieces, kWindow));
  const std::uint64_t room =
      (std::min<std::uint64_t>(out.size(), kPieceBytes) + 3 * kIoBlock - 1) / kIoBlock * kIoBlock;
  for (Piece& piece : window->pieces) {
    piece.buffer = static_cast<std::uint8_t*>(std::aligned_alloc(kIoBlock, room));
    if (piece.buffer == nullptr) {
      return fail(Errc::out_of_memory, message("no {} bytes to read through", room));
    }
  }

  Status status;
  const auto post = [&](std::uint64_t number) {
    const std::uint64_t tag = number % window->pieces.size();
    Piece& piece = window->pieces[tag];
    piece.at = number * kPieceBytes;
    piece.bytes = std::min<std::uint64_t>(kPieceBytes, out.size() - piece.at);
    piece.done = false;
    const ReadRequest request{file, offset + piece.at, piece.bytes, piece.buffer,
                              room, window.get(),      tag};
    if (Status posted = pump->post({&request, 1}); !posted) {
      piece.done = true;
      if (status) status = std::move(posted);
    }
    return status.has_value();
  };

  std::uint64_t posted = 0;
  while (posted < window->pieces.size() && post(posted)) ++posted;
  for (std::uint64_t number = 0; number < posted; ++number) {
    Piece& piece = window->pieces[number % window->pieces.size()];
    if (!window->wait(piece)) {
      keep_for_ever(window.release());  // the thread that hangs may come back and tell it
      return fail(Errc::closed, message("{}: the pump hangs in the system", file->path()));
    }
    if (piece.result.status != ReadStatus::ok) {
      if (status) status = why_not(*file, offset + piece.at, piece.bytes, piece.result);
    }
    if (!status) continue;  // only waits for those that are under way
    std::memcpy(out.data() + piece.at, piece.buffer + piece.result.skip, piece.bytes);
    pump->counters.copied(piece.result.tier, piece.bytes);
    if (posted < pieces && post(posted)) ++posted;
  }
  return status;
}

}  // namespace vyre::ingest
