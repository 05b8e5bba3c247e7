// What a recorder is told of a session, handed over to a thread that records it, so that a slow
// disk holds up no caller of the session. Host only. Page: docs/internals/trace.md, "Recording".
//
// A session tells one event at a time, under its locks. Each goes to the end of a list that has
// room for so many events and bytes; a writer takes the whole list and records it in order, while
// the next one fills. Where the list is full the caller waits for the writer. Contents that are
// larger than the list, programs, and files are recorded by the caller itself, behind all that was
// told before.
//
// Lock: one mutex of its own, which no thread holds while it records.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "trace/trace.hpp"

namespace vyre::trace {

/// What records events. Calls come one at a time, from the writer or from who ends the recording.
class EventRecorder : public runtime::SessionObserver {
 public:
  [[nodiscard]] virtual Status finish(runtime::Session& session, Deadline deadline) = 0;
  /// `catch_up` returns when all events so far are recorded.
  [[nodiscard]] virtual Status cut_short(runtime::Session& session,
                                         const std::function<Status()>& catch_up) = 0;
  virtual void discard() = 0;
  [[nodiscard]] virtual Status status() const = 0;
};

/// What may wait for the writer.
struct HandOverBounds {
  std::size_t events{16'384};
  std::size_t bytes{std::size_t{64} << 20};  // of contents
};

class HandOver final : public Recorder {
 public:
  /// out_of_memory where the system gives no thread.
  [[nodiscard]] static Result<std::shared_ptr<HandOver>> start(std::unique_ptr<EventRecorder> to,
                                                               const HandOverBounds& bounds = {});
  HandOver(std::unique_ptr<EventRecorder> to, const HandOverBounds& bounds);
  /// What was told is recorded first.
  ~HandOver() override;

  void on_program(runtime::OpHandle op, std::string_view name,
                  const vir::Program& program) override;
  void on_buffer(runtime::Handle buffer, ByteSpan bytes, bool file_backed) override;
  void on_write(runtime::Handle buffer, std::uint64_t offset, ByteSpan bytes) override;
  void on_bind(runtime::Handle set, std::span<const runtime::Handle> buffers) override;
  void on_release(runtime::Handle handle) override;
  void on_submit(const runtime::Ticket& ticket, const MegakernelWorkItem& item, std::uint8_t flags,
                 std::chrono::nanoseconds since_open) override;
  void on_completion(const runtime::ItemResult& result,
                     std::chrono::nanoseconds since_open) override;

  Status finish(runtime::Session& session, Deadline deadline) override;
  Status cut_short(runtime::Session& session) override;
  void discard() override;
  Status status() const override;

 private:
  struct Buffer {
    runtime::Handle handle;
    Bytes bytes;
  };
  struct Write {
    runtime::Handle handle;
    std::uint64_t offset;
    Bytes bytes;
  };
  struct Bind {
    runtime::Handle set;
    std::vector<runtime::Handle> buffers;
  };
  struct Release {
    runtime::Handle handle;
  };
  struct Submit {
    runtime::Ticket ticket;
    MegakernelWorkItem item;
    std::uint8_t flags;
    std::chrono::nanoseconds since_open;
  };
  struct Completion {
    runtime::ItemResult result;
    std::chrono::nanoseconds since_open;
  };
  using Event = std::variant<Release, Submit, Completion, Buffer, Write, Bind>;

  /// `bytes` of contents are in it.
  void give(Event event, std::size_t bytes = 0);
  /// Until all that was given is recorded; an error if some of it could not be.
  Status catch_up() const;
  /// Ends the recording with `end`, or gives what that came to before. Waits until `deadline` for
  /// another thread that ends it.
  [[nodiscard]] Status end_once(Deadline deadline, const std::function<Status()>& end);
  void write();
  /// Records what is taken, until an event cannot be.
  [[nodiscard]] Status record_all(const std::vector<Event>& taken);
  void record(const Event& event);

  const std::unique_ptr<EventRecorder> to_;
  const HandOverBounds bounds_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Event> given_;   // not taken yet
  std::size_t bytes_{0};       // of contents that are not recorded yet
  bool writing_{false};        // the writer has taken events that are not recorded yet
  bool writer_waits_{false};   // for an event
  mutable bool hurry_{false};  // a thread waits for the writer, which gathers no longer
  bool over_{false};
  bool ending_{false};           // a thread ends the recording
  std::optional<Status> ended_;  // what that came to
  Status failed_;                // an event could not be recorded, and no later one is
  std::thread writer_;
};

}  // namespace vyre::trace
