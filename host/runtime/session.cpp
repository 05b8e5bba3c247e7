// The public calls, which only forward. The work is in the parts of SessionCore (session_core.hpp).
#include "vyre/runtime/session.hpp"

#include <utility>

#include "session_core.hpp"
#include "session_open.hpp"

namespace vyre::runtime {

Error moved_from(const char* what) {
  return {Errc::closed, std::string("this ") + what +
                            " was moved from and holds nothing; use the one that it was moved to"};
}

Result<Session> open_for_tests(const SessionOptions& options, TestHooks hooks) {
  return SessionOpener::open(options, std::move(hooks));
}

Result<Session> SessionOpener::open(const SessionOptions& options, TestHooks hooks) {
  VYRE_ASSIGN(auto core, open_core(options, std::move(hooks)));
  return Session(std::move(core));
}

Result<Session> Session::open(const SessionOptions& options) {
  return SessionOpener::open(options, {});
}

Session::Session(std::shared_ptr<SessionCore> core) : core_(std::move(core)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&& other) noexcept {
  if (this != &other) {
    Session ended(std::move(*this));
    core_ = std::move(other.core_);
  }
  return *this;
}
Session::~Session() {
  if (!core_) return;
  (void)core_->close();  // a caller that wants to know calls close() first
  // A worker that did not stop may still touch the session: leave it where it is rather than free
  // it under that worker.
  if (core_->leaked()) (void)new std::shared_ptr<SessionCore>(std::move(core_));
}

#define VYRE_NOT_MOVED_FROM \
  if (!core_) return tl::unexpected<Error>(moved_from("Session"))

const SessionOptions& Session::options() const {
  static const SessionOptions none{};
  return core_ ? core_->options() : none;
}
std::string_view Session::backend_name() const {
  return core_ ? core_->backend_name() : "none";
}
MegakernelCaps Session::caps() const {
  return core_ ? core_->caps() : MegakernelCaps::unsupported(moved_from("Session").message);
}

Result<OpHandle> Session::register_program(std::string_view name, const vir::Program& program,
                                           Deadline deadline) {
  VYRE_NOT_MOVED_FROM;
  return core_->register_program(name, program, deadline);
}
Result<OpHandle> Session::register_wire(std::string_view name, ByteSpan blob, vir::Profile profile,
                                        Deadline deadline) {
  VYRE_NOT_MOVED_FROM;
  Interrupt interrupt([deadline] { return Clock::now() >= deadline; });
  VYRE_ASSIGN(const vir::Program program, vir::decode(blob, {profile, &interrupt}));
  return core_->register_program(name, program, deadline);
}
Result<OpHandle> Session::find_op(std::string_view name) const {
  VYRE_NOT_MOVED_FROM;
  return core_->find_op(name);
}
Result<OpInfo> Session::op_info(OpHandle op) const {
  VYRE_NOT_MOVED_FROM;
  return core_->op_info(op);
}

Result<Handle> Session::allocate(std::uint64_t bytes) {
  VYRE_NOT_MOVED_FROM;
  return core_->allocate(bytes, nullptr, {});
}
Result<Handle> Session::upload(ByteSpan bytes, Deadline deadline, bool (*stopped)()) {
  VYRE_NOT_MOVED_FROM;
  return core_->allocate(bytes.size(), &bytes, {deadline, stopped});
}
Status Session::write(Handle buffer, std::uint64_t offset, ByteSpan bytes, Deadline deadline,
                      bool (*stopped)()) {
  VYRE_NOT_MOVED_FROM;
  return core_->write(buffer, offset, bytes, {deadline, stopped});
}
Result<Handle> Session::map_file(const std::string& path, const MapOptions& options) {
  VYRE_NOT_MOVED_FROM;
  return core_->map_file(path, options);
}
Result<Handle> Session::load_file(const std::string& path, Deadline deadline, bool (*stopped)()) {
  VYRE_NOT_MOVED_FROM;
  return core_->load_file(path, {deadline, stopped});
}
Result<Handle> Session::bind(std::span<const Handle> buffers) {
  VYRE_NOT_MOVED_FROM;
  return core_->bind(buffers);
}
Result<std::uint64_t> Session::buffer_bytes(Handle buffer) const {
  VYRE_NOT_MOVED_FROM;
  return core_->buffer_bytes(buffer);
}
Status Session::release(Handle handle, Deadline deadline) {
  VYRE_NOT_MOVED_FROM;
  return core_->release(handle, deadline);
}

Result<Ticket> Session::submit(const MegakernelWorkItem& item, Deadline deadline,
                               std::uint32_t queue, std::uint8_t flags) {
  SubmitMany result = submit_many({&item, 1}, deadline, queue, flags);
  if (result.accepted == 0) return tl::unexpected<Error>(std::move(*result.stopped_by));
  return result.first;
}
Session::SubmitMany Session::submit_many(std::span<const MegakernelWorkItem> items,
                                         Deadline deadline, std::uint32_t queue,
                                         std::uint8_t flags) {
  if (!core_) return {{}, 0, moved_from("Session")};
  return core_->submit_many(items, deadline, queue, flags);
}
Result<ItemResult> Session::wait(Ticket ticket, Deadline deadline) {
  VYRE_NOT_MOVED_FROM;
  return core_->wait(ticket, deadline);
}
Result<Session::Drained> Session::wait_all(Deadline deadline) {
  VYRE_NOT_MOVED_FROM;
  return core_->wait_all(deadline);
}
Result<Bytes> Session::download(Handle buffer, Deadline deadline, bool (*stopped)()) {
  VYRE_NOT_MOVED_FROM;
  return core_->download(buffer, {deadline, stopped});
}
Status Session::download_into(Handle buffer, std::uint64_t offset, MutableByteSpan out,
                              Deadline deadline, bool (*stopped)()) {
  VYRE_NOT_MOVED_FROM;
  return core_->download_into(buffer, offset, out, {deadline, stopped});
}
report::Document Session::report() const {
  return core_ ? core_->report() : report::Document{};
}
Status Session::close() {
  VYRE_NOT_MOVED_FROM;
  return core_->close();
}
Status Session::observe(std::shared_ptr<SessionObserver> observer) {
  VYRE_NOT_MOVED_FROM;
  return core_->observe(std::move(observer));
}

#undef VYRE_NOT_MOVED_FROM

}  // namespace vyre::runtime
