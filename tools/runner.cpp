#include "runner.hpp"

#include <sys/stat.h>

#include "base/message.hpp"
#include "exit_codes.hpp"
#include "input_bytes.hpp"
#include "platform/descriptor.hpp"
#include "platform/file.hpp"
#include "platform/log.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {
namespace {

/// A regular file is the engine's to bring; everything else is read here.
/// `regular_bytes`: of one that the engine may bring, else 0.
Result<ItemInput> open_item(const std::string& path, std::uint64_t regular_bytes, bool decompress,
                            std::uint64_t max_bytes) {
  ItemInput input;
  input.path = path;
  input.size = regular_bytes;
  input.in_file = input.size != 0;
  if (input.in_file) return input;
  VYRE_ASSIGN(input.bytes, decompress ? read_input_bytes(path, true, max_bytes)
                                      : platform::read_file(path, max_bytes));
  input.size = input.bytes.size();
  return input;
}

Result<std::vector<ByteSpan>> spans_of(const Result<std::vector<Bytes>>& outputs) {
  if (!outputs) return tl::unexpected<Error>(outputs.error());
  return std::vector<ByteSpan>(outputs->begin(), outputs->end());
}

/// Of a regular file whose size says how much a reader gets.
std::optional<std::uint64_t> true_bytes(const std::string& path) {
  struct stat info {};
  if (platform::names_standard_input(path) || ::stat(path.c_str(), &info) != 0 ||
      !S_ISREG(info.st_mode) || !platform::size_is_true(path, info.st_dev)) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(info.st_size);
}

}  // namespace

std::uint64_t regular_bytes(const std::string& path) {
  return true_bytes(path).value_or(0);
}

Runner::Runner(const Shell& shell, const RunOptions& options, const RunPlan& plan, Engine& engine)
    : shell_(shell),
      options_(options),
      plan_(plan),
      engine_(engine),
      sink_(shell, plan, options),
      watch_log_(shell, plan, options),
      progress_(shell.name),
      ways_(options.files.size(), Way::unknown),
      warned_of_(plan.sources.size(), false) {}

Status Runner::run() {
  VYRE_TRY(open_stream());
  platform::log().info("'{}' on {}, files: {}", shown(options_.program), engine_.executor(),
                       options_.files.size());
  VYRE_TRY(sink_.begin(engine_.executor()));
  look_at_total();
  const Status ran = all_items();
  progress_.clear();
  if (ran || platform::stop_signal() == 0) return ran;
  const std::string text =
      message("{}: {} of {} files had ended", platform::interrupted().value().message, ended_,
              options_.follow.empty() ? options_.files.size() : followed_);
  input_failures_.push_back({"the run", text});
  return fail(Errc::cancelled, text);
}

void Runner::look_at_total() {
  if (!progress_.wanted() || !options_.follow.empty() || options_.decompress) return;
  std::uint64_t total = 0;
  for (const std::string& file : options_.files) {
    const auto bytes = true_bytes(file);
    if (!bytes) return;  // what it has shows only when it was read
    total += *bytes;
  }
  total_ = total;
}

Status Runner::all_items() {
  if (plan_.item_buffer == kNoBuffer) VYRE_TRY(start({}, {}));
  for (std::size_t i = 0; i < options_.files.size(); ++i) VYRE_TRY(submit(i));
  VYRE_TRY(retire_all());
  return {};
}

Outcome Runner::end(Status ended) {
  if (Status synced = sink_.sync(); !synced && ended) ended = std::move(synced);
  VYRE_TRY(sink_.end(ended ? nullptr : &ended.error()));
  if (sink_.write_failed()) return kExitSystem;
  if (!ended) return exit_code(ended.error().code);
  return sink_.failures() == 0 ? kExitOk : kExitVerdict;
}

/// Before the first output, because nothing runs where the stream cannot be had. Not at all where
/// no file streams: it takes memory and a thread.
Status Runner::open_stream() {
  std::size_t first = 0;
  while (first < options_.files.size() && !streams(first)) ++first;
  if (first == options_.files.size()) return {};
  source_next_ = first;
  return engine_.stream([this]() -> std::optional<std::string> {
    while (source_next_ < options_.files.size()) {
      const std::size_t index = source_next_++;
      if (streams(index)) return options_.files[index];
    }
    return std::nullopt;
  });
}

bool Runner::streams(std::size_t index) {
  if (ways_[index] == Way::unknown)
    ways_[index] = may_stream(options_.files[index]) ? Way::stream : Way::buffers;
  return ways_[index] == Way::stream;
}

