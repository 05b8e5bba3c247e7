// What records a session: appends records in the order of events and stores contents by digest.
// HandOver calls it, mostly from its writer; one mutex here is for those that ask or end meanwhile.
// Page: docs/internals/trace.md, "Recording".
#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include <filesystem>

#include "base/message.hpp"
#include "format.hpp"
#include "hand_over.hpp"
#include "platform/file.hpp"
#include "platform/host_info.hpp"
#include "platform/output.hpp"
#include "platform/record_file.hpp"
#include "source.hpp"
#include "trace/trace.hpp"
#include "vir/program/dispatch.hpp"

namespace vyre::trace {
namespace {

constexpr std::size_t kMappedPieceBytes{std::size_t{1} << 18};

bool all_zero(ByteSpan bytes) noexcept {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

struct DigestHash {
  std::size_t operator()(const Digest& digest) const noexcept {
    return load_le<std::size_t>(digest.bytes, 0);
  }
};

/// Where a trace is made.
struct NewDirectory {
  std::string path;  // absolute: the working directory may change while a session is recorded
  bool existed{false};

  /// Removes what a recording made in it.
  void clear() const {
    std::error_code code;
    for (const char* const entry : {"/events.bin", "/manifest.json", "/blobs"})
      std::filesystem::remove_all(path + entry, code);
    if (!existed) std::filesystem::remove(path, code);
  }
};

/// Which of an item's buffers an op may write.
struct OpWrites {
  bool output{true};
  std::vector<bool> inputs;  // by input buffer: read_write
};

class DirectoryRecorder final : public EventRecorder {
 public:
  DirectoryRecorder(NewDirectory directory, RecordOptions options, Manifest manifest,
                    platform::AppendFile events)
      : made_(std::move(directory)),
        directory_(made_.path),
        options_(std::move(options)),
        manifest_(std::move(manifest)),
        events_(std::move(events)) {}

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
  Status cut_short(runtime::Session& session, const std::function<Status()>& catch_up) override;
  void discard() override;
  Status status() const override;

 private:
  struct Queue {
    std::uint64_t submitted{0};
  };
  struct Buffer {
    std::uint64_t bytes{0};
    bool file_backed{false};
    bool written{false};
  };

  // All below need mutex_.
  [[nodiscard]] bool failed() const noexcept { return !status_ || finished_; }
  void give_up(Error error) {
    if (status_) status_ = tl::unexpected<Error>(std::move(error));
  }
  bool append(Record& record);
  [[nodiscard]] Result<Digest> store(ByteSpan bytes);
  /// For bytes that may change meanwhile: each is read once.
  [[nodiscard]] Result<Digest> store_mapped(ByteSpan bytes);
  [[nodiscard]] Status record_program(std::uint32_t op, std::string_view name,
                                      const vir::Program& program);
  [[nodiscard]] Status record_contents(Kind kind, std::uint32_t handle, ByteSpan bytes,
                                       bool file_backed);
  void mark_writes(const MegakernelWorkItem& item);
  void mark(std::uint32_t handle, const std::vector<bool>* only);
  [[nodiscard]] std::vector<std::uint32_t> written() const;
  [[nodiscard]] Status record_finals(runtime::Session& session, Deadline deadline);
  [[nodiscard]] Status record_final(std::uint32_t handle, ByteSpan bytes);
  [[nodiscard]] Status seal(const runtime::SessionOptions& session);

  mutable std::mutex mutex_;
  Status status_;
  bool finished_{false};
  const NewDirectory made_;
  const std::string& directory_;
  RecordOptions options_;
  Manifest manifest_;
  platform::AppendFile events_;
  platform::OutputFiles blobs_{platform::Durability::none};
  std::unordered_set<Digest, DigestHash> stored_;
  std::unordered_map<std::uint32_t, OpWrites> ops_;
  std::unordered_map<std::uint32_t, Buffer> buffers_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> sets_;
  std::vector<Queue> queues_;
  MegakernelWorkItem last_marked_{~0u, 0, 0, 0};
  Record run_;  // the done_run record at the end of the file
  bool run_is_last_{false};
  std::uint64_t submits_{0};
  std::uint64_t completions_{0};
  std::uint64_t programs_{0};
  std::uint64_t buffers_seen_{0};
};

bool DirectoryRecorder::append(Record& record) {
  record.seal(events_.size());
  run_is_last_ = false;
  if (auto appended = events_.append(record.bytes()); !appended) {
    give_up(std::move(appended).error());
    return false;
  }
  return true;
}

Result<Digest> DirectoryRecorder::store(ByteSpan bytes) {
  const Digest digest = blake3(bytes);
  if (!stored_.insert(digest).second) return digest;
  VYRE_TRY(blobs_.write(directory_ + "/blobs/" + digest.hex(), bytes));
  return digest;
}

Result<Digest> DirectoryRecorder::store_mapped(ByteSpan bytes) {
  VYRE_ASSIGN(auto file, platform::StagedFile::create(directory_ + "/blobs"));
  Blake3 hash;
  // Through a private block: the digest is that of the bytes that are stored, and a page that is
  // gone is an error of write(), where a plain read has zeros for it.
  Bytes block(std::min(bytes.size(), kMappedPieceBytes));
  for (std::size_t at = 0; at < bytes.size(); at += block.size()) {
    const std::size_t n = std::min(block.size(), bytes.size() - at);
    std::memcpy(block.data(), bytes.data() + at, n);
    hash.update(ByteSpan(block).first(n));
    VYRE_TRY(file.append(ByteSpan(block).first(n)));
  }
  const Digest digest = hash.finish();
  if (stored_.insert(digest).second) VYRE_TRY(file.publish(digest.hex()));
  return digest;
}

Status DirectoryRecorder::record_program(std::uint32_t op, std::string_view name,
                                         const vir::Program& program) {
  // The oldest profile that carries the whole program, so that most traces are readable by
  // every decoder.
  Error last;
  for (const auto profile : {vir::Profile::v4_0_6_3, vir::Profile::v4_0_6_4, vir::Profile::v6}) {
    auto wire = vir::encode(program, profile);
    if (!wire) {
      last = std::move(wire).error();
      continue;
    }
    const auto back = vir::decode(*wire, {profile});
    if (!back || !vir::same_program(*back, program)) {
      last =
          Error{Errc::unsupported, "it does not come back from its encoding", kNoOffset, 0, 0, 0};
      continue;
    }
    Record record(Kind::program);
    record.set_small(static_cast<std::uint8_t>(profile), 0, 0);
    record.set_word(wire->size());
    record.set_half(0, op);
    record.set_half(1, static_cast<std::uint32_t>(name.size()));
    VYRE_ASSIGN(const Digest program_digest, store(*wire));
    VYRE_ASSIGN(const Digest name_digest, store(as_bytes(name)));
    record.set_digest(program_digest, 1);
    record.set_digest(name_digest, 2);
    append(record);
    return {};
  }
  last.message = message("program '{}' cannot be recorded: {}", name, last.message);
  return tl::unexpected<Error>(std::move(last));
}

void DirectoryRecorder::on_program(runtime::OpHandle op, std::string_view name,
                                   const vir::Program& program) {
  const std::lock_guard lock(mutex_);
  if (failed()) return;
  if (auto recorded = record_program(op.id, name, program); !recorded)
    return give_up(std::move(recorded).error());
  ++programs_;
  OpWrites writes;
  for (const vir::BufferDecl& buffer : program.buffers) {
    const vir::BufferRole role = vir::role_of(buffer);
    if (vir::takes_input(role)) writes.inputs.push_back(role == vir::BufferRole::read_write);
  }
  ops_[op.id] = std::move(writes);
}

Status DirectoryRecorder::record_contents(Kind kind, std::uint32_t handle, ByteSpan bytes,
                                          bool file_backed) {
  if (bytes.size() > options_.max_buffer_bytes) {
    return fail(Errc::limit_exceeded, message("buffer {} of {} bytes is above the recorder's limit "
                                              "of {}; raise max_buffer_bytes",
                                              handle, bytes.size(), options_.max_buffer_bytes));
  }
  Record record(kind);
  record.set_word(bytes.size());
  record.set_half(2, handle);
  std::uint8_t flags = file_backed ? kBufferFileBacked : 0;
  if (!file_backed && all_zero(bytes)) {
    flags |= kBufferZeros;
  } else {
    VYRE_ASSIGN(const Digest digest, file_backed ? store_mapped(bytes) : store(bytes));
    record.set_digest(digest);
  }
  record.set_small(flags, 0, 0);
  append(record);
  return {};
}

void DirectoryRecorder::on_buffer(runtime::Handle buffer, ByteSpan bytes, bool file_backed) {
  const std::lock_guard lock(mutex_);
  if (failed()) return;
  if (auto recorded = record_contents(Kind::buffer, buffer.id, bytes, file_backed); !recorded) {
    return give_up(std::move(recorded).error());
  }
  buffers_[buffer.id] = Buffer{bytes.size(), file_backed, false};
  ++buffers_seen_;
}

void DirectoryRecorder::on_write(runtime::Handle buffer, std::uint64_t offset, ByteSpan bytes) {
  const std::lock_guard lock(mutex_);
  if (failed()) return;
  auto digest = store(bytes);
  if (!digest) return give_up(std::move(digest).error());
  Record record(Kind::write);
  record.set_word(offset);
  record.set_wide(0, bytes.size());
  record.set_half(2, buffer.id);
  record.set_digest(*digest);
  append(record);
}

void DirectoryRecorder::on_bind(runtime::Handle set, std::span<const runtime::Handle> buffers) {
  const std::lock_guard lock(mutex_);
  if (failed()) return;
  std::vector<std::uint32_t> members;
  Bytes list;
  for (const runtime::Handle buffer : buffers) {
    members.push_back(buffer.id);
    append_le(list, buffer.id);
  }
  auto digest = store(list);
  if (!digest) return give_up(std::move(digest).error());
  Record record(Kind::bind);
  record.set_word(buffers.size());
  record.set_half(2, set.id);
  record.set_digest(*digest);
  append(record);
  sets_[set.id] = std::move(members);
}

void DirectoryRecorder::on_release(runtime::Handle handle) {
  const std::lock_guard lock(mutex_);
  if (failed()) return;
  Record record(Kind::release);
  record.set_half(2, handle.id);
  append(record);
  buffers_.erase(handle.id);
  sets_.erase(handle.id);
  last_marked_.op_handle = ~0u;
}

void DirectoryRecorder::mark(std::uint32_t handle, const std::vector<bool>* only) {
  const auto mark_one = [&](std::uint32_t buffer, std::size_t slot) {
    if (only != nullptr && (slot >= only->size() || !(*only)[slot])) return;
    if (const auto found = buffers_.find(buffer); found != buffers_.end())
      found->second.written = true;
  };
  if (const auto set = sets_.find(handle); set != sets_.end()) {
    for (std::size_t i = 0; i < set->second.size(); ++i) mark_one(set->second[i], i);
  } else {
    mark_one(handle, 0);
  }
}

void DirectoryRecorder::mark_writes(const MegakernelWorkItem& item) {
  if (item.op_handle == last_marked_.op_handle && item.input_handle == last_marked_.input_handle &&
      item.output_handle == last_marked_.output_handle) {
    return;
  }
  last_marked_ = item;
  if (item.output_handle != 0) mark(item.output_handle, nullptr);
  const auto op = ops_.find(item.op_handle);
  if (item.input_handle != 0 && op != ops_.end()) mark(item.input_handle, &op->second.inputs);
}

void DirectoryRecorder::on_submit(const runtime::Ticket& ticket, const MegakernelWorkItem& item,
                                  std::uint8_t flags, std::chrono::nanoseconds since_open) {
  const std::lock_guard lock(mutex_);
  if (failed()) return;
  if (ticket.queue >= queues_.size()) queues_.resize(ticket.queue + std::size_t{1});
  Queue& queue = queues_[ticket.queue];
  if (ticket.position != queue.submitted) {
    return give_up({Errc::invalid_argument,
                    message("the item at position {} of queue {} follows position {}: recording "
                            "began after the first submit",
                            ticket.position, ticket.queue, queue.submitted),
                    kNoOffset, 0, 0, 0});
  }
  mark_writes(item);
  Record record(Kind::submit);
  record.set_small(static_cast<std::uint8_t>(ticket.queue), flags, 0);
  record.set_word(static_cast<std::uint64_t>(since_open.count()));
  record.set_item(item);
  if (!append(record)) return;
  ++queue.submitted;
  ++submits_;
}

void DirectoryRecorder::on_completion(const runtime::ItemResult& result,
                                      std::chrono::nanoseconds since_open) {
  const std::lock_guard lock(mutex_);
  if (failed()) return;
  const auto queue = static_cast<std::uint8_t>(result.ticket.queue);
  const auto time = static_cast<std::uint64_t>(since_open.count());
  ++completions_;
  if (result.status != CompletionStatus::done) {
    Record record(Kind::completion);
    record.set_small(queue, static_cast<std::uint8_t>(result.status),
                     static_cast<std::uint8_t>(result.fault.code));
    record.set_word(time);
    record.set_half(0, static_cast<std::uint32_t>(result.ticket.position));
    record.set_half(1, static_cast<std::uint32_t>(result.fault.workgroup));
    record.set_half(2, result.fault.lane);
    record.set_half(3, result.fault.statement);
    append(record);
    return;
  }
  // Items mostly end done and in order: the run at the end of the file grows in place.
  if (run_is_last_ && run_.a() == queue && run_.wide(0) + run_.wide(1) == result.ticket.position) {
    Record longer = run_;
    longer.set_word(time);
    longer.set_wide(1, run_.wide(1) + 1);
    longer.seal(events_.size() - longer.size());
    if (events_.rewrite_last(longer.bytes())) {
      run_ = longer;
      return;
    }
  }
  run_ = Record(Kind::done_run);
  run_.set_small(queue, 0, 0);
  run_.set_word(time);
  run_.set_wide(0, result.ticket.position);
  run_.set_wide(1, 1);
  run_is_last_ = append(run_);
}

std::vector<std::uint32_t> DirectoryRecorder::written() const {
  std::vector<std::uint32_t> handles;
  for (const auto& [handle, buffer] : buffers_) {
    if (buffer.written && !buffer.file_backed) handles.push_back(handle);
  }
  std::sort(handles.begin(), handles.end());
  return handles;
}

Status DirectoryRecorder::record_finals(runtime::Session& session, Deadline deadline) {
  std::vector<std::uint32_t> handles;
  {
    const std::lock_guard lock(mutex_);
    if (!status_) return status_;
    if (submits_ != completions_) {
      return fail(Errc::invalid_argument,
                  message("{} recorded items have not ended; call wait_all() before finish()",
                          submits_ - completions_));
    }
    handles = written();
  }
  // The time is for the copy of each buffer, and not for what it takes to store those before it.
  const auto left = std::max<std::chrono::nanoseconds>(deadline - Clock::now(), {});
  for (const std::uint32_t handle : handles) {
    VYRE_ASSIGN(const Bytes bytes,
                session.download({handle}, after(left)));  // no mutex: it may observe
    VYRE_TRY(record_final(handle, bytes));
  }
  return {};
}

Status DirectoryRecorder::record_final(std::uint32_t handle, ByteSpan bytes) {
  const std::lock_guard lock(mutex_);
  VYRE_TRY(record_contents(Kind::final, handle, bytes, false));
  return status_;
}

Status DirectoryRecorder::seal(const runtime::SessionOptions& session) {
  Record record(Kind::end);
  record.set_word(submits_);
  record.set_wide(0, completions_);
  if (!append(record)) return status_;
  finished_ = true;
  manifest_.events_bytes = events_.size();
  VYRE_TRY(events_.close());
  // Hashed from the page cache once at the end rather than while items run.
  VYRE_ASSIGN(auto file, platform::FileReader::open(directory_ + "/events.bin"));
  Blake3 hash;
  Bytes block(std::size_t{1} << 18);
  while (true) {
    VYRE_ASSIGN(const std::size_t n, file.read(block));
    if (n == 0) break;
    hash.update(ByteSpan(block).first(n));
  }
  manifest_.events_digest = hash.finish();
  manifest_.items = submits_;
  manifest_.programs = programs_;
  manifest_.buffers = buffers_seen_;
  manifest_.session = session;
  manifest_.complete = true;
  return platform::write_file_atomically(directory_ + "/manifest.json",
                                         as_bytes(manifest_json(manifest_)));
}

Status DirectoryRecorder::finish(runtime::Session& session, Deadline deadline) {
  if (auto finals = record_finals(session, deadline); !finals) {
    const std::lock_guard lock(mutex_);
    give_up(finals.error());
    return finals;
  }
  const runtime::SessionOptions options = session.options();
  const std::lock_guard lock(mutex_);
  if (auto sealed = seal(options); !sealed) {
    give_up(sealed.error());
    return sealed;
  }
  return {};
}

Status DirectoryRecorder::cut_short(runtime::Session& session,
                                    const std::function<Status()>& catch_up) {
  std::vector<std::uint32_t> handles;
  {
    const std::lock_guard lock(mutex_);
    if (!status_) return status_;
    handles = written();
  }
  for (const std::uint32_t handle : handles) {
    // What a running item may still write is not waited for: the replay takes it as unspecified.
    if (!session.download_into({handle}, 0, {}, Clock::now())) continue;
    const auto bytes = session.download({handle}, after(session.options().close_timeout));
    if (bytes) VYRE_TRY(record_final(handle, *bytes));
  }
  const Status closed = session.close();
  VYRE_TRY(catch_up());  // with the items that it cancelled
  const runtime::SessionOptions options = session.options();
  const std::lock_guard lock(mutex_);
  VYRE_TRY(status_);
  Status sealed = seal(options);
  if (!sealed) {
    give_up(sealed.error());
    return sealed;
  }
  return closed;
}

void DirectoryRecorder::discard() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  made_.clear();
}

Status DirectoryRecorder::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

Result<platform::AppendFile> begin_directory(const std::string& directory,
                                             const Manifest& manifest) {
  VYRE_TRY(platform::make_directories(directory + "/blobs"));
  // The manifest comes first: from here on, whatever is there is a trace.
  VYRE_TRY(platform::write_file_atomically(directory + "/manifest.json",
                                           as_bytes(manifest_json(manifest))));
  VYRE_ASSIGN(auto events, platform::AppendFile::create(directory + "/events.bin"));
  VYRE_TRY(events.append(header_cell()));
  return events;
}

/// Of a new or an empty directory.
Result<NewDirectory> new_directory(const std::string& directory) {
  if (directory.empty()) {
    return fail(Errc::invalid_argument, "directory is empty; name a new one for the trace");
  }
  std::error_code code;
  NewDirectory made{std::filesystem::absolute(directory, code).string()};
  if (code) {
    return fail(Errc::io, message("the working directory, in which '{}' is to be made, cannot be "
                                  "found: {}; name the directory from the root",
                                  directory, code.message()));
  }
  made.existed = std::filesystem::exists(made.path, code);
  if (!made.existed) return made;
  if (!std::filesystem::is_directory(made.path, code)) {
    return fail(
        Errc::invalid_argument,
        message("'{}' exists and is no directory; name a new one for the trace", directory));
  }
  if (!std::filesystem::is_empty(made.path, code)) {
    return fail(Errc::invalid_argument,
                message("'{}' is not empty; name a new directory for the trace", directory));
  }
  return made;
}

}  // namespace

Result<std::shared_ptr<Recorder>> Recorder::create(const std::string& directory,
                                                   const RecordOptions& options) {
  VYRE_ASSIGN(const NewDirectory place, new_directory(directory));
  Manifest manifest;
  manifest.recorded_at = platform::utc_now_rfc3339();
  manifest.build = platform::build_description();
  manifest.host = message("{}, {}", platform::cpu_model(), platform::kernel_release());
  manifest.session = options.session;
  const auto recorder = [&]() -> Result<std::shared_ptr<HandOver>> {
    VYRE_ASSIGN(auto events, begin_directory(place.path, manifest));
    return HandOver::start(std::make_unique<DirectoryRecorder>(place, options, std::move(manifest),
                                                               std::move(events)));
  };
  auto made = recorder();
  if (made) return *std::move(made);
  place.clear();  // nothing is recorded yet: no half of a trace stays
  return tl::unexpected<Error>(std::move(made).error());
}

}  // namespace vyre::trace
