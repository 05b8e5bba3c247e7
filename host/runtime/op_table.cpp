// See op_table.hpp.
#include "op_table.hpp"

#include <algorithm>
#include <utility>

#include "base/message.hpp"
#include "builtin/catalogue.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::runtime {
namespace {

/// The same program again, as it was given. A fingerprint does not say so: it is of the canonical
/// form, where buffers have another order, which is part of what callers of the op rely on.
bool same_wire(const vir::Program& one, const vir::Program& other) {
  const auto a = vir::encode(one, vir::Profile::v6);
  const auto b = vir::encode(other, vir::Profile::v6);
  return a && b && *a == *b;
}

}  // namespace

OpTable::OpTable(std::uint32_t session, OrderMutex& order, BackendMaker& maker,
                 MemoryBudget& budget, ObserverTap& tap, RuleTable& rules)
    : session_(session), order_(order), maker_(maker), budget_(budget), tap_(tap), rules_(rules) {
  struct BuiltinOp {
    std::uint32_t id;
    const char* name;
    int inputs;
    int outputs;
  };
  static constexpr BuiltinOp kBuiltinOps[] = {
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) {id, name, inputs, outputs},
#include "protocol/op_table.def"
  };
  for (const BuiltinOp& op : kBuiltinOps) {
    OpInfo& info = records_.at(op.id).info;
    info.handle = OpHandle{op.id};
    info.name = op.name;
    info.builtin = true;
    const builtin::OpText& text = *builtin::text_of(op.id);
    for (int i = 0; i < op.inputs; ++i)
      info.signature.inputs.push_back({text.inputs[i].name, 0, false, std::nullopt});
    for (int i = 0; i < op.outputs; ++i)
      info.signature.outputs.push_back({text.outputs[i].name, 0, false, std::nullopt});
    ids_.emplace(op.name, op.id);
  }
}

Result<OpHandle> OpTable::register_program(std::string_view name, const vir::Program& program,
                                           const CopyUntil& until, const OpOptions& options) {
  VYRE_TRY(check_rule_names(options.rules, message("op '{}'", name)));
  auto prepared = prepare_op(name, program, until);
  if (!prepared) {
    if (prepared.error().code == Errc::deadline_exceeded && until.told_to_stop())
      return fail(Errc::cancelled, "told to stop before the program was ready");
    return tl::unexpected<Error>(std::move(prepared).error());
  }
  return maker_.make(until.deadline, [&](backend::Backend& backend) {
    return add(backend, std::move(*prepared), program, until.deadline, options);
  });
}

Result<OpHandle> OpTable::same_or_refused(const OpRecord& before, const PreparedOp& prepared,
                                          const vir::Program& given) {
  if (before.program != nullptr && same_wire(*before.program, given)) return before.info.handle;
  const auto& print = prepared.info.fingerprint;
  const bool alike = before.info.fingerprint && before.info.fingerprint == print;
  return fail(
      Errc::invalid_argument,
      message("an op named '{}' is registered already with another program{}; choose another name",
              prepared.info.name,
              alike ? ", which has the same fingerprint but declares its buffers or writes "
                      "its statements in another order"
                    : ""));
}

Status OpTable::same_rules(const OpRecord& before, const OpOptions& options) const {
  if (options.rules.empty()) return {};
  std::vector<std::string> has;
  {
    const OrderLock lock(order_);
    for (const std::uint32_t slot : before.rules) has.push_back(rules_.names(lock)[slot]);
  }
  if (has == options.rules) return {};
  std::string names;
  for (const std::string& name : has) names += message("{}'{}'", names.empty() ? "" : ", ", name);
  return fail(Errc::invalid_argument,
              message("an op named '{}' is registered already with other lineage rules, {}; give "
                      "the same ones or choose another name",
                      before.info.name, names));
}

Result<OpHandle> OpTable::add(backend::Backend& backend, PreparedOp prepared,
                              const vir::Program& given, Deadline deadline,
                              const OpOptions& options) {
  OrderLock lock(order_);
  if (const auto known = ids_.find(prepared.info.name); known != ids_.end()) {
    const OpRecord& before = record(known->second);
    lock.unlock();  // records never change, and the comparison may be slow
    VYRE_ASSIGN(const OpHandle same, same_or_refused(before, prepared, given));
    VYRE_TRY(same_rules(before, options));
    return same;
  }
  VYRE_TRY(rules_.room(lock, std::max<std::size_t>(options.rules.size(), 1)));
  const std::uint32_t count = user_ops_.load(std::memory_order_relaxed);
  if (count >= kMaxOps - kFirstUserOp) {
    return fail(Errc::limit_exceeded,
                message("all {} user ops are registered (kMaxOps); open another session",
                        kMaxOps - kFirstUserOp));
  }
  VYRE_TRY(budget_.reserve(lock, prepared.host_bytes, "a program"));
  const OpHandle handle{kFirstUserOp + count, session_};
  lock.unlock();
  Status added = backend.add_program(handle.id, std::move(prepared.op), deadline);
  lock.lock();
  if (!added) {
    budget_.give_back(lock, prepared.host_bytes);
    return tl::unexpected<Error>(std::move(added).error());
  }
  OpRecord& made = records_.at(handle.id);
  made.rules = rules_.slots(
      lock, options.rules.empty() ? std::span(&prepared.info.name, 1) : std::span(options.rules));
  made.info = std::move(prepared.info);
  made.info.handle = handle;
  made.file_needs = std::move(prepared.file_needs);
  made.fusion = std::move(prepared.fusion);
  made.program = std::make_shared<const vir::Program>(given);
  ids_.emplace(made.info.name, handle.id);
  tell(tap_.hold(lock), made);
  user_ops_.store(count + 1, std::memory_order_release);  // [OPS-1]
  return handle;
}

Result<OpHandle> OpTable::find(std::string_view name) const {
  const OrderLock lock(order_);
  const auto found = ids_.find(std::string(name));
  if (found == ids_.end()) {
    return fail(Errc::not_found, message("no op named '{}' is registered in this session", name));
  }
  return record(found->second).info.handle;
}

Result<OpInfo> OpTable::info(OpHandle op) const {
  if (op.session != 0 && op.session != session_) {
    return fail(
        Errc::invalid_argument,
        message("op {} was registered in another session, number {}, and this is session {}; "
                "register the program here",
                op.id, op.session, session_));
  }
  const OrderLock lock(order_);
  if (!known(op.id)) {
    return fail(Errc::not_found, message("op {} is not registered in this session", op.id));
  }
  return record(op.id).info;
}

std::string OpTable::name(std::uint32_t op) const {
  const OrderLock lock(order_);
  return known(op) ? record(op).info.name : "unknown";
}

void OpTable::tell_all(const OrderLock&, const ObserverTap::Hold& hold) const {
  // Relaxed: the order lock is held, under which the count grows.
  const std::uint32_t count = user_ops_.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < count; ++i) tell(hold, record(kFirstUserOp + i));
}

void OpTable::tell(const ObserverTap::Hold& hold, const OpRecord& record) const {
  tap_.tell(hold, [&record](SessionObserver& observer) {
    observer.on_program(record.info.handle, record.info.name, *record.program);
  });
}

}  // namespace vyre::runtime
