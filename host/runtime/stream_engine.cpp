// The turns of a stream. See stream_engine.hpp.
#include "stream_engine.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "base/message.hpp"
#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "builtin/rules.hpp"

namespace vyre::runtime {
namespace {

/// Chunks begun before ends and results are looked at again.
constexpr std::uint32_t kBeginBatch{64};
/// Reads handed to the pump at once.
constexpr std::uint32_t kReadBatch{32};
/// Results handed out between two looks at everything else, while there are some.
constexpr std::uint32_t kResultBatch{8};
/// Between two looks of a waiting stream at what rings nobody: a lost backend, a closed session.
constexpr std::chrono::milliseconds kLookAgain{20};
/// The same where items wait for room or for other items to end.
constexpr std::chrono::milliseconds kSubmitAgain{1};

}  // namespace

Stream::Engine::Engine(std::unique_ptr<StreamHost> host, StreamShape shape,
                       const StreamOptions& options)
    : host_(std::move(host)),
      shape_(std::move(shape)),
      keep_bytes_(options.keep_bytes),
      order_(options.in_order ? ResultOrder::Mode::in_order : ResultOrder::Mode::as_they_come,
             options.max_ahead) {}

Result<std::shared_ptr<Stream::Engine>> Stream::Engine::make(std::unique_ptr<StreamHost> host,
                                                             FileSource files, OpHandle op,
                                                             const StreamOptions& options) {
  VYRE_ASSIGN(StreamShape shape, StreamShape::make(*host, op, options));
  std::shared_ptr<Engine> engine(new Engine(std::move(host), std::move(shape), options));
  engine->self_ = engine;
  VYRE_TRY(engine->start(std::move(files), options.max_in_flight));
  return engine;
}

Status Stream::Engine::start(FileSource files, std::uint32_t max_in_flight) {
  VYRE_TRY(host_->start_reads());
  VYRE_TRY(shape_.claim_memory(*host_, max_in_flight));
  std::uint8_t* const ingest = host_->memory().data();
  // The source may use the buffers that the stream's next item waits for.
  FileSource source = [this, files = std::move(files)]() mutable {
    host_->leave_place();
    return files();
  };
  reader_.emplace(*host_, std::move(source), shape_.plan,
                  ChunkReader::Memory{ingest, shape_.buffers, shape_.buffer_bytes},
                  host_->changed(), counters_);
  items_.emplace(*host_, static_cast<ChunkItems::Listener&>(*this), shape_, ingest);
  // The first chunk's handles now: what cannot be made is the caller's error before anything is
  // read.
  VYRE_TRY(items_->make_first());
  // From its first alias on a stream keeps observers out; one may have come before that.
  if (shape_.recorded != host_->observed()) {
    return fail(Errc::invalid_argument,
                "an observer was attached or removed while the stream was opened; open it again");
  }
  return {};
}

void Stream::Engine::end_with(Error error) {
  if (!ended_by_) ended_by_ = std::move(error);
}

Error Stream::Engine::closed_or(Error error) const {
  return host_->closing() ? Error{Errc::closed, "the session is closed"} : std::move(error);
}

void Stream::Engine::cancel() noexcept {
  cancelled_.store(true, std::memory_order_relaxed);
  host_->changed().notify();
}

Result<const StreamResult*> Stream::Engine::next(Deadline deadline) {
  auto result = next_result(deadline);
  host_->leave_place();  // a stream that is not asked holds up no other caller
  return result;
}

Result<const StreamResult*> Stream::Engine::next_result(Deadline deadline) {
  try {
    if (delivered_) release(*std::exchange(delivered_, std::nullopt));
    bool look = ++calls_ % kResultBatch == 0;
    for (;;) {
      // What had ended before the session was closed still comes out; other errors end all.
      if (ended_by_ && !ended_with_session()) return tl::unexpected<Error>(*ended_by_);
      if (!look || ended_by_) {
        if (const StreamResult* const result = take_result()) return result;
      }
      look = false;
      if (ended_by_) return tl::unexpected<Error>(*ended_by_);
      drive();
      if (ended_by_) continue;
      if (const StreamResult* const result = take_result()) return result;
      if (order_.to_come() == 0) {
        if (reader_->finished()) return nullptr;
        if (cancelled()) return fail(Errc::cancelled, "the stream was cancelled");
      }
      if (Clock::now() >= deadline) {
        return fail(Errc::deadline_exceeded,
                    "no result of the stream came before the deadline; ask again");
      }
      wait(deadline);
    }
  } catch (const std::bad_alloc&) {
    end_with({Errc::out_of_memory, "there was no host memory to go on with the stream"});
  } catch (const std::exception& thrown) {
    end_with({Errc::invalid_argument, message("the source of files threw: {}", thrown.what())});
  } catch (...) {
    end_with({Errc::invalid_argument, "the source of files threw something that is no exception"});
  }
  return tl::unexpected<Error>(*ended_by_);
}

void Stream::Engine::drive() {
  const bool closing = host_->closing();
  events_seen_ = host_->collect();
  take_reads();
  end_on(items_->look());
  if (closing) return end_with({Errc::closed, "the session is closed"});
  if (!ended_by_) end_on(items_->submit());
  begin_chunks();
  if (!ended_by_) end_on(items_->submit());  // of empty files
}

void Stream::Engine::wait(Deadline deadline) {
  const auto again = items_->waiting() ? kSubmitAgain : kLookAgain;
  const bool was_cancelled = cancelled();
  const auto ready = [&] {
    return reader_->any_ended() || host_->events() != events_seen_ || host_->closing() ||
           cancelled() != was_cancelled;
  };
  if (host_->wait_for(std::min(deadline, after(again)), std::ref(ready))) return;
  if (auto lost = host_->lost()) end_with(std::move(*lost));
}

void Stream::Engine::take_reads() {
  reader_->take_ends([this](ChunkReader::End end) {
    switch (end.what) {
      case ChunkReader::Ended::landed:
        return landed(end.chunk);
      case ChunkReader::Ended::broken:
        return end_with(std::move(*end.error));
      case ChunkReader::Ended::cancelled:
        return end_with(closed_or({Errc::cancelled, "the stream's reads were cancelled"}));
      case ChunkReader::Ended::file_failed:
        errors_[end.chunk] = std::move(end.error);
        order_.fail(end.chunk);
    }
  });
}

void Stream::Engine::begin_chunks() {
  const auto flush = [this] {
    if (Status flushed = reader_->flush(); !flushed)
      end_with(closed_or(std::move(flushed).error()));
  };
  for (std::uint32_t begun = 1; begun <= kBeginBatch && !ended_by_ && !cancelled(); ++begun) {
    if (order_.far_ahead() || enough_in_flight() || !begin_chunk()) break;
    if (begun % kReadBatch == 0) flush();
  }
  flush();
}

bool Stream::Engine::enough_in_flight() {
  std::uint32_t most = shape_.most_in_flight;
  if (host_->memory_is_short()) most = std::max(most / 2, 1u);
  if (!host_->saturated())
    in_flight_when_saturated_.reset();
  else if (!in_flight_when_saturated_)
    in_flight_when_saturated_ = std::max(in_flight_, 1u);
  return in_flight_ >= std::min(most, in_flight_when_saturated_.value_or(most));
}

bool Stream::Engine::begin_chunk() {
  const std::optional<ChunkId> free = items_->available();
  if (!free) return false;
  ChunkReader::Begin begin = reader_->begin(*free);
  if (begin.what == ChunkReader::Begun::nothing) return false;
  const StreamChunk& chunk = reader_->chunk(*free);
  items_->begin(*free);
  ++in_flight_;
  order_.begin(*free, reader_->file(*free), {chunk.file, chunk.index}, chunk.last);
  if (*free >= errors_.size()) errors_.resize(*free + 1);
  errors_[*free] = std::move(begin.error);
  if (begin.what == ChunkReader::Begun::failed) order_.fail(*free);
  if (begin.what == ChunkReader::Begun::landed) landed(*free);
  return true;
}

void Stream::Engine::landed(ChunkId chunk) {
  const StreamChunk& read = reader_->chunk(chunk);
  counters_.read(read.bytes - read.seen_bytes);
  host_->count_read(read.bytes - read.seen_bytes);
  end_on(items_->start(chunk, reader_->offset(chunk), read.bytes));
}

void Stream::Engine::chunk_ended(ChunkId chunk) {
  counters_.chunk_ended();
  order_.end(chunk);
}

const StreamResult* Stream::Engine::take_result() {
  while (const auto next = order_.take()) {
    if (!next->dropped) return deliver(next->chunk);
    release(next->chunk);
  }
  return nullptr;
}

const StreamResult* Stream::Engine::deliver(ChunkId chunk) {
  result_.chunk = reader_->chunk(chunk);
  result_.path = reader_->path(chunk);
  result_.error = std::exchange(errors_[chunk], std::nullopt);
  result_.status = items_->status(chunk);
  result_.fault = items_->fault(chunk);
  result_.outputs.clear();
  result_.bytes = keep_bytes_ && !result_.error ? reader_->bytes(chunk) : ByteSpan{};
  if (result_.error) {
    result_.status = CompletionStatus::cancelled;
  } else if (result_.status == CompletionStatus::done) {
    const auto results = items_->results(chunk);
    result_.outputs.assign(results.begin(), results.end());
    const bool of_hits = shape_.op.id == static_cast<std::uint32_t>(builtin::Op::match_literals);
    for (const ByteSpan output : results)
      host_->count_output(of_hits ? builtin::told_bytes(output) : output.size());
    count_hits();
  }
  result_.memory = self_.lock();
  delivered_ = chunk;
  return &result_;
}

void Stream::Engine::count_hits() {
  const bool has_header =
      !result_.outputs.empty() && result_.outputs[0].size() >= sizeof(builtin::LiteralHits);
  if (shape_.op.id != static_cast<std::uint32_t>(builtin::Op::match_literals) || !has_header)
    return;
  host_->count_hits(load_le<std::uint64_t>(result_.outputs[0], 0));
}

void Stream::Engine::release(ChunkId chunk) {
  reader_->free_bytes(chunk);  // where they were kept
  --in_flight_;
  const FileId file = reader_->file(chunk);
  const ResultOrder::FileEnd end = order_.release(chunk);
  if (end != ResultOrder::FileEnd::not_yet) {
    counters_.file_ended(end == ResultOrder::FileEnd::failed);
    reader_->forget(file);
  }
  items_->give_back(chunk);
}

void Stream::Engine::end() noexcept {
  has_ended_ = true;
  cancel();
  result_.memory.reset();  // ours alone: it would keep us for ever
  if (!items_) {
    quiet_ = true;
    return;
  }
  reader_->cancel();
  items_->forget_waiting();
  const auto ended = [this] {
    const bool read = reader_->drained();
    return items_->drained() && read;
  };
  quiet_ = host_->wait_for(after(host_->close_timeout()), std::ref(ended));
  if (reader_->reads_under_way() != 0) reader_->abandon();
}

Stream::Engine::~Engine() {
  if (!has_ended_) end();  // it never became a Stream
  if (!quiet_) return;
  if (!items_ || items_->release_all()) host_->space().give(shape_.space);
}

}  // namespace vyre::runtime
