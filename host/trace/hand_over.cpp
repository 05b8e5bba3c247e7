// See hand_over.hpp.
#include "hand_over.hpp"

#include <chrono>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "base/message.hpp"

namespace vyre::trace {
namespace {

/// That the writer lets events gather once it has nothing else to do: waking it for each would cost
/// a session more than recording does.
constexpr std::chrono::microseconds kGather{500};

}  // namespace

Result<std::shared_ptr<HandOver>> HandOver::start(std::unique_ptr<EventRecorder> to,
                                                  const HandOverBounds& bounds) {
  auto made = std::make_shared<HandOver>(std::move(to), bounds);
  try {
    made->writer_ = std::thread([self = made.get()] { self->write(); });
  } catch (const std::system_error& e) {
    return fail(Errc::out_of_memory,
                message("the recording cannot start a thread that writes it: {}", e.what()));
  }
  return made;
}

HandOver::HandOver(std::unique_ptr<EventRecorder> to, const HandOverBounds& bounds)
    : to_(std::move(to)), bounds_(bounds) {
  given_.reserve(bounds.events);
}

HandOver::~HandOver() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  writer_.join();
}

void HandOver::give(Event event, std::size_t bytes) {
  std::unique_lock lock(mutex_);
  const auto room = [&] {
    return given_.size() < bounds_.events && bytes <= bounds_.bytes - bytes_;
  };
  if (!room()) {
    hurry_ = true;
    changed_.notify_all();
    changed_.wait(lock, room);
  }
  given_.push_back(std::move(event));
  bytes_ += bytes;
  const bool wake = std::exchange(writer_waits_, false) || given_.size() == bounds_.events / 2;
  lock.unlock();
  if (wake) changed_.notify_all();
}

Status HandOver::catch_up() const {
  std::unique_lock lock(mutex_);
  if (!given_.empty()) {
    hurry_ = true;
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return given_.empty() && !writing_; });
  return failed_;
}

void HandOver::write() {
  std::vector<Event> taken;
  taken.reserve(bounds_.events);
  std::unique_lock lock(mutex_);
  for (;;) {
    writer_waits_ = given_.empty();
    changed_.wait(lock, [&] { return !given_.empty() || over_; });
    if (given_.empty()) return;
    (void)changed_.wait_for(lock, kGather,
                            [&] { return hurry_ || over_ || given_.size() >= bounds_.events / 2; });
    hurry_ = false;
    std::swap(given_, taken);
    const std::size_t bytes = bytes_;
    writing_ = true;
    const bool goes_on = failed_.has_value();
    lock.unlock();
    changed_.notify_all();  // there is room for events
    Status recorded;
    if (goes_on) recorded = record_all(taken);
    taken.clear();
    lock.lock();
    if (!recorded) failed_ = std::move(recorded);
    bytes_ -= bytes;
    writing_ = false;
    changed_.notify_all();
  }
}

Status HandOver::record_all(const std::vector<Event>& taken) {
  try {
    for (const Event& event : taken) record(event);
    return {};
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, "the host had no memory left to record an event");
  } catch (const std::exception& e) {
    return fail(Errc::internal, message("recording an event failed: {}", e.what()));
  }
}

void HandOver::record(const Event& event) {
  if (const auto* submit = std::get_if<Submit>(&event)) {
    to_->on_submit(submit->ticket, submit->item, submit->flags, submit->since_open);
  } else if (const auto* completion = std::get_if<Completion>(&event)) {
    to_->on_completion(completion->result, completion->since_open);
  } else if (const auto* release = std::get_if<Release>(&event)) {
    to_->on_release(release->handle);
  } else if (const auto* buffer = std::get_if<Buffer>(&event)) {
    to_->on_buffer(buffer->handle, buffer->bytes, false);
  } else if (const auto* write = std::get_if<Write>(&event)) {
    to_->on_write(write->handle, write->offset, write->bytes);
  } else if (const auto* bind = std::get_if<Bind>(&event)) {
    to_->on_bind(bind->set, bind->buffers);
  }
}

void HandOver::on_program(runtime::OpHandle op, std::string_view name,
                          const vir::Program& program) {
  if (catch_up()) to_->on_program(op, name, program);
}

void HandOver::on_buffer(runtime::Handle buffer, ByteSpan bytes, bool file_backed) {
  // The pages of a file are there during this call only.
  if (!file_backed && bytes.size() <= bounds_.bytes) {
    give(Buffer{buffer, Bytes(bytes.begin(), bytes.end())}, bytes.size());
  } else if (catch_up()) {
    to_->on_buffer(buffer, bytes, file_backed);
  }
}

void HandOver::on_write(runtime::Handle buffer, std::uint64_t offset, ByteSpan bytes) {
  if (bytes.size() <= bounds_.bytes) {
    give(Write{buffer, offset, Bytes(bytes.begin(), bytes.end())}, bytes.size());
  } else if (catch_up()) {
    to_->on_write(buffer, offset, bytes);
  }
}

void HandOver::on_bind(runtime::Handle set, std::span<const runtime::Handle> buffers) {
  const std::size_t bytes = buffers.size_bytes();
  if (bytes <= bounds_.bytes) {
    give(Bind{set, {buffers.begin(), buffers.end()}}, bytes);
  } else if (catch_up()) {
    to_->on_bind(set, buffers);
  }
}

void HandOver::on_release(runtime::Handle handle) {
  give(Release{handle});
}

void HandOver::on_submit(const runtime::Ticket& ticket, const MegakernelWorkItem& item,
                         std::uint8_t flags, std::chrono::nanoseconds since_open) {
  give(Submit{ticket, item, flags, since_open});
}

void HandOver::on_completion(const runtime::ItemResult& result,
                             std::chrono::nanoseconds since_open) {
  give(Completion{result, since_open});
}

Status HandOver::end_once(Deadline deadline, const std::function<Status()>& end) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, deadline, [&] { return !ending_; })) {
    return fail(Errc::deadline_exceeded,
                "another thread is ending this recording; wait for it, or allow more time");
  }
  if (ended_) return *ended_;
  ending_ = true;
  const auto ends_with = [&](Status status) {
    lock.lock();
    ending_ = false;
    ended_ = std::move(status);
    changed_.notify_all();
  };
  lock.unlock();
  Status status;
  try {
    status = end();
  } catch (...) {
    ends_with(fail(Errc::out_of_memory, "the recording could not be ended: it is not complete"));
    throw;
  }
  ends_with(status);
  return status;
}

Status HandOver::finish(runtime::Session& session, Deadline deadline) {
  return end_once(deadline, [&]() -> Status {
    VYRE_TRY(catch_up());
    return to_->finish(session, deadline);
  });
}

Status HandOver::cut_short(runtime::Session& session) {
  return end_once(Deadline::max(), [&]() -> Status {
    VYRE_TRY(catch_up());
    return to_->cut_short(session, [this] { return catch_up(); });
  });
}

void HandOver::discard() {
  (void)catch_up();
  to_->discard();
}

Status HandOver::status() const {
  VYRE_TRY(catch_up());
  return to_->status();
}

}  // namespace vyre::trace