/// What fails goes the way of buffers, which says why.
bool Runner::may_stream(const std::string& path) {
  const std::uint64_t limit = engine_.stream_limit();
  const std::uint64_t size = limit == 0 ? 0 : regular_bytes(path);
  if (size == 0 || size > limit || !options_.align.empty() || !options_.follow.empty() ||
      read_here(path)) {
    return false;
  }
  const auto bytes = plan_.buffer_bytes(size);
  if (!bytes) return false;
  const std::uint64_t outputs = memory_of(*bytes, false).need;
  if (outputs > options_.max_memory_bytes) return false;
  if (options_.trace_directory.empty()) return true;
  // A recording keeps each chunk that streams and what its item wrote; a mapped file lets its pages
  // go. So files stream into a trace as long as half of the memory lasts.
  const std::uint64_t kept = recorded_bytes(size, outputs);
  if (kept > options_.max_memory_bytes / 2 - kept_of_streams_ ||
      kept > options_.max_memory_bytes - kept_bytes_ - in_flight_bytes_) {
    return false;
  }
  kept_of_streams_ += kept;
  kept_bytes_ += kept;
  return true;
}

/// What a file that streams leaves in a recording; all ones where that is beyond 64 bits.
std::uint64_t Runner::recorded_bytes(std::uint64_t size, std::uint64_t outputs) const {
  std::uint64_t chunks = 1;
  if (options_.chunk_bytes != 0 && size > options_.chunk_bytes) {
    const std::uint64_t step = options_.chunk_bytes - options_.overlap_bytes;
    chunks += (size - options_.chunk_bytes + step - 1) / step;
  }
  std::uint64_t sum = 0;
  if (__builtin_mul_overflow(chunks, outputs + options_.overlap_bytes, &sum) ||
      __builtin_add_overflow(sum, size, &sum)) {
    return ~std::uint64_t{0};
  }
  return sum;
}

/// Bytes of memory an item holds while in flight, with those of its file or without.
Runner::Memory Runner::memory_of(const std::vector<std::uint64_t>& bytes, bool of_item) const {
  const bool recording = !options_.trace_directory.empty();
  Memory sum;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const BufferSource& source = plan_.sources[i];
    const v0::ProgramBuffer& buffer = plan_.buffers[i];
    const bool shared = source.kind == SourceKind::bound && buffer.role == v0::Role::read;
    if (buffer.role == v0::Role::workgroup || shared) continue;
    if (source.kind == SourceKind::item && !of_item) continue;
    if (__builtin_add_overflow(sum.need, bytes[i], &sum.need)) return {~std::uint64_t{0}, 0};
    if (recording && buffer.is_result()) sum.kept += bytes[i];
  }
  return sum;
}

Status Runner::submit(std::size_t index) {
  if (stopped()) return platform::interrupted();
  const std::string& file = options_.files[index];
  if (platform::log().should_log(spdlog::level::debug)) {  // else the file is not asked for this
    platform::log().debug("'{}' {}", shown(file),
                          streams(index)                       ? "streams"
                          : options_.chunk_bytes != 0          ? "is cut here and uploaded"
                          : regular_bytes(file) == 0           ? "is read here and uploaded"
                          : engine_.file_way() == FileWay::map ? "is mapped"
                                                               : "is loaded");
  }
  if (streams(index)) {
    VYRE_TRY(make_room(0));
    waiting_.push_back({{file, std::nullopt}, 0, 0, std::nullopt, streamed_++});
    return {};
  }
  if (options_.chunk_bytes != 0) {
    if (options_.tier != "auto" && regular_bytes(file) != 0) {
      return give_up({file, std::nullopt},
                     {Errc::limit_exceeded,
                      "it cannot stream within --max-memory, as --tier wants it to; raise it, or "
                      "leave --tier away",
                      kNoOffset, 0, 0, 0});
    }
    return submit_pieces(file);
  }
  const bool here = engine_.file_way() == FileWay::read || read_here(file);
  auto opened = open_item(file, here ? 0 : regular_bytes(file), options_.decompress,
                          options_.max_memory_bytes);
  if (!opened) {
    Error error = std::move(opened).error();
    if (error.code == Errc::limit_exceeded)
      error.message += "; --max-memory raises it, --chunk BYTES cuts the input into items";
    return give_up({file, std::nullopt}, std::move(error));
  }
  return start({file, std::nullopt}, std::move(*opened));
}

bool Runner::stopped() const {
  return platform::stop_signal() != 0 && !finishing_;
}

/// Its bytes are not those that a reader of the file would get.
bool Runner::read_here(const std::string& file) const {
  return options_.decompress && regular_bytes(file) != 0 && is_compressed(file);
}

Status Runner::give_up(ItemName name, Error error) {
  if (stopped()) return platform::interrupted();
  input_failures_.push_back({name.text(), to_string(error)});
  waiting_.push_back({std::move(name), 0, 0, std::move(error), std::nullopt});
  return {};
}

/// Once a buffer: a small item may leave an output of a computed size without elements.
void Runner::warn_of_empty_outputs(const ItemName& name, std::uint64_t item_bytes,
                                   const std::vector<std::uint64_t>& bytes) {
  const std::uint32_t item = plan_.item_buffer;
  if (item != kNoBuffer && plan_.buffers[item].length_of(item_bytes) == 0)
    return;  // no input, no output
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != 0 || plan_.sources[i].kind != SourceKind::zeros || warned_of_[i]) continue;
    warned_of_[i] = true;
    progress_.clear();
    complain(shell_,
             message("warning: buffer '{}' has no elements{}: every store to it does nothing; "
                     "--count gives it some",
                     shown(plan_.buffers[i].name),
                     name.file.empty() ? "" : message(" for '{}'", shown(name.text()))));
  }
}

