// One pass that drives executors and compares; see player.hpp.
#include "player.hpp"
#include "base/message.hpp"

#include <algorithm>
#include <thread>

namespace vyre::trace {
namespace {

/// Items handed over in one call; below the ring's size so that workers start early.
constexpr std::size_t kBatchItems{1'024};
/// A paced replay looks at its deadline at least that often.
constexpr std::chrono::milliseconds kPaceStep{100};

/// A century: later times of a hostile record must not overflow a deadline.
constexpr std::uint64_t kMaxTimeNs{std::uint64_t{3'155'760'000} * 1'000'000'000};

}  // namespace

Player::Player(Source& source, const Scan& scan, std::span<Target* const> targets,
               const PlayOptions& options)
    : source_(source),
      scan_(scan),
      targets_(targets),
      options_(options),
      state_(options.memory_budget_bytes),
      positions_(scan.queues.size()) {}

Result<Played> Player::play() {
  started_ = Clock::now();
  VYRE_ASSIGN(auto reader, EventReader::open(source_, source_.manifest.complete));
  // A recording that goes on may have more records by now than were scanned.
  std::uint64_t records = 0;
  for (; !played_.difference && records < scan_.records && next_item_ < options_.until; ++records) {
    VYRE_TRY(go_on());
    VYRE_ASSIGN(const bool more, reader.next());
    if (!more) return changed();
    // State first: what a record makes exists for the items behind it. A release needs the old
    // state until settled.
    const Kind kind = reader.record().kind();
    if (kind != Kind::submit && kind != Kind::completion && kind != Kind::done_run) {
      VYRE_TRY(flush());
      const bool touches = kind == Kind::release || kind == Kind::write || kind == Kind::buffer ||
                           kind == Kind::final;
      if (options_.compare != Compare::none && touches) VYRE_TRY(settle());
      if (played_.difference) break;
    }
    VYRE_TRY(state_.take(reader, source_));
    VYRE_TRY(take(reader));
  }
  if (!played_.difference) {
    const bool whole = next_item_ < options_.until;
    if (whole && reader.print() != scan_.print) return changed();
    VYRE_TRY(flush());
    VYRE_TRY(settle());
  }
  played_.items = next_item_ - played_.skipped;
  if (options_.progress) options_.progress(next_item_, scan_.items);
  return std::move(played_);
}

tl::unexpected<Error> Player::changed() const {
  return fail(Errc::mismatch,
              message("'{}' changed while it was replayed; keep a trace as it is while it is read",
                      source_.events_name()));
}

Status Player::take(const EventReader& reader) {
  const Record& r = reader.record();
  switch (r.kind()) {
    case Kind::program:
      return take_program(reader);
    case Kind::buffer:
      return take_buffer(reader);
    case Kind::write: {
      VYRE_ASSIGN(const Blob blob, source_.blob(r.digest(), r.wide(0)));
      for (Target* target : targets_) VYRE_TRY(target->write(r.half(2), r.word(), blob.bytes()));
      const TraceState::Buffer* buffer = state_.buffer(r.half(2));
      tracker_.overwritten(r.half(2), buffer != nullptr && buffer->bytes == r.wide(0));
      return {};
    }
    case Kind::bind:
      for (Target* target : targets_) VYRE_TRY(target->bind(r.half(2), *state_.set(r.half(2))));
      return {};
    case Kind::release:
      for (Target* target : targets_) VYRE_TRY(target->release(r.half(2)));
      tracker_.released(r.half(2));
      return {};
    case Kind::submit:
      return take_submit(reader);
    case Kind::final:
      return options_.compare == Compare::expected ? take_final(reader) : Status{};
    case Kind::completion:
    case Kind::done_run:
    case Kind::end:
      return {};
  }
  return {};
}

Status Player::take_program(const EventReader& reader) {
  const Record& r = reader.record();
  auto wire = source_.blob(r.digest(1), r.word());
  if (!wire) return reader.wrong(wire.error().code, wire.error().message);
  auto name_blob = source_.blob(r.digest(2), r.half(1));
  if (!name_blob) return reader.wrong(name_blob.error().code, name_blob.error().message);
  const ByteSpan name_bytes = name_blob->bytes();
  const std::string name(name_bytes.begin(), name_bytes.end());
  auto program = vir::decode(wire->bytes(), {static_cast<vir::Profile>(r.a())});
  if (!program)
    return reader.wrong(program.error().code,
                        message("program '{}': {}", name, vyre::to_string(program.error())));
  tracker_.define(r.half(0), *program);
  for (Target* target : targets_) {
    if (auto defined = target->define(r.half(0), name, *program); !defined) {
      return reader.wrong(defined.error().code, message("program '{}' on {}: {}", name,
                                                        target->name(), defined.error().message));
    }
  }
  return {};
}

Contents Player::contents(const EventReader& reader) {
  const Record& r = reader.record();
  Contents made;
  made.bytes = r.word();
  made.zeros = (r.a() & kBufferZeros) != 0;
  made.file_backed = (r.a() & kBufferFileBacked) != 0;
  made.source = &source_;
  if (made.zeros) return made;
  made.digest = r.digest();
  made.path = source_.blob_path(r.digest());
  return made;
}

Status Player::take_buffer(const EventReader& reader) {
  const Contents made = contents(reader);
  const std::uint32_t handle = reader.record().half(2);
  for (Target* target : targets_) {
    if (auto set = target->set_buffer(handle, made); !set) {
      return reader.wrong(set.error().code, message("{}: {}", target->name(), set.error().message));
    }
  }
  tracker_.overwritten(handle, true);
  return {};
}

Status Player::wait_for(std::chrono::nanoseconds since_open) {
  if (!first_submit_) first_submit_ = since_open;
  const auto due = started_ + (since_open > *first_submit_ ? since_open - *first_submit_
                                                           : std::chrono::nanoseconds{0});
  if (due <= Clock::now()) return {};
  VYRE_TRY(flush());
  while (true) {
    const auto now = Clock::now();
    if (now >= due) return {};
    VYRE_TRY(go_on());
    if (now >= options_.deadline) {
      return fail(Errc::deadline_exceeded,
                  "replay at recorded pace ran into its timeout; raise it or replay at full speed");
    }
    std::this_thread::sleep_until(
        std::min<Clock::time_point>({due, options_.deadline, now + kPaceStep}));
  }
}

Status Player::take_submit(const EventReader& reader) {
  const Record& r = reader.record();
  const std::uint32_t queue = r.a();
  if (queue >= positions_.size()) return changed();
  const std::uint64_t position = positions_[queue]++;
  const std::uint64_t ordinal = next_item_++;
  const MegakernelWorkItem item = r.item();
  if (scan_.not_done != 0) {
    const runtime::ItemResult* recorded = scan_.ended(queue, position);
    if (recorded != nullptr && recorded->status == CompletionStatus::cancelled) {
      // It never ran to its end: timing decided that, so it is not run now, and what it may have
      // written is unknown.
      VYRE_TRY(flush());
      if (options_.compare != Compare::none) {
        VYRE_TRY(settle());
        std::vector<std::uint32_t> written;
        tracker_.item(item, ordinal, {CompletionStatus::cancelled, recorded->fault}, state_,
                      written);
      }
      ++played_.skipped;
      return {};
    }
  }
  if (options_.compare == Compare::executor) {
    // A difference must not be overwritten before it is looked at: a window writes each buffer
    // once.
    std::vector<std::uint32_t> targets;
    tracker_.targets(item, state_, targets);
    const auto seen = [&](std::uint32_t handle) { return window_writes_.contains(handle); };
    if (std::any_of(targets.begin(), targets.end(), seen)) {
      VYRE_TRY(settle());
      if (played_.difference) return {};
    }
    window_writes_.insert(targets.begin(), targets.end());
  }
  if (!batch_.empty() && (batch_queue_ != queue || batch_flags_ != r.b())) VYRE_TRY(flush());
  if (options_.pace == Pace::recorded) {
    VYRE_TRY(wait_for(std::chrono::nanoseconds(
        static_cast<std::int64_t>(std::min<std::uint64_t>(r.word(), kMaxTimeNs)))));
  }
  batch_queue_ = queue;
  batch_flags_ = r.b();
  if (batch_.empty()) batch_first_ = ordinal;
  batch_.push_back(item);
  if (options_.compare != Compare::none) window_.push_back({item, ordinal, position, queue});
  ++in_window_;
  const bool fine = ordinal >= options_.fine_from || next_item_ == options_.fine_from;
  if (batch_.size() == kBatchItems || fine) VYRE_TRY(flush());
  return in_window_ >= options_.window || fine ? settle() : Status{};
}

Status Player::go_on() const {
  if (options_.stopped != nullptr && options_.stopped())
    return fail(Errc::cancelled, "told to stop");
  return {};
}

Status Player::flush() {
  if (batch_.empty()) return {};
  for (Target* target : targets_) {
    target->number_next(batch_first_);
    if (auto submitted = target->submit(batch_, batch_queue_, batch_flags_); !submitted) {
      Error error = std::move(submitted).error();
      error.message =
          message("{}, items before number {}: {}", target->name(), next_item_, error.message);
      return tl::unexpected<Error>(std::move(error));
    }
  }
  batch_.clear();
  return {};
}

Status Player::settle() {
  VYRE_TRY(flush());
  if (in_window_ == 0) return {};
  const bool details = options_.compare != Compare::none;
  std::vector<std::vector<NotDone>> endings;
  for (Target* target : targets_) {
    VYRE_ASSIGN(auto ended, target->settle(details));
    endings.push_back(std::move(ended));
  }
  in_window_ = 0;
  window_writes_.clear();
  if (options_.progress) options_.progress(next_item_, scan_.items);
  if (!details) return {};
  VYRE_TRY(compare_endings(endings));
  window_.clear();
  return {};
}

Status Player::compare_endings(std::vector<std::vector<NotDone>>& endings) {
  if (window_.empty()) return {};
  played_.window_begin = window_.front().ordinal;
  played_.window_end = window_.back().ordinal + 1;
  std::vector<std::size_t> next(targets_.size());
  const auto ending = [&](std::size_t target, std::uint64_t index) -> Ending {
    auto& list = endings[target];
    std::size_t& at = next[target];
    if (at == list.size() || list[at].index != index) return {};
    const NotDone& found = list[at++];
    return {found.status, found.fault};
  };
  std::vector<std::uint32_t> written;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    const Entry& entry = window_[i];
    const Ending actual = ending(0, i);
    std::optional<Ending> expected;
    std::string side = "the recording";
    if (options_.compare == Compare::executor) {
      expected = ending(1, i);
      side = targets_[1]->name();
    } else if (const auto* recorded = scan_.ended(entry.queue, entry.position);
               recorded != nullptr) {
      expected = Ending{recorded->status, recorded->fault};
    }
    tracker_.item(entry.item, entry.ordinal, actual, state_, written);
    if (!expected || same_ending(*expected, actual)) continue;
    Difference d;
    d.item = entry.ordinal;
    d.queue = entry.queue;
    d.status = true;
    d.expected = to_string(*expected);
    d.actual = to_string(actual);
    d.message = message("item {} (queue {}, op {}) ended {} on {} and {} on {}", d.item, d.queue,
                        entry.item.op_handle, d.actual, targets_[0]->name(), d.expected, side);
    played_.difference = std::move(d);
    return {};
  }
  return options_.compare == Compare::executor ? compare_written(written) : Status{};
}

Status Player::compare_written(std::span<const std::uint32_t> written) {
  std::vector<std::uint32_t> handles(written.begin(), written.end());
  std::sort(handles.begin(), handles.end());
  handles.erase(std::unique(handles.begin(), handles.end()), handles.end());
  for (const std::uint32_t handle : handles) {
    const WriteTracker::Buffer known = tracker_.buffer(handle);
    if (known.unspecified || state_.buffer(handle) == nullptr) continue;
    VYRE_ASSIGN(const Bytes actual, targets_[0]->read(handle));
    VYRE_ASSIGN(const Bytes expected, targets_[1]->read(handle));
    ++played_.buffers_compared;
    played_.bytes_compared += expected.size();
    const auto offset = first_difference(expected, actual, known.tolerant ? options_.ulp : 0);
    if (!offset || (played_.difference && played_.difference->item <= known.last_item)) continue;
    Difference d;
    d.item = known.last_item;
    d.buffer = handle;
    d.offset = *offset;
    d.expected = hex_at(expected, *offset);
    d.actual = hex_at(actual, *offset);
    const auto entry = std::find_if(window_.begin(), window_.end(),
                                    [&](const Entry& e) { return e.ordinal == known.last_item; });
    d.queue = entry == window_.end() ? 0 : entry->queue;
    d.message =
        message("item {} left buffer {} different at byte {}: {} on {}, {} on {}", d.item, handle,
                *offset, d.actual, targets_[0]->name(), d.expected, targets_[1]->name());
    played_.difference = std::move(d);
  }
  return {};
}

Status Player::take_final(const EventReader& reader) {
  const std::uint32_t handle = reader.record().half(2);
  const WriteTracker::Buffer known = tracker_.buffer(handle);
  if (known.unspecified) return {};
  auto expected = contents(reader).blob();
  if (!expected) return reader.wrong(expected.error().code, expected.error().message);
  const ByteSpan wanted = expected->bytes();
  VYRE_ASSIGN(const Bytes actual, targets_[0]->read(handle));
  ++played_.buffers_compared;
  played_.bytes_compared += wanted.size();
  const auto offset = first_difference(wanted, actual, known.tolerant ? options_.ulp : 0);
  if (!offset) return {};
  Difference d;
  d.item = known.last_item;
  d.buffer = handle;
  d.offset = *offset;
  d.expected = hex_at(wanted, *offset);
  d.actual = hex_at(actual, *offset);
  d.message = message(
      "buffer {}, last written by item {}, ends different at byte {}: {} on {}, {} in the "
      "recording",
      handle, d.item, *offset, d.actual, targets_[0]->name(), d.expected);
  played_.difference = std::move(d);
  return {};
}

}  // namespace vyre::trace
