// The public calls, which only forward. The work is in the parts of SessionCore (session_core.hpp).
#include "runtime/session.hpp"

#include <utility>

#include "base/message.hpp"

#include "runtime/plan.hpp"
#include "session_core.hpp"
#include "session_open.hpp"

namespace vyre::runtime {

Error moved_from(const char* what) {
  return {
      Errc::invalid_argument,
      message("this {} was moved from and holds nothing; use the one that it was moved to", what)};
}

Error of_the_parent(const char* what) {
  return {Errc::closed, message("the {} was opened before this process was forked, and its threads "
                                "are in the parent; open one in this process",
                                what)};
}

Result<Session> open_for_tests(const SessionOptions& options, TestHooks hooks) {
  return SessionOpener::open(options, std::move(hooks));
}

Result<Session> SessionOpener::open(const SessionOptions& options, TestHooks hooks) {
  watch_forks();
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
  if (!core_->forked())
    (void)core_->close(
        core_->options().close_timeout);  // a caller that wants to know calls close() first
  // A worker that did not stop may still touch the session, and a forked child lacks the threads
  // that it takes to end it: leave it where it is.
  if (core_->leaked() || core_->forked()) (void)new std::shared_ptr<SessionCore>(std::move(core_));
}

Error Session::why_unusable() const {
  return core_ ? of_the_parent("session") : moved_from("Session");
}
bool Session::usable() const noexcept {
  return core_ && !core_->forked();
}

#define VYRE_USABLE           \
  if (!usable()) [[unlikely]] \
  return tl::unexpected<Error>(why_unusable())

const SessionOptions& Session::options() const {
  static const SessionOptions none{};
  return core_ ? core_->options() : none;
}
std::string_view Session::backend_name() const {
  return core_ ? core_->backend_name() : "none";
}
std::uint32_t Session::number() const {
  return core_ ? core_->number() : 0;
}
MegakernelCaps Session::caps() const {
  return core_ ? core_->caps() : MegakernelCaps::unsupported(moved_from("Session").message);
}
backend::CodeFacts Session::code_facts() const {
  return core_ ? core_->backend().code_facts() : backend::CodeFacts{};
}

Result<OpHandle> Session::register_program(std::string_view name, const vir::Program& program,
                                           Deadline deadline) {
  return register_program(name, program, deadline, {});
}
Result<OpHandle> Session::register_program(std::string_view name, const vir::Program& program,
                                           Deadline deadline, const OpOptions& options,
                                           bool (*stopped)()) {
  VYRE_USABLE;
  return core_->register_program(name, program, {deadline, stopped}, options);
}
Result<OpHandle> Session::register_wire(std::string_view name, ByteSpan blob, vir::Profile profile,
                                        Deadline deadline) {
  VYRE_USABLE;
  Interrupt interrupt([deadline] { return Clock::now() >= deadline; });
  VYRE_ASSIGN(const vir::Program program, vir::decode(blob, {profile, &interrupt}));
  return core_->register_program(name, program, {deadline}, {});
}
Result<OpHandle> Session::find_op(std::string_view name) const {
  VYRE_USABLE;
  return core_->find_op(name);
}
Result<OpInfo> Session::op_info(OpHandle op) const {
  VYRE_USABLE;
  return core_->op_info(op);
}

Result<std::vector<OutputSize>> Session::output_bytes(OpHandle op,
                                                      std::span<const std::uint64_t> input_bytes,
                                                      std::uint32_t param) const {
  VYRE_USABLE;
  return core_->output_bytes(op, input_bytes, param);
}

Result<Handle> Session::allocate(std::uint64_t bytes, Deadline deadline, bool (*stopped)()) {
  VYRE_USABLE;
  return core_->allocate(bytes, nullptr, {deadline, stopped});
}
Result<Handle> Session::allocate_hits(Deadline deadline, bool (*stopped)()) {
  VYRE_USABLE;
  return core_->allocate_hits({deadline, stopped});
}
Result<Handle> Session::upload(ByteSpan bytes, Deadline deadline, bool (*stopped)()) {
  VYRE_USABLE;
  return core_->allocate(bytes.size(), &bytes, {deadline, stopped});
}
Result<Handle> Session::upload_cached(ByteSpan bytes, Deadline deadline, bool (*stopped)()) {
  VYRE_USABLE;
  return core_->upload_cached(bytes, {deadline, stopped});
}
Status Session::write(Handle buffer, std::uint64_t offset, ByteSpan bytes, Deadline deadline,
                      bool (*stopped)()) {
  VYRE_USABLE;
  const Status written = core_->write(buffer, offset, bytes, {deadline, stopped});
  if (written) core_->count(&SessionCounters::uploaded_bytes, bytes.size());
  return written;
}
Result<Handle> Session::map_file(const std::string& path, const MapOptions& options,
                                 Deadline deadline) {
  VYRE_USABLE;
  return core_->map_file(path, options, deadline);
}
Result<Handle> Session::load_file(const std::string& path, Deadline deadline, bool (*stopped)()) {
  VYRE_USABLE;
  return core_->load_file(path, {deadline, stopped});
}
Result<Handle> Session::load_file_cached(const std::string& path, Deadline deadline,
                                         bool (*stopped)()) {
  VYRE_USABLE;
  return core_->load_file_cached(path, {deadline, stopped});
}
Result<Handle> Session::import(MutableByteSpan host, const ImportOptions& options,
                               Deadline deadline) {
  VYRE_USABLE;
  return core_->import(host, options, deadline);
}
Result<MutableByteSpan> Session::lease(Handle buffer, LeaseAccess access, Deadline deadline,
                                       bool (*stopped)()) {
  VYRE_USABLE;
  return core_->lease(buffer, access, {deadline, stopped});
}
Status Session::unlease(Handle buffer, Deadline deadline) {
  VYRE_USABLE;
  return core_->unlease(buffer, deadline);
}
Status Session::tag(Handle buffer, std::span<const std::string> rules) {
  VYRE_USABLE;
  return core_->tag(buffer, rules);
}
Result<Handle> Session::bind(std::span<const Handle> buffers, Deadline deadline,
                             bool (*stopped)()) {
  VYRE_USABLE;
  return core_->bind(buffers, {deadline, stopped});
}
Result<std::uint64_t> Session::buffer_bytes(Handle buffer) const {
  VYRE_USABLE;
  return core_->buffer_bytes(buffer);
}
Status Session::release(Handle handle, Deadline deadline) {
  VYRE_USABLE;
  const auto core = core_;  // a done call may end this object
  std::vector<DoneCall> calls;
  Status released = core->release(handle, deadline, calls);
  make_calls(calls);
  return released;
}
Status Session::retire(Handle handle) {
  VYRE_USABLE;
  const auto core = core_;  // a done call may end this object
  std::vector<DoneCall> calls;
  Status retired = core->retire(handle, calls);
  make_calls(calls);
  return retired;
}

Result<Ticket> Session::submit(const MegakernelWorkItem& item, Deadline deadline,
                               std::uint32_t queue, std::uint8_t flags) {
  SubmitMany result = submit_many({&item, 1}, deadline, queue, flags);
  if (result.accepted == 0) return tl::unexpected<Error>(std::move(*result.stopped_by));
  return result.first;
}
Session::SubmitMany Session::submit_many(std::span<const MegakernelWorkItem> items,
                                         Deadline deadline, std::uint32_t queue, std::uint8_t flags,
                                         Batch* batch) {
  if (!usable()) [[unlikely]]
    return {{}, 0, why_unusable()};
  return core_->submit_many(items, deadline, queue, flags, batch);
}
Result<Plan> Session::plan(std::span<const MegakernelWorkItem> items,
                           const PlanOptions& options) const {
  VYRE_USABLE;
  return core_->plan(items, options);
}
Result<SubmittedPlan> Session::submit(const Plan& plan, Deadline deadline) {
  VYRE_USABLE;
  return core_->submit_plan(plan, deadline);
}
Result<ItemResult> Session::wait(Ticket ticket, Deadline deadline) {
  VYRE_USABLE;
  return core_->wait(ticket, deadline);
}
Session::WaitedMany Session::wait_many(std::span<const Ticket> tickets, std::size_t least,
                                       Deadline deadline,
                                       std::span<std::optional<ItemResult>> results) {
  if (!usable()) [[unlikely]]
    return {0, why_unusable()};
  return core_->results().wait_many(tickets, least, deadline, results);
}
Result<std::uint64_t> Session::cancel(std::span<const Ticket> tickets) {
  VYRE_USABLE;
  return core_->results().cancel(tickets);
}
Result<int> Session::notify_fd() {
  VYRE_USABLE;
  return core_->notify_fd();
}
Result<std::shared_ptr<Batch>> Session::open_batch() {
  VYRE_USABLE;
  return core_->results().open_batch();
}
Result<Totals> Session::batch_totals(Batch& batch) const {
  VYRE_USABLE;
  VYRE_TRY(core_->owns(batch));
  return core_->results().totals(batch);
}
Result<std::vector<ItemResult>> Session::batch_failures(Batch& batch) {
  VYRE_USABLE;
  VYRE_TRY(core_->owns(batch));
  return core_->results().failures(batch);
}
Status Session::wait_batch(Batch& batch, Deadline deadline) {
  VYRE_USABLE;
  VYRE_TRY(core_->owns(batch));
  return core_->results().wait_batch(batch, deadline);
}
Result<Session::Drained> Session::wait_all(Deadline deadline) {
  VYRE_USABLE;
  return core_->wait_all(deadline);
}
Result<Bytes> Session::download(Handle buffer, Deadline deadline, bool (*stopped)()) {
  VYRE_USABLE;
  auto bytes = core_->download(buffer, {deadline, stopped});
  if (bytes) core_->count(&SessionCounters::output_bytes, bytes->size());
  return bytes;
}
Status Session::download_into(Handle buffer, std::uint64_t offset, MutableByteSpan out,
                              Deadline deadline, bool (*stopped)()) {
  VYRE_USABLE;
  const Status read = core_->download_into(buffer, offset, out, {deadline, stopped});
  if (read) core_->count(&SessionCounters::output_bytes, out.size());
  return read;
}
Result<std::string> Session::timeline() const {
  VYRE_USABLE;
  return core_->timeline();
}
report::Document Session::report() const {
  return usable() ? core_->report() : report::Document{};
}
Totals Session::totals() const {
  return usable() ? core_->results().totals() : Totals{};
}
Status Session::close() {
  return close(options().close_timeout);
}
Status Session::close(std::chrono::nanoseconds timeout) {
  VYRE_USABLE;
  return core_->close(timeout);
}
Status Session::observe(std::shared_ptr<SessionObserver> observer) {
  VYRE_USABLE;
  return core_->observe(std::move(observer));
}

#undef VYRE_USABLE

}  // namespace vyre::runtime
