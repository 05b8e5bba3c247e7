// One workgroup of the reference executor: its lanes walk the program together, statement by
// statement and operation by operation. Private to the room; host only. One object runs all
// workgroups of a dispatch, one after another. Spec: docs/internals/vir0-semantics.md, "Semantics",
// execution.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "memory.hpp"
#include "protocol/limits.hpp"
#include "race_detector.hpp"
#include "value.hpp"
#include "vir/program/program.hpp"

namespace vyre::reference {

/// What is looked up by name in the program's text, resolved once: variables are one a name
/// (names are unique among the live scopes), buffers an index.
struct Names {
  explicit Names(const vir::Program& program);

  std::vector<std::uint32_t> variable;  // by symbol; kNone: never bound
  std::vector<std::uint32_t> buffer;    // by symbol; kNone: not a buffer
  std::uint32_t variables{0};
  std::vector<bool> guards_barrier;  // by node: an If with a Barrier below it, Regions not searched
};

/// The lanes that execute something together, ascending. A fault takes the lane that has it and
/// all higher ones away, so what was computed for a list stays right for what is left of it.
using Lanes = std::vector<std::uint32_t>;
/// A value for each of some Lanes, in their order.
using Values = std::vector<Value>;

struct PendingCopy {
  std::uint64_t number{0};  // of all copies started, in order
  std::uint32_t destination{0};
  std::uint64_t offset{0};
  Bytes bytes;
  vir::NodeId node{0};
};

struct Lane {
  std::array<std::uint32_t, 3> local_id{};
  std::unordered_map<vir::Symbol, PendingCopy> copies;  // by tag
  bool ended{false};                                    // returned, or stopped by a fault
};

/// Why a workgroup has no result, and where.
struct WorkgroupFault {
  Stop what;
  std::uint32_t lane{0};
  vir::NodeId node{0};
};

class Machine {
 public:
  /// `wanted_no_more` is asked now and then. `detector`, if not null, is told of all accesses and
  /// barriers.
  Machine(const vir::Program& program, Names names, std::vector<Buffer>& buffers,
          std::uint64_t fuel, std::function<bool()> wanted_no_more, RaceDetector* detector);

  /// Runs one workgroup to its end, or to the fault that is to be named. Where it is wanted no more
  /// that is FaultCode::wall_time.
  [[nodiscard]] std::optional<WorkgroupFault> run_workgroup(const std::array<std::uint32_t, 3>& id);

 private:
  // machine.cpp: lanes, statements, the clock.
  void start_workgroup();
  void fail(Lanes& lanes, std::size_t position, const Stop& why);
  void stop_from(std::uint32_t lane);
  void drop_ended(Lanes& lanes) const;
  [[nodiscard]] bool meet(Lanes& lanes);
  void check_copies_done();
  [[nodiscard]] bool is_late();
  void count_work(Lanes& lanes);

  void execute_list(vir::Range list, Lanes lanes);
  void execute(vir::NodeId id, Lanes& lanes);
  void do_if(const vir::Node& node, vir::NodeId id, Lanes& lanes);
  void do_loop(const vir::Node& node, vir::NodeId id, Lanes& lanes);
  void do_barrier(Lanes& lanes);
  void do_copy(const vir::Node& node, Lanes& lanes);
  void check_side(vir::NodeId id, const std::vector<bool>& taken, Lanes& lanes);
  void bind(vir::Symbol name, const Lanes& lanes, Values values);

  /// `f(position)` for every lane of the list in order, up to the first that faults.
  template <class T, class F>
  [[nodiscard]] std::vector<T> each(Lanes& lanes, F f) {
    std::vector<T> results;
    results.reserve(lanes.size());
    for (std::size_t k = 0; k < lanes.size(); ++k) {
      Maybe<T> result = f(k);
      if (!result) {
        fail(lanes, k, result.error());
        break;
      }
      results.push_back(std::move(*result));
    }
    return results;
  }
  void fail_all(Lanes& lanes, FaultCode code, const char* why) {
    if (!lanes.empty()) fail(lanes, 0, Stop{code, why});
  }

  // expressions.cpp: one operation for all lanes of the list before the next operation.
  [[nodiscard]] Values eval(vir::ExprId id, Lanes& lanes, std::uint32_t depth = 0);
  [[nodiscard]] Values eval_id(const vir::Expr& expr, Lanes& lanes);
  [[nodiscard]] Values eval_atomic(vir::ExprId id, Lanes& lanes, std::uint32_t depth);
  [[nodiscard]] Values eval_subgroup(const vir::Expr& expr, Lanes& lanes, std::uint32_t depth);
  [[nodiscard]] std::vector<std::uint32_t> eval_u32(vir::ExprId id, Lanes& lanes,
                                                    std::uint32_t depth = 0);

  // accesses.cpp: the only ways of a lane to a buffer. The statement is `node_`.
  [[nodiscard]] Maybe<Value> load(std::uint32_t lane, vir::ExprId load, std::uint32_t index);
  [[nodiscard]] Maybe<Unbound> store(std::uint32_t lane, vir::Symbol buffer, std::uint32_t index,
                                     const Value& value);
  [[nodiscard]] Maybe<Value> atomic(std::uint32_t lane, vir::ExprId atomic, std::uint32_t index,
                                    std::uint32_t expected, std::uint32_t value);
  [[nodiscard]] Maybe<Unbound> start_copy(std::uint32_t lane, const vir::Node& node,
                                          std::uint32_t offset, std::uint32_t size);
  [[nodiscard]] Maybe<Unbound> finish_copy(std::uint32_t lane, vir::Symbol tag);
  [[nodiscard]] Maybe<std::uint32_t> buffer_index(vir::Symbol name) const;
  /// Tells the detector, if there is one.
  void note(AccessKind kind, std::uint32_t lane, std::uint32_t buffer, Extent extent,
            vir::ExprId expr);

  const vir::Program& program_;
  const Names names_;
  std::vector<Buffer>& buffers_;
  std::array<std::uint32_t, 3> workgroup_{};
  std::vector<Lane> lanes_;
  std::vector<Values> variables_;  // [variable][lane]
  /// By node: the side that an If with a barrier took (0 none yet, 1 body, 2 otherwise). Never
  /// cleared within a workgroup, so that a side that changes between iterations is a fault too, as
  /// in the format's reference.
  std::vector<std::uint8_t> side_taken_;
  vir::NodeId node_{0};                  // the statement that is executed
  std::optional<WorkgroupFault> fault_;  // of the lowest lane that has one
  std::uint64_t copies_started_{0};
  std::uint64_t pending_copy_bytes_{0};
  const std::uint64_t fuel_per_workgroup_;
  std::uint64_t fuel_{0};
  const std::function<bool()> wanted_no_more_;
  RaceDetector* const detector_;
  std::size_t work_{0};  // operations of lanes since the clock was last read
};

}  // namespace vyre::reference