/// Waits for the oldest items until another of so many bytes may be in flight.
Status Runner::make_room(std::uint64_t bytes) {
  while (!waiting_.empty() && (bytes > options_.max_memory_bytes - kept_bytes_ - in_flight_bytes_ ||
                               waiting_.size() >= engine_.max_in_flight())) {
    VYRE_TRY(retire());
  }
  return {};
}

Status Runner::start(ItemName name, ItemInput input) {
  if (stopped()) return platform::interrupted();
  const auto bytes = plan_.buffer_bytes(input.size);
  if (!bytes) return give_up(std::move(name), bytes.error());
  if (Status reached = plan_.check_reach(name.text(), input.size, options_.invocations); !reached)
    return give_up(std::move(name), reached.error());
  warn_of_empty_outputs(name, input.size, *bytes);
  // The pages of a mapped file are the system's to drop.
  const bool mapped = input.in_file && engine_.file_way() == FileWay::map;
  const auto [need, kept] = memory_of(*bytes, !mapped);
  if (need > options_.max_memory_bytes - kept_bytes_) {
    std::string text = message("its buffers need {} bytes; the bound is {}, --max-memory raises it",
                               need, options_.max_memory_bytes);
    if (kept_bytes_ != 0) text += message(" (the recording keeps {} until its end)", kept_bytes_);
    return give_up(std::move(name),
                   Error{Errc::limit_exceeded, std::move(text), kNoOffset, 0, 0, 0});
  }
  VYRE_TRY(make_room(need));
  const std::uint64_t read = input.size - input.seen;
  if (Status started = engine_.start(std::move(input), *bytes); !started)
    return give_up(std::move(name), started.error());
  waiting_.push_back({std::move(name), need - kept, read, std::nullopt, std::nullopt});
  in_flight_bytes_ += need - kept;
  kept_bytes_ += kept;
  return {};
}

Status Runner::retire_all() {
  while (!waiting_.empty()) VYRE_TRY(retire());
  return {};
}

Status Runner::retire() {
  const Waiting oldest = std::move(waiting_.front());
  waiting_.pop_front();
  progress_.update_bytes(read_, total_);
  if (oldest.ends_pieces) return end_file(oldest.name);
  if (oldest.streamed) {
    VYRE_TRY(collect(oldest));
  } else if (oldest.failure) {
    VYRE_TRY(out(oldest.name, 0, tl::unexpected<Error>(*oldest.failure)));
  } else {
    in_flight_bytes_ -= oldest.bytes;
    read_ += oldest.read;
    const Result<std::vector<Bytes>> outputs = engine_.finish_oldest();
    VYRE_TRY(out(oldest.name, oldest.read, spans_of(outputs)));
  }
  return oldest.name.offset ? Status{} : end_file(oldest.name);
}

Status Runner::end_file(const ItemName& name) {
  ++ended_;
  if (options_.report_files && !name.file.empty()) {
    file_total_.name = name.file;
    file_totals_.push_back(std::move(file_total_));
  }
  file_total_ = {};
  return sink_.end_file(name);
}

/// All results of a file that streams. What is late fails its file.
Status Runner::collect(const Waiting& file) {
  const bool chunked = options_.chunk_bytes != 0;
  for (std::uint64_t chunk = 0;; ++chunk) {
    if (stopped()) return platform::interrupted();
    auto item = engine_.next_streamed(*file.streamed, chunk);
    if (!item) return out(file.name, 0, tl::unexpected<Error>(std::move(item).error()));
    ItemName name = file.name;
    if (chunked && !item->input_failed) {
      name.offset = item->offset;
      name.seen = item->seen;
    }
    // It grew beyond what streams whole since it was looked at: what it had then is in this piece.
    if (!chunked) item->last = true;
    if (item->input_failed)
      input_failures_.push_back({name.file, to_string(item->outputs.error())});
    VYRE_TRY(out(name, item->bytes - item->seen, item->outputs));
    read_ += item->bytes - item->seen;
    progress_.update_bytes(read_, total_);
    if (item->last) return {};
  }
}

Status Runner::out(const ItemName& name, std::uint64_t read,
                   const Result<std::vector<ByteSpan>>& outputs) {
  file_total_.bytes += read;
  ++file_total_.items;
  file_total_.failed += outputs ? 0u : 1u;
  if (outputs) {
    if (watch_log_.wanted()) {
      progress_.clear();
      VYRE_TRY(watch_log_.add(name, *outputs));
    }
    return sink_.done(name, *outputs);
  }
  if (stopped()) return platform::interrupted();
  progress_.clear();
  return sink_.failed(name, outputs.error());
}

}  // namespace vyre::cli
