// A session as its streams see it: the one place where streams meet SessionCore. Host only; see
// stream_host.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "runtime/stream.hpp"
#include "session_core.hpp"
#include "stream_host.hpp"

namespace vyre::runtime {

/// Keeps the session. Items go to `queue`.
class Stream::SessionHost final : public StreamHost {
 public:
  SessionHost(std::shared_ptr<SessionCore> session, std::uint32_t queue)
      : kept_(std::move(session)),
        session_(*kept_),
        collector_(kept_->collector(queue)),
        queue_(queue),
        place_(kept_->place_in_lines()) {}

  // Files.
  Result<std::shared_ptr<const ingest::File>> open(const std::string& path) override {
    return ingest::File::open(path, session_.options().ingest_tier);
  }
  void count_file(const ingest::File& file) override {
    session_.count_file(*pump_, file);
    session_.count(&SessionCounters::files, 1);
  }
  Status read(std::span<const ingest::ReadRequest> requests) override {
    return pump_->read(requests);
  }
  void cancel_reads(ingest::ReadSink* sink) override { pump_->cancel(sink); }
  void keep(std::unique_ptr<ingest::ReadSink> sink) noexcept override {
    session_.keep(std::move(sink));
  }
  std::optional<Error> reads_broken() override { return pump_->broken(); }

  // Items.
  Result<Handle> allocate(std::uint64_t bytes, const ByteSpan* contents) override {
    return session_.allocate(bytes, contents, {});
  }
  Result<Handle> make_alias() override { return session_.make_alias(); }
  Result<Handle> bind(std::span<const Handle> handles) override {
    return session_.bind_aliases(handles, Deadline::max());
  }
  Status release(Handle handle) override {
    std::vector<DoneCall> none;  // of handles that the stream made itself
    return session_.release(handle, after(close_timeout()), none);
  }
  void place_alias(Handle alias, Handle buffer, std::uint64_t offset,
                   std::uint64_t bytes) override {
    session_.backend().place_alias(alias.id, buffer.id, offset, bytes);
  }
  std::optional<ByteSpan> bytes_of(Handle buffer) override {
    return session_.backend().host_bytes(buffer.id);
  }
  Status download(Handle buffer, MutableByteSpan out) override {
    return session_.download_into(buffer, 0, out, {after(close_timeout())});
  }
  void count_streamed(std::uint64_t bytes) override { session_.count_streamed(bytes); }

  Session::SubmitMany submit(std::span<const MegakernelWorkItem> items) override {
    return session_.submit_many(items, Clock::now(), queue_, kQueueFlagNone, nullptr, &place_);
  }
  Found look(std::uint64_t position, ItemResult& out) override {
    switch (collector_.look(position, out)) {
      case Collector::Found::ended:
        return Found::ended;
      case Collector::Found::forgotten:
        return Found::forgotten;
      case Collector::Found::pending:
      case Collector::Found::never_submitted:  // cannot be: it was accepted
        break;
    }
    return Found::pending;
  }
  void asked(const ItemResult& result) override { collector_.asked(result); }
  std::uint32_t history() override { return collector_.history(); }
  bool closing() override { return session_.closing(); }

  // The stream.
  std::optional<Error> lost() override {
    if (!session_.backend().lost()) return std::nullopt;
    return session_.closed();
  }
  std::uint64_t collect() override {
    (void)collector_.collect();
    return collector_.events();
  }
  std::uint64_t events() override { return collector_.events(); }
  bool wait_for(Deadline deadline, const std::function<bool()>& ready) override {
    return session_.wait_for(deadline, ready);
  }
  void leave_place() override { session_.leave_place(place_); }
  queue::Waiter& changed() override { return session_.changed(); }
  std::chrono::nanoseconds close_timeout() override { return session_.options().close_timeout; }
  bool memory_is_short() override { return session_.launch().memory_is_short(); }
  bool saturated() override { return session_.launch().saturated(queue_); }
  std::uint64_t hit_bytes() override { return session_.launch().hit_bytes(); }
  void count_hits(std::uint64_t hits) override { session_.count_hits(hits); }
  void count_read(std::uint64_t bytes) override {
    session_.count(&SessionCounters::read_bytes, bytes);
  }
  void count_output(std::uint64_t bytes) override {
    session_.count(&SessionCounters::output_bytes, bytes);
  }

  Result<OpInfo> op_info(OpHandle op) override { return session_.op_info(op); }
  Result<std::uint64_t> buffer_bytes(Handle buffer) override {
    return session_.buffer_bytes(buffer);
  }
  bool observed() override { return session_.observed(); }
  bool on_device() override { return session_.on_device() || session_.hooks().stream_as_on_device; }
  Status start_reads() override {
    VYRE_ASSIGN(pump_, session_.pump());
    return {};
  }
  MutableByteSpan memory() override { return session_.backend().ingest_memory(); }
  std::uint64_t ingest_bytes() override { return session_.options().ingest_bytes; }
  StreamSpace& space() override { return session_.stream_space(); }

 private:
  const std::shared_ptr<SessionCore> kept_;
  SessionCore& session_;
  Collector& collector_;
  const std::uint32_t queue_;
  PlaceInLines place_;  // of the first item that waits
  ingest::Pump* pump_{nullptr};
};

}  // namespace vyre::runtime
