// Ops: a program is prepared, validated and lowered once, then only named by number.
#include "core/image.hpp"
#include "state.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
#include "vyre/vir/validate.hpp"
#include "vyre/vir/wire.hpp"

namespace vyre::runtime {
namespace {

backend::BufferRole role_of(vir::BufferClass kind) {
  switch (kind) {
    case vir::BufferClass::workgroup:
      return backend::BufferRole::workgroup;
    case vir::BufferClass::allocated:
      return backend::BufferRole::allocated;
    case vir::BufferClass::read_write:
      return backend::BufferRole::read_write;
    case vir::BufferClass::read:
      break;
  }
  return backend::BufferRole::read;
}

/// What the session keeps of a program, near enough: names, and pools of fixed width.
std::uint64_t host_bytes(const vir::Program& program) {
  std::uint64_t bytes =
      program.payloads.size() + program.exprs.size() * sizeof(vir::Expr) +
      program.nodes.size() * sizeof(vir::Node) +
      program.buffers.size() * (sizeof(vir::BufferDecl) + sizeof(OpSignature::Slot)) +
      4 * (program.node_lists.size() + program.expr_lists.size());
  for (const std::string& name : program.names) bytes += name.size();
  return bytes;
}

std::uint64_t host_bytes(const core::Image& image) {
  return image.code.size() * (sizeof(core::Instruction) + 4) + image.constants.size() * 4 +
         image.buffers.size() * sizeof(core::BufferFacts);
}

/// Buffers by role, and what a caller has to bind.
Status describe(const vir::Program& program, backend::ProgramOp& op, OpSignature& signature,
                std::vector<OpRecord::FileNeed>& needs) {
  const std::vector<vir::BufferReach> reach = vir::buffer_reach(program);
  for (std::size_t i = 0; i < program.buffers.size(); ++i) {
    const vir::BufferDecl& buffer = program.buffers[i];
    const vir::BufferClass kind = vir::classify(buffer);
    VYRE_ASSIGN(const std::uint64_t bytes, vir::required_bytes(program, buffer));
    const bool only_async = kind == vir::BufferClass::read && !reach[i].plain;
    op.buffers.push_back({role_of(kind), only_async, bytes});
    if (vir::takes_input(kind)) needs.push_back({!only_async, only_async && reach[i].copied_from});
    OpSignature::Slot slot{program.name(buffer.name), bytes, kind == vir::BufferClass::read_write,
                           buffer.output_byte_range};
    if (vir::takes_input(kind))
      signature.inputs.push_back(std::move(slot));
    else if (kind == vir::BufferClass::allocated)
      signature.outputs.push_back(std::move(slot));
  }
  return {};
}

/// The same program again, as it was given. A fingerprint does not say so: it is of the canonical
/// form, where buffers have another order, which is part of what callers of the op rely on.
bool same_wire(const vir::Program& one, const vir::Program& other) {
  const auto a = vir::encode(one, vir::Profile::v6);
  const auto b = vir::encode(other, vir::Profile::v6);
  return a && b && *a == *b;
}

}  // namespace

Result<OpHandle> Session::State::register_program(std::string_view name, const vir::Program& given,
                                                  Deadline deadline) {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  if (name.empty()) return fail(Errc::invalid_argument, "an op needs a name");
  if (Clock::now() >= deadline) {
    return fail(Errc::deadline_exceeded,
                "the deadline was over before the program could be made ready; allow more time");
  }
  Interrupt interrupt([deadline] { return Clock::now() >= deadline; });
  VYRE_ASSIGN(vir::Program prepared, vir::prepare(given, &interrupt));
  VYRE_TRY(vir::validate(prepared, &interrupt));
  OpInfo info;
  info.name = std::string(name);
  auto print = vir::fingerprint(given, vir::Profile::v4_0_6_3, &interrupt);
  if (print) info.fingerprint = *print;

  backend::ProgramOp op;
  op.name = info.name;
  std::vector<OpRecord::FileNeed> file_needs;
  VYRE_TRY(describe(prepared, op, info.signature, file_needs));
  VYRE_ASSIGN(core::Image image, vir::lower(prepared, {.interrupt = &interrupt}));
  op.image = std::make_shared<const core::Image>(std::move(image));
  VYRE_ASSIGN(vir::GridPlan grid, vir::grid_rule(prepared));
  op.grid_rule = grid.rule;
  op.grid_buffers = std::move(grid.buffers);

  const std::lock_guard making(memory_mutex_);  // ids are given out one by one
  OrderLock lock(order_);
  if (const auto known = op_ids_.find(info.name); known != op_ids_.end()) {
    const OpRecord& before = *ops_.find(known->second);
    // Ops stay, and only the holder of memory_mutex_ adds some: what was found needs no order_.
    lock.unlock();
    if (before.program != nullptr && same_wire(*before.program, given)) return before.info.handle;
    const bool alike = before.info.fingerprint && before.info.fingerprint == info.fingerprint;
    return fail(Errc::invalid_argument,
                "an op named '" + info.name + "' is registered already with another program" +
                    (alike ? ", which has the same fingerprint but declares its buffers or writes "
                             "its statements in another order"
                           : "") +
                    "; choose another name");
  }
  const std::uint32_t count = user_ops_.load(std::memory_order_relaxed);
  if (count >= kMaxOps - kFirstUserOp) {
    return fail(Errc::limit_exceeded,
                "all " + std::to_string(kMaxOps - kFirstUserOp) +
                    " user ops are registered (kMaxOps); open another session");
  }
  const std::uint64_t bytes = host_bytes(given) + host_bytes(*op.image);
  VYRE_TRY(reserve_bytes(bytes, "a program"));
  info.handle = OpHandle{kFirstUserOp + count, number_};
  lock.unlock();
  Status added = backend_->add_program(info.handle.id, std::move(op));
  lock.lock();
  if (!added) {
    give_back_bytes(bytes);
    return tl::unexpected<Error>(std::move(added).error());
  }
  OpRecord& record = ops_.at(info.handle.id);
  record.info = info;
  record.file_needs = std::move(file_needs);
  record.program = std::make_shared<const vir::Program>(given);
  op_ids_.emplace(info.name, info.handle.id);
  if (observer_.active.load(std::memory_order_acquire)) {
    const std::lock_guard observing(observer_.mutex);
    if (observer_.observer) observer_.observer->on_program(info.handle, info.name, given);
  }
  user_ops_.store(count + 1, std::memory_order_release);  // [OPS-1]
  return info.handle;
}

Result<OpHandle> Session::State::find_op(std::string_view name) {
  const OrderLock lock(order_);
  const auto found = op_ids_.find(std::string(name));
  if (found == op_ids_.end()) {
    return fail(Errc::not_found,
                "no op named '" + std::string(name) + "' is registered in this session");
  }
  return ops_.find(found->second)->info.handle;
}

Result<OpInfo> Session::State::op_info(OpHandle op) {
  if (op.session != 0 && op.session != number_) {
    return fail(Errc::invalid_argument,
                "op " + std::to_string(op.id) +
                    " was registered in another session; register the program in this one");
  }
  const OrderLock lock(order_);
  if (!known_op(op.id)) {
    return fail(Errc::not_found,
                "op " + std::to_string(op.id) + " is not registered in this session");
  }
  return ops_.find(op.id)->info;
}

std::string Session::State::op_name(std::uint32_t op) {
  const OrderLock lock(order_);
  return op == kNoOp || !known_op(op) ? "unknown" : ops_.find(op)->info.name;
}

}  // namespace vyre::runtime
