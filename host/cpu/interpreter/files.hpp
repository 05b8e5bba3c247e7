// Bytes of files for the asynchronous copies of one interpreter: asked for through the request
// lines, taken into the interpreter's memory as soon as they are looked for. So no worker waits for
// a line while it holds answers that it could take in. Belongs to one Interpreter and its thread.
// Spec: docs/internals/ingest-requests.md, "Requests of items".
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "cpu/interpreter/interpreter.hpp"
#include "protocol/completion.hpp"

namespace vyre::cpu {

/// What a copy will write: bytes of memory, there at once, or of a file, on their way.
struct Snapshot {
  std::vector<std::uint8_t> bytes;
  std::uint32_t file{0};  // handle; 0: memory
  std::uint64_t at{0};    // of the first byte in the file
  std::uint64_t asked{0};
  std::uint64_t landed{0};
  FaultCode fault{FaultCode::none};
  [[nodiscard]] bool ended() const noexcept {
    return fault != FaultCode::none || landed == bytes.size();
  }
};

class FileReads {
 public:
  /// For the run that follows. Null: no file is read through lines.
  void begin(const FileAsks* asks, const std::atomic<bool>* stop);
  /// The handle to ask for where this declared buffer is a file; 0: its bytes are memory.
  [[nodiscard]] std::uint32_t file(std::uint64_t buffer) const noexcept {
    return asks_ != nullptr && buffer < asks_->files.size() ? asks_->files[buffer] : 0;
  }
  /// Asks for as much as there are lines, the rest later. Never waits.
  void start(const std::shared_ptr<Snapshot>& snapshot);
  /// Waits for all of it, at most until the pump or what was asked of it is given up or the run is
  /// stopped: none, io_error, or shutdown.
  [[nodiscard]] FaultCode finish(Snapshot& snapshot);
  /// The run waits no more for what was started: asks for nothing more of it.
  void drop() noexcept;
  /// After drop(): waits, as finish() does, until no line is held. Lines whose answers did not come
  /// stay held and are looked at again with the next run.
  void settle() noexcept;

 private:
  struct Held {
    queue::IoClient::Line line;
    std::shared_ptr<Snapshot> into;  // null: dropped
    std::uint64_t offset{0};         // in the snapshot
    std::uint64_t length{0};
    bool lost{false};  // given up: looked at, never waited for
  };
  /// Patience with a pump: time that passes while its heartbeat stands still, or nothing comes.
  class Watch;

  /// Takes answers in and gives their lines back; then asks for more. True if anything came.
  bool turn_over();
  bool take_in();
  void ask();
  /// All that is held is lost when it does.
  [[nodiscard]] bool gives_up(const Watch& watch);
  [[nodiscard]] std::size_t waited_for() const noexcept;
  [[nodiscard]] bool stopped() const noexcept;

  const FileAsks* asks_{nullptr};
  const std::atomic<bool>* stop_{nullptr};
  queue::IoClient* client_{nullptr};  // whose lines are held
  std::vector<Held> held_;
  std::deque<std::shared_ptr<Snapshot>> wanted_;  // with bytes that were not asked for yet
  std::uint64_t dead_beat_{0};  // heartbeat of a pump that was given up; 0: none was
};

}  // namespace vyre::cpu
