// Session::State: what a session owns, and the members behind each group of public calls.
// Files: session.cpp (open, small calls), submit.cpp, buffers.cpp, files.cpp (files and the pump),
// ops.cpp, results.cpp (wait, close), report.cpp; streams are in stream*.cpp. Host only; any number
// of threads.
//
// Locks, in the order in which they may be nested: bring_mutex_, memory_mutex_ -> order_ (handles,
// users of buffers, and the order of everything an observer sees) -> pump_mutex_,
// ObserverSlot::mutex; a Collector's turn -> ObserverSlot::mutex. No lock is held while a thread
// waits for items; only bring_mutex_ while one waits for the bytes of a file or observes, and only
// memory_mutex_ while the backend makes or releases something, which on a device may take
// kControlWait: so neither submits nor close() wait for that.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "backend/backend.hpp"
#include "backend/stable_table.hpp"
#include "collector.hpp"
#include "hazards.hpp"
#include "ingest/file.hpp"
#include "ingest/pump.hpp"
#include "queue/waiter.hpp"
#include "stream_memory.hpp"
#include "testing.hpp"
#include "vyre/runtime/session.hpp"

namespace vyre::runtime {

/// When a call that copies gives up. See Session::upload().
struct CopyUntil {
  Deadline deadline{Deadline::max()};
  bool (*stopped)(){nullptr};
  [[nodiscard]] bool told_to_stop() const { return stopped != nullptr && stopped(); }
  /// An error if one of them has come: `what` was cut `place`.
  [[nodiscard]] Status go_on(const std::string& what, const std::string& place) const;
};

/// Of an item that waits: its place among those that wait for its buffers, and those buffers.
struct PlaceInLine {
  std::uint64_t turn{0};  // 0: none
  std::vector<std::uint32_t> lines;
};

struct HandleRecord {
  enum class Kind : std::uint8_t { none, buffer, file, set, view };
  Kind kind{Kind::none};
  bool releasing{false};
  std::uint32_t handle{0};
  std::uint64_t serial{0};        // Handle::serial
  std::uint32_t releases{0};      // of handles in this place: the generation of the next
  std::uint32_t sets{0};          // live binding sets that name this buffer
  std::uint32_t host_readers{0};  // downloads under way
  std::uint32_t host_writers{0};  // writes under way
  std::uint64_t bytes{0};
  std::vector<std::uint32_t> members;  // handles, of a set
  bool counted{false};                 // a set that takes of the memory budget
  std::shared_ptr<const ingest::File> file;
  std::uint32_t tenant{ingest::kAnyTenant};  // of a file
  bool published{false};                     // the pump knows the file
  Uses uses;
  Line line;
};

struct OpRecord {
  OpInfo info;
  std::shared_ptr<const vir::Program> program;  // null for built-ins
  /// What a mapped file in an input slot needs.
  struct FileNeed {
    bool resident{true};
    bool pump{false};
  };
  std::vector<FileNeed> file_needs;  // by input slot; built-ins: none, and all are resident
};

class Session::State final : public backend::Listener {
 public:
  State(const SessionOptions& options, TestHooks hooks);
  ~State() override;

  [[nodiscard]] Status start();

  // session.cpp
  void posted() noexcept override;
  void idle() noexcept override;
  [[nodiscard]] Status observe(std::shared_ptr<SessionObserver> observer);

  // ops.cpp
  [[nodiscard]] Result<OpHandle> register_program(std::string_view name,
                                                  const vir::Program& program, Deadline deadline);
  [[nodiscard]] Result<OpHandle> find_op(std::string_view name);
  [[nodiscard]] Result<OpInfo> op_info(OpHandle op);
  [[nodiscard]] std::string op_name(std::uint32_t op);

  // buffers.cpp
  [[nodiscard]] Result<Handle> allocate(std::uint64_t bytes, const ByteSpan* contents,
                                        const CopyUntil& until);
  [[nodiscard]] Result<Handle> bind(std::span<const Handle> buffers);
  [[nodiscard]] Result<std::uint64_t> buffer_bytes(Handle buffer);
  [[nodiscard]] Status write(Handle buffer, std::uint64_t offset, ByteSpan bytes,
                             const CopyUntil& until);
  [[nodiscard]] Status release(Handle handle, Deadline deadline);
  [[nodiscard]] Result<Bytes> download(Handle buffer, const CopyUntil& until);
  [[nodiscard]] Status download_into(Handle buffer, std::uint64_t offset, MutableByteSpan out,
                                     const CopyUntil& until);

