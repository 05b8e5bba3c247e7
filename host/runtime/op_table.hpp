// The op table of a session: built-in ops and registered programs, by number and by name. Host
// only.
//
// Lock: names are under the order lock, which functions take themselves unless they ask for it.
// add() runs inside a BackendMaker call, so one thread at a time adds ops. Records never change and
// never move, so known() and record() need no lock.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backend/backend.hpp"
#include "backend/stable_table.hpp"
#include "backend_maker.hpp"
#include "copy_until.hpp"
#include "fusion_facts.hpp"
#include "memory_budget.hpp"
#include "observer_tap.hpp"
#include "order_lock.hpp"
#include "rule_table.hpp"
#include "runtime/op_options.hpp"
#include "runtime/session.hpp"
#include "vir/program/program.hpp"

namespace vyre::runtime {

inline constexpr std::uint32_t kNop{0};  // the op that looks at no buffer

/// What an op needs of a mapped file in an input.
struct FileNeed {
  bool resident{true};  // its bytes are where items read them
  bool pump{false};     // the pump knows the file
};

struct OpRecord {
  OpInfo info;
  std::shared_ptr<const vir::Program> program;  // null for built-ins
  std::vector<FileNeed> file_needs;             // by input; built-ins: none, and all are resident
  std::vector<std::uint32_t> rules;             // slots of lineage rules, of programs
  std::shared_ptr<const FusionFacts> fusion;    // null for built-ins
};

/// A program that was checked and lowered, before it has a number.
struct PreparedOp {
  OpInfo info;
  backend::ProgramOp op;
  std::vector<FileNeed> file_needs;
  std::shared_ptr<const FusionFacts> fusion;
  std::uint64_t host_bytes{0};  // that the session keeps of it, near enough
};
/// Touches no session. deadline_exceeded where `until` has come.
[[nodiscard]] Result<PreparedOp> prepare_op(std::string_view name, const vir::Program& program,
                                            const CopyUntil& until);

class OpTable {
 public:
  OpTable(std::uint32_t session, OrderMutex& order, BackendMaker& maker, MemoryBudget& budget,
          ObserverTap& tap, RuleTable& rules);

  /// Prepares and adds. The same name with the same program is the same op; with another program,
  /// or with other rules than it has, it is refused.
  [[nodiscard]] Result<OpHandle> register_program(std::string_view name,
                                                  const vir::Program& program,
                                                  const CopyUntil& until,
                                                  const OpOptions& options = {});
  [[nodiscard]] Result<OpHandle> find(std::string_view name) const;
  [[nodiscard]] Result<OpInfo> info(OpHandle op) const;
  /// "unknown" where no op has the number.
  [[nodiscard]] std::string name(std::uint32_t op) const;

  [[nodiscard]] bool known(std::uint32_t op) const noexcept {
    // [OPS-1] acquire: the op behind every id below the count is registered.
    return op < kBuiltins ||
           (op >= kFirstUserOp && op - kFirstUserOp < user_ops_.load(std::memory_order_acquire));
  }
  /// `op` is known.
  [[nodiscard]] const OpRecord& record(std::uint32_t op) const noexcept {
    return *records_.find(op);
  }
  /// How many were registered.
  [[nodiscard]] std::uint32_t programs() const noexcept {
    return user_ops_.load(std::memory_order_relaxed);  // only a count
  }
  /// Tells the observer of every program, in the order of registration.
  void tell_all(const OrderLock&, const ObserverTap::Hold& hold) const;

 private:
  static constexpr std::uint32_t kBuiltins{
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) +1
#include "protocol/op_table.def"
  };

  [[nodiscard]] Result<OpHandle> add(backend::Backend& backend, PreparedOp prepared,
                                     const vir::Program& given, Deadline deadline,
                                     const OpOptions& options);
  [[nodiscard]] static Result<OpHandle> same_or_refused(const OpRecord& before,
                                                        const PreparedOp& prepared,
                                                        const vir::Program& given);
  /// The op has the rules that are asked for, if any are.
  [[nodiscard]] Status same_rules(const OpRecord& before, const OpOptions& options) const;
  void tell(const ObserverTap::Hold& hold, const OpRecord& record) const;

  const std::uint32_t session_;
  OrderMutex& order_;
  BackendMaker& maker_;
  MemoryBudget& budget_;
  ObserverTap& tap_;
  RuleTable& rules_;
  backend::StableTable<OpRecord> records_;
  std::unordered_map<std::string, std::uint32_t> ids_;
  std::atomic<std::uint32_t> user_ops_{0};
};

}  // namespace vyre::runtime
