// Opening a stream: what is asked for, whether it can be had, and the public calls. The work is in
// stream_engine.cpp and stream_lane.cpp.
#include "vyre/runtime/stream.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <new>

#include "stream_engine.hpp"

namespace vyre::runtime {
namespace {

std::string text(std::uint64_t value) {
  return std::to_string(value);
}

/// Files that one stream holds open: at most a quarter of what this process may.
std::uint64_t most_open_files() {
  rlimit open_files{};
  rlim_t most = kMaxOpenFiles;
  if (getrlimit(RLIMIT_NOFILE, &open_files) == 0) most = std::min(most, open_files.rlim_cur / 4);
  return std::max<rlim_t>(most, 1);
}

}  // namespace

Stream::State::State(const std::shared_ptr<Session::State>& session, FileSource files, OpHandle op,
                     const StreamOptions& options, ChunkPlan plan)
    : kept_(session),
      session_(*session),
      source_(std::move(files)),
      op_(op),
      options_(options),
      plan_(plan),
      ends_(std::make_unique<ReadEnds>(session->changed())),
      most_open_(most_open_files()),
      order_(kMaxStreamItems) {}

Status Stream::State::check_inputs(const OpInfo& info) {
  const auto& wanted = info.signature.inputs;
  if (options_.inputs.empty()) options_.inputs.push_back(Handle{});
  // `nop` takes no buffers and looks at none: a stream of it only reads.
  const std::size_t count = builtin_ && wanted.empty() ? 1 : wanted.size();
  if (options_.inputs.size() != count) {
    return fail(Errc::invalid_argument, "op '" + info.name + "' takes " + text(wanted.size()) +
                                            " inputs, the stream names " +
                                            text(options_.inputs.size()) +
                                            "; list all of them, with Handle{} for the chunk");
  }
  std::optional<std::size_t> chunk;
  for (std::size_t i = 0; i < count; ++i) {
    if (options_.inputs[i].id != 0) {
      if (auto alive = session_.buffer_bytes(options_.inputs[i]); !alive) {
        Error error = std::move(alive).error();
        error.message = "input " + text(i) + " of the stream: " + error.message;
        return tl::unexpected<Error>(std::move(error));
      }
      continue;
    }
    if (chunk) {
      return fail(Errc::invalid_argument, "inputs " + text(*chunk) + " and " + text(i) +
                                              " of the stream are both the chunk (Handle{}); one "
                                              "of them has to be a buffer");
    }
    chunk = i;
  }
  if (!chunk) {
    return fail(Errc::invalid_argument,
                "no input of the stream is the chunk; give Handle{} in its place");
  }
  if (*chunk < wanted.size() && wanted[*chunk].read_write) {
    return fail(Errc::invalid_argument, "op '" + info.name + "' writes its input '" +
                                            wanted[*chunk].name +
                                            "' in place; streams feed inputs that are only read");
  }
  return {};
}

Status Stream::State::check_outputs(const OpInfo& info) {
  const auto& wanted = info.signature.outputs;
  outputs_ = options_.outputs;
  if (outputs_.empty() && builtin_ && !wanted.empty()) {
    return fail(Errc::invalid_argument, "op '" + info.name +
                                            "' has outputs without a declared size; say in "
                                            "outputs how long each is");
  }
  if (outputs_.empty()) {
    for (const auto& slot : wanted) outputs_.push_back({slot.min_bytes, {}});
  }
  if (outputs_.size() != wanted.size()) {
    return fail(Errc::invalid_argument, "op '" + info.name + "' has " + text(wanted.size()) +
                                            " outputs, the stream names " + text(outputs_.size()));
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    std::uint64_t bytes = outputs_[i].bytes;
    if (outputs_[i].shared.id != 0) {
      auto alive = session_.buffer_bytes(outputs_[i].shared);
      if (!alive) {
        Error error = std::move(alive).error();
        error.message = "output " + text(i) + " of the stream: " + error.message;
        return tl::unexpected<Error>(std::move(error));
      }
      bytes = *alive;
    } else {
      if (__builtin_add_overflow(own_bytes_, bytes, &own_bytes_) || own_bytes_ > std::uint64_t{1}
                                                                                     << 48) {
        return fail(Errc::limit_exceeded, "the outputs of one item have more than 2^48 bytes");
      }
      own_bytes_ = up_to(own_bytes_, kResultAlign);
    }
    if (bytes < wanted[i].min_bytes) {
      return fail(Errc::invalid_argument, "output " + text(i) + " of the stream ('" +
                                              wanted[i].name + "') has " + text(bytes) +
                                              " bytes; op '" + info.name + "' needs " +
                                              text(wanted[i].min_bytes));
    }
  }
  return {};
}

Status Stream::State::claim_memory() {
  if (options_.max_in_flight > kMaxStreamItems) {
    return fail(Errc::invalid_argument, "max_in_flight is " + text(options_.max_in_flight) +
                                            ": choose at most " + text(kMaxStreamItems) +
                                            ", or 0 for what memory allows");
  }
  const std::uint64_t wanted_lanes =
      options_.max_in_flight != 0 ? options_.max_in_flight : kMaxStreamItems;
  // A direct read is rounded out to blocks on both sides.
  slot_bytes_ = up_to(plan_.chunk_bytes(), kIoBlock) + 2 * kIoBlock;
  const std::uint64_t result_bytes = device_ && !recorded_ ? own_bytes_ : 0;
  const std::uint64_t least = slot_bytes_ + up_to(result_bytes, kIoBlock);
  const std::uint64_t most = session_.stream_space().largest();
  const auto claimed = least > most ? std::nullopt
                                    : session_.stream_space().claim(
                                          least, wanted_lanes * (slot_bytes_ + result_bytes));
  if (!claimed) {
    return fail(Errc::out_of_memory,
                "chunks of " + text(plan_.chunk_bytes()) + " bytes" +
                    (result_bytes != 0 ? " with results of " + text(result_bytes) : "") + " need " +
                    text(least) + " bytes of ingest memory in one piece; " + text(most) +
                    " are free of ingest_bytes " + text(session_.options().ingest_bytes) +
                    "; raise ingest_bytes, end other streams or make chunks smaller");
  }
  space_ = *claimed;
  std::uint64_t lanes = wanted_lanes;
  std::uint64_t results_end = 0;
  if (result_bytes != 0) {
    // As many lanes as full chunks fit, or, for many small files, a quarter of the memory.
    const std::uint64_t full = space_.bytes / (slot_bytes_ + result_bytes);
    lanes = std::clamp<std::uint64_t>(space_.bytes / 4 / result_bytes,
                                      std::max<std::uint64_t>(full, 1), wanted_lanes);
    while (lanes > 1 && up_to(lanes * result_bytes, kIoBlock) + slot_bytes_ > space_.bytes) --lanes;
    results_end = up_to(lanes * result_bytes, kIoBlock);
  } else if (own_bytes_ != 0) {
    // Outputs outside ingest memory are bounded by it as well, but two can always overlap.
    lanes = std::min(lanes, std::max<std::uint64_t>(2, space_.bytes / own_bytes_));
  }
  most_lanes_ = static_cast<std::uint32_t>(std::min(lanes, wanted_lanes));
  results_at_ = space_.offset;
  slots_.emplace(SpaceRange{space_.offset + results_end, space_.bytes - results_end}, slot_bytes_);
  return {};
}

Result<std::shared_ptr<Stream::State>> Stream::State::make(
    const std::shared_ptr<Session::State>& keeps, FileSource files, OpHandle op,
    const StreamOptions& options) {
  Session::State& session = *keeps;
  if (session.closing()) return fail(Errc::closed, "the session is closed");
  if (!files) return fail(Errc::invalid_argument, "a stream needs a source of files");
  if (options.queue >= session.options().queues) {
    return fail(Errc::invalid_argument, "queue " + text(options.queue) +
                                            " does not exist: this session has " +
                                            text(session.options().queues) + ", numbered from 0");
  }
  VYRE_ASSIGN(const ChunkPlan plan, ChunkPlan::make(options.chunk_bytes, options.overlap_bytes));
  VYRE_ASSIGN(const OpInfo info, session.op_info(op));
  std::shared_ptr<State> state(new State(keeps, std::move(files), op, options, plan));
  state->self_ = state;
  state->builtin_ = info.builtin;
  state->recorded_ = session.observed();
  state->device_ = session.on_device() || session.hooks().stream_as_on_device;
  state->copy_chunks_ = state->device_ && options.place == ChunkPlace::device && !state->recorded_;
  VYRE_TRY(state->check_inputs(info));
  VYRE_TRY(state->check_outputs(info));
  VYRE_ASSIGN(state->pump_, session.pump());
  state->memory_ = session.backend().ingest_memory().data();
  VYRE_TRY(state->claim_memory());
  // The first lane now: what cannot be made is the caller's error before anything is read.
  if (!state->recorded_) VYRE_TRY(state->make_lane());
  // From its first view on a stream keeps observers out; one may have come before that.
  if (state->recorded_ != session.observed()) {
    return fail(Errc::invalid_argument,
                "an observer was attached or removed while the stream was opened; open it again");
  }
  return state;
}

Result<Stream> Session::stream(std::function<std::optional<std::string>()> files, OpHandle op,
                               const StreamOptions& options) {
  if (!state_) return tl::unexpected<Error>(moved_from("Session"));
  try {
    VYRE_ASSIGN(auto state, Stream::State::make(state_, std::move(files), op, options));
    return Stream(std::move(state));
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, "there is no host memory to open a stream");
  }
}

Result<Stream> Session::stream(std::vector<std::string> files, OpHandle op,
                               const StreamOptions& options) {
  return stream(
      [files = std::move(files), at = std::size_t{0}]() mutable -> std::optional<std::string> {
        if (at == files.size()) return std::nullopt;
        return std::move(files[at++]);
      },
      op, options);
}

Stream::Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    Stream ended(std::move(*this));
    state_ = std::move(other.state_);
  }
  return *this;
}
Stream::~Stream() {
  if (state_) state_->end();
}

Result<const StreamResult*> Stream::next(Deadline deadline) {
  if (!state_) return tl::unexpected<Error>(moved_from("Stream"));
  return state_->next(deadline);
}
void Stream::cancel() noexcept {
  if (state_) state_->cancel();
}
void Stream::skip_to(std::uint64_t file, std::uint64_t chunk) noexcept {
  if (state_) state_->skip_to(file, chunk);
}
StreamProgress Stream::progress() const {
  return state_ ? state_->progress() : StreamProgress{};
}

}  // namespace vyre::runtime