  // files.cpp
  [[nodiscard]] Result<Handle> map_file(const std::string& path, const MapOptions& options);
  [[nodiscard]] Result<Handle> load_file(const std::string& path, const CopyUntil& until);
  /// The pump, started if it was not; an error says what is missing.
  [[nodiscard]] Result<ingest::Pump*> pump();
  /// A worker of the CPU backend has asked for bytes.
  void ring_pump() noexcept;
  [[nodiscard]] ingest::TierChoice tier_for_pieces() const noexcept;

  // submit.cpp
  [[nodiscard]] SubmitMany submit_many(std::span<const MegakernelWorkItem> items, Deadline deadline,
                                       std::uint32_t queue, std::uint8_t flags,
                                       PlaceInLine* kept = nullptr);
  /// What submit_many() kept in `kept`: where its time was up before its next item got its buffers,
  /// the item keeps its place for the next call, whose first item it has to be, or for this one.
  void leave_place(PlaceInLine& place);

  // results.cpp
  [[nodiscard]] Result<ItemResult> wait(Ticket ticket, Deadline deadline);
  [[nodiscard]] Result<Drained> wait_all(Deadline deadline);
  [[nodiscard]] Status close();

  // report.cpp
  [[nodiscard]] report::Document report();

  // For streams.
  [[nodiscard]] Result<Handle> make_view();
  /// bind(), where views may be members.
  [[nodiscard]] Result<Handle> bind_views(std::span<const Handle> buffers);
  [[nodiscard]] backend::Backend& backend() noexcept { return *backend_; }
  [[nodiscard]] Collector& collector(std::uint32_t queue) noexcept { return *collectors_[queue]; }
  [[nodiscard]] queue::Waiter& changed() noexcept { return changed_; }
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  [[nodiscard]] StreamSpace& stream_space() noexcept { return stream_space_; }
  [[nodiscard]] bool on_device() const noexcept { return on_device_; }
  [[nodiscard]] const TestHooks& hooks() const noexcept { return hooks_; }
  [[nodiscard]] bool observed() const noexcept {
    return observer_.active.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool closing() const noexcept { return closing_.load(std::memory_order_acquire); }
  /// Why nothing is accepted any more, in words; only where something is wrong.
  [[nodiscard]] Error closed() const;
  [[nodiscard]] bool wall_time_is_over() const {
    return options_.max_wall_time.count() > 0 && Clock::now() - opened_ >= options_.max_wall_time;
  }
  /// By what carries its reads; empty files are read by nothing.
  void count_file(const ingest::Pump& pump, const ingest::File& file) noexcept {
    if (file.bytes() == 0) return;
    files_by_tier_[static_cast<std::size_t>(pump.tier_of(file))].fetch_add(
        1, std::memory_order_relaxed);
  }
  void count_streamed(std::uint64_t bytes) noexcept {
    bytes_in_.fetch_add(bytes, std::memory_order_relaxed);
  }
  /// Bounded wait for something that completions or notify() bring about; collects meanwhile.
  template <class Ready>
  [[nodiscard]] bool wait_for(Deadline deadline, const Ready& ready);

  [[nodiscard]] const SessionOptions& options() const noexcept { return options_; }
  [[nodiscard]] const MegakernelCaps& caps() const noexcept { return caps_; }
  [[nodiscard]] std::string_view backend_name() const noexcept { return backend_->name(); }
  /// True once a backend could not be stopped: whatever it may still touch must stay where it is.
  [[nodiscard]] bool leaked() const noexcept { return leaked_.load(std::memory_order_acquire); }

 private:
  using OrderLock = std::unique_lock<std::mutex>;

  // session.cpp
  /// On a device, or an error that says why not in words.
  [[nodiscard]] Status start_on_device(const backend::Options& wanted);
  [[nodiscard]] Status start_on(std::unique_ptr<backend::Backend> made);

  // results.cpp
  std::uint64_t collect_all();
  /// wait_for, where no call tells of a completion.
  template <class Look>
  [[nodiscard]] bool poll_for(Deadline deadline, const Look& look);
  /// over(), after a look for the completion of just that item.
  [[nodiscard]] bool look_over(const Use& use);
  [[nodiscard]] bool wait_over(const Use& use, Deadline deadline);
  /// Nothing has to wait for it any more.
  [[nodiscard]] bool over(const Use& use) const noexcept {
    const Collector& collector = *collectors_[use.queue];
    return use.writes ? collector.passed(use.position) : collector.ended(use.position);
  }
  [[nodiscard]] bool all_ended(const std::vector<std::uint64_t>& tails) const;
  [[nodiscard]] std::vector<std::uint64_t> tails() const;
  [[nodiscard]] std::int64_t since_open_ns() const;

  // buffers.cpp
  /// By the number alone, as items name it.
  [[nodiscard]] HandleRecord* find_handle(std::uint32_t handle) noexcept;
  /// Alive, not about to be released, and of this session; an error says which of these it is not.
  [[nodiscard]] Result<HandleRecord*> live_handle(const Handle& handle, const char* what);
  [[nodiscard]] Result<HandleRecord*> live_buffer(const Handle& handle, const char* what,
                                                  bool views = false);
  [[nodiscard]] Handle public_handle(const HandleRecord& record) const noexcept {
    return {record.handle, number_, record.serial};
  }
  [[nodiscard]] Result<Handle> bind_any(std::span<const Handle> buffers, bool views);
  [[nodiscard]] Result<std::uint32_t> next_handle();
  HandleRecord& put_handle(std::uint32_t handle, HandleRecord::Kind kind, std::uint64_t bytes);
  /// The place of a handle that was not put, or is released, is free for others. Under order_.
  void free_place(std::uint32_t handle);
  /// Of the memory budget, which counts whatever is kept as kHandleBytes at the least; `what` for
  /// the error. Under order_, and give_back_bytes() too.
  [[nodiscard]] Status reserve_bytes(std::uint64_t bytes, const char* what);
  void give_back_bytes(std::uint64_t bytes) noexcept;
  /// What the backend made for a handle that no caller knows yet: puts the handle and tells the
  /// observer, or undoes everything.
  [[nodiscard]] Result<Handle> put_made(std::uint32_t handle, HandleRecord::Kind kind,
                                        std::uint64_t bytes, const ByteSpan* contents,
                                        const std::shared_ptr<const ingest::File>& file,
                                        std::uint32_t tenant);
  /// What makes or releases something that the backend keeps: one thread at a time, and never with
  /// order_, because it may be slow.
  template <class Make>
  [[nodiscard]] Status in_backend(const Make& make) {
    const std::lock_guard making(memory_mutex_);
    return make();
  }
  void release_in_backend(std::uint32_t handle);
  /// Waits until nothing unfinished conflicts with reading or writing the buffer. Unlocks while it
  /// waits, so the handle is looked up again.
  [[nodiscard]] Result<HandleRecord*> await_free(OrderLock& lock, const Handle& handle, bool writes,
                                                 const CopyUntil& until);
  /// Bytes of a buffer for an observer: where they lie, or a copy of them. Of a file with
  /// bring_mutex_, since a device has to bring it first.
  struct Contents {
    ByteSpan bytes;
    Bytes copy;
  };
  [[nodiscard]] Result<Contents> contents_of(std::uint32_t handle, std::uint64_t bytes,
                                             const std::shared_ptr<const ingest::File>& file);
  /// Under order_ and the observer's lock.
  void tell_set(const HandleRecord& record);

  // report.cpp
  [[nodiscard]] report::IngestSection ingest_section(const ingest::Pump& pump) const;

  // files.cpp
  [[nodiscard]] Status publish(Handle file);
  /// Makes a mapped file resident, which may take long: without a lock but bring_mutex_.
  [[nodiscard]] Status bring(Handle file, const CopyUntil& until);
  [[nodiscard]] backend::Backend::ReadPiece piece_reader(
      const std::shared_ptr<const ingest::File>& file, const CopyUntil& until = {});
  void stop_pump();

  // submit.cpp
  struct Access {
    HandleRecord* record;
    bool writes;
    OpRecord::FileNeed need{};
  };
  [[nodiscard]] bool known_op(std::uint32_t op) const noexcept;
  [[nodiscard]] bool ordered(const MegakernelWorkItem& item) const noexcept;
  /// Fills accesses_; an error names the handle.
  [[nodiscard]] Status find_accesses(std::uint32_t queue, const MegakernelWorkItem& item);
  [[nodiscard]] Status add_access(std::uint32_t queue, std::uint32_t handle, const char* what,
                                  const std::vector<OpSignature::Slot>& slots,
                                  const std::vector<OpRecord::FileNeed>& needs, bool all_write,
                                  bool touches);
  /// Both accept a prefix of `items` behind what `result` has; false: stop here (stopped_by says
  /// why, or another producer of the queue came in between).
  [[nodiscard]] bool submit_plain(std::span<const MegakernelWorkItem> items, Deadline deadline,
                                  std::uint8_t flags, SubmitMany& result);
  [[nodiscard]] bool submit_ordered(std::span<const MegakernelWorkItem> items, Deadline deadline,
                                    std::uint8_t flags, SubmitMany& result, PlaceInLine* kept);
  /// Under order_.
  void leave_lines(PlaceInLine& place);
  /// A file of accesses_ that the item cannot read yet, and what is to be done about it.
  struct Wanting {
    Handle file;
    bool pump{false};  // publish it; else bring it
  };
  enum class Placed : std::uint8_t { yes, stop, room, conflict, copy, line, file };
  /// Under order_. `turn` is the item's place among those that wait for its buffers.
  [[nodiscard]] Placed place(const MegakernelWorkItem& item, std::uint8_t flags, std::uint64_t turn,
                             SubmitMany& result, Use& conflict);
  [[nodiscard]] bool copy_under_way() const noexcept;
  /// Others that wait for a buffer of the item came first.
  [[nodiscard]] bool behind_others(std::uint64_t turn) const noexcept;
  /// Waits, without order_, for what kept the item from being placed; false: stop, and stopped_by
  /// says why.
  [[nodiscard]] bool wait_for_place(Placed placed, const MegakernelWorkItem& item,
                                    std::size_t items_left, std::uint64_t turn, const Use& conflict,
                                    const std::optional<Wanting>& wanting, Deadline deadline,
                                    SubmitMany& result);
  [[nodiscard]] std::optional<Wanting> file_wanting() const;
  [[nodiscard]] Status provide(const Wanting& wanting, Deadline deadline);
  [[nodiscard]] std::optional<Use> conflict_elsewhere(std::uint32_t queue) const;
  [[nodiscard]] std::uint8_t order_flags(std::uint32_t queue, std::uint64_t position) const;
  /// Positions for `want` items: anywhere for the first of a call, then only from `expected` on,
  /// so that the items of one call have neighbouring positions. Never waits.
  [[nodiscard]] queue::Reservation try_reserve(std::uint32_t queue, std::uint64_t want,
                                               std::optional<std::uint64_t> expected) const;
  [[nodiscard]] bool wait_for_room(std::uint32_t queue, std::uint64_t want, Deadline deadline);
  void publish(std::uint32_t queue, const queue::Reservation& got, const MegakernelWorkItem* items,
               std::uint8_t flags, std::int64_t now_ns);
  void account(std::int64_t begin_ns, std::int64_t publish_ns, std::uint64_t items);
  [[nodiscard]] Error full(std::uint32_t queue) const;
  [[nodiscard]] std::optional<Error> refuses(std::uint32_t queue, std::uint8_t flags);

  SessionOptions options_;
  TestHooks hooks_;
  const std::uint32_t number_;  // of this session in this process, from 1
  const Deadline opened_;
  const std::string id_;
  const std::string started_at_;
  MegakernelCaps caps_;
  std::uint32_t device_warps_{0};  // that the device can hold at once; 0 where none was probed
  bool on_device_{false};
  std::optional<std::string> device_;

  queue::Waiter changed_;  // completions, released slots, finished host copies, close
  ObserverSlot observer_;
  std::unique_ptr<backend::Backend> backend_;
  std::vector<std::unique_ptr<Collector>> collectors_;

  std::mutex memory_mutex_;  // one thread at a time makes or releases what the backend keeps
  std::mutex order_;
  backend::StableTable<HandleRecord> handles_;
  std::uint32_t handles_used_{1};  // index 0 is "none"
  std::uint64_t next_serial_{1};
  std::uint64_t next_turn_{1};
  std::deque<std::uint32_t> free_handles_;
  std::uint64_t bytes_reserved_{0};  // of the memory budget
  backend::StableTable<OpRecord> ops_;
  std::unordered_map<std::string, std::uint32_t> op_ids_;
  std::atomic<std::uint32_t> user_ops_{0};
  std::vector<Access> accesses_;
  std::uint32_t views_{0};  // alive

  std::mutex bring_mutex_;  // one file at a time is made resident
  std::mutex pump_mutex_;   // its start
  std::unique_ptr<ingest::Pump> pump_;
  std::optional<Error> pump_failed_;  // for good
  std::atomic<ingest::Pump*> running_pump_{nullptr};
  StreamSpace stream_space_;

  std::atomic<bool> closing_{false};
  std::mutex close_mutex_;
  bool closed_{false};
  std::atomic<bool> leaked_{false};
  std::atomic<std::int64_t> closed_ns_{-1};  // since open; negative: open
  std::string close_error_;

  // Counters of the report. Relaxed: sums, read after the fact.
  std::atomic<std::uint64_t> plan_ns_{0};
  std::atomic<std::uint64_t> publish_ns_{0};
  std::atomic<std::int64_t> first_publish_ns_{-1};
  std::array<std::atomic<std::uint64_t>, ingest::kTiers> files_by_tier_{};
  std::atomic<std::uint64_t> bytes_in_{0};
  std::atomic<std::uint64_t> bytes_out_{0};
  std::atomic<std::uint32_t> allocations_{0};
  std::atomic<std::uint32_t> sync_points_{0};
  std::atomic<std::uint32_t> readbacks_{0};
  std::unique_ptr<std::atomic<std::uint64_t>[]> full_waits_;
  /// By queue: a first item has been placed. Until then submits go by order_, so that an observer
  /// is either attached before them or refused.
  std::unique_ptr<std::atomic<bool>[]> begun_;
};

template <class Ready>
bool Session::State::wait_for(Deadline deadline, const Ready& ready) {
  const auto look = [&] {
    (void)collect_all();
    return ready();
  };
  if (hooks_.nobody_rings || backend_->polls()) return poll_for(deadline, look);
  for (;;) {
    const Deadline slice = std::min(deadline, after(std::chrono::nanoseconds{kHostLookNs}));
    if (changed_.wait_until(slice, look)) return true;
    backend_->tend();
    if (Clock::now() >= deadline) return look();
  }
}

template <class Look>
bool Session::State::poll_for(Deadline deadline, const Look& look) {
  const Deadline begin = Clock::now();
  const Deadline spin_until = begin + std::chrono::nanoseconds{kPollSpinNs};
  for (Deadline now = begin; now < spin_until; now = Clock::now()) {
    for (std::uint32_t i = 0; i < kWaitSpins; ++i) {
      if (look()) return true;
      queue::spin_pause();
    }
    if (now >= deadline) return false;
    std::this_thread::yield();  // where there are more threads than processors
  }
  for (;;) {
    backend_->tend();
    const std::uint32_t epoch = changed_.prepare();
    if (look()) {
      changed_.cancel();
      return true;
    }
    const Deadline now = Clock::now();
    const auto pause = std::clamp<std::chrono::nanoseconds>(
        (now - begin) / 8, std::chrono::nanoseconds{kPollSleepNsMin},
        std::chrono::nanoseconds{kPollSleepNsMax});
    (void)changed_.sleep(epoch, std::min(deadline, now + pause));
    if (look()) return true;
    if (Clock::now() >= deadline) return false;
  }
}

[[nodiscard]] Error moved_from(const char* what);

/// The one door to Session's constructor.
struct SessionOpener {
  [[nodiscard]] static Result<Session> open(const SessionOptions& options, TestHooks hooks);
};

}  // namespace vyre::runtime
