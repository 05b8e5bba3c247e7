// One workgroup of the reference executor: its lanes, the round-robin schedule, barriers, copies in
// flight. Private to the room; host only. One object runs all workgroups of a dispatch, one after
// another. Spec: docs/vir0.md, "Semantics", scheduling.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "memory.hpp"
#include "value.hpp"
#include "vyre/protocol/limits.hpp"
#include "vyre/vir/program.hpp"

namespace vyre::reference {

/// What is looked up by name in the program's text, resolved once: variables are one slot a name
/// (names are unique among the live scopes), buffers an index.
struct Names {
  explicit Names(const vir::Program& program);

  std::vector<std::uint32_t> variable;  // by symbol; kNone: never bound
  std::vector<std::uint32_t> buffer;    // by symbol; kNone: not a buffer
  std::uint32_t variables{0};
  bool has_subgroup_ops{false};
  std::vector<bool> guards_barrier;  // by node: an If with a Barrier below it, Regions not searched
};

/// A statement list being executed, or a loop between two iterations.
struct Frame {
  vir::Range list;               // what is left of it
  vir::NodeId loop{vir::kNone};  // the Loop node, if this is a loop
  std::uint32_t next{0};         // loop: value of the next iteration
  std::uint32_t end{0};
  std::size_t bound_before{0};  // how many names were bound when the scope opened
};

struct PendingCopy {
  vir::Symbol tag{0};
  std::uint32_t destination{0};
  std::uint64_t offset{0};
  Bytes bytes;
  vir::NodeId node{0};
};

struct Lane {
  std::array<std::uint32_t, 3> local_id{};
  std::vector<Frame> frames;
  std::vector<Value> variables;
  std::vector<std::uint32_t> bound;  // slots in the order they were bound
  std::vector<PendingCopy> copies;
  bool waiting{false};
  vir::NodeId at{0};  // the node executed last, for faults

  [[nodiscard]] bool live() const { return !frames.empty(); }
};

class Machine {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;
  Machine(const vir::Program& program, Names names, std::vector<Buffer>& buffers,
          std::uint64_t fuel, Deadline deadline);

  /// Runs one workgroup to its end. On a fault, `fault_lane` and `fault_node` say where. Past the
  /// deadline it stops with FaultCode::wall_time.
  [[nodiscard]] Maybe<Unbound> run_workgroup(const std::array<std::uint32_t, 3>& id);
  [[nodiscard]] std::uint32_t fault_lane() const { return current_; }
  [[nodiscard]] vir::NodeId fault_node() const { return lanes_[current_].at; }

 private:
  // machine.cpp: the schedule and the statements.
  void start_workgroup();
  [[nodiscard]] Maybe<bool> run_round();
  [[nodiscard]] bool release_barrier();
  [[nodiscard]] Maybe<Unbound> check_copies_done();
  [[nodiscard]] Maybe<Unbound> step(Lane& lane);
  [[nodiscard]] Maybe<Unbound> step_loop(Lane& lane);
  [[nodiscard]] Maybe<Unbound> execute(Lane& lane, const vir::Node& node, vir::NodeId id);
  [[nodiscard]] Maybe<Unbound> bind(Lane& lane, vir::Symbol name, Value value);
  void open(Lane& lane, vir::Range list);
  void close(Lane& lane);
  [[nodiscard]] Maybe<Unbound> do_assign(Lane& lane, const vir::Node& node);
  [[nodiscard]] Maybe<Unbound> do_store(Lane& lane, const vir::Node& node);
  [[nodiscard]] Maybe<Unbound> do_if(Lane& lane, const vir::Node& node, vir::NodeId id);
  [[nodiscard]] Maybe<Unbound> do_loop(Lane& lane, const vir::Node& node, vir::NodeId id);
  [[nodiscard]] Maybe<Unbound> do_copy(Lane& lane, const vir::Node& node, vir::NodeId id);
  [[nodiscard]] Maybe<Unbound> do_wait(Lane& lane, const vir::Node& node);
  [[nodiscard]] Maybe<Unbound> spend_fuel();
  [[nodiscard]] Maybe<Unbound> check_deadline();
  [[nodiscard]] Maybe<Unbound> count_turn();

  // expressions.cpp. `variables` are the lane's own, or its snapshot inside a subgroup operation.
  using Variables = std::vector<Value>;
  struct Scope {
    const Lane* lane;
    const Variables* variables;
    std::uint32_t depth;           // expression levels entered
    std::uint32_t subgroup_depth;  // subgroup operations entered
  };
  [[nodiscard]] Maybe<Value> evaluate(Lane& lane, vir::ExprId id);
  [[nodiscard]] Maybe<Value> eval(const Scope& scope, vir::ExprId id);
  [[nodiscard]] Maybe<Value> eval_load(const Scope& scope, const vir::Expr& expr);
  [[nodiscard]] Maybe<Value> eval_id(const Scope& scope, const vir::Expr& expr);
  [[nodiscard]] Maybe<Value> eval_select(const Scope& scope, const vir::Expr& expr);
  [[nodiscard]] Maybe<Value> eval_fma(const Scope& scope, const vir::Expr& expr);
  [[nodiscard]] Maybe<Value> eval_atomic(const Scope& scope, const vir::Expr& expr);
  [[nodiscard]] Maybe<Value> eval_subgroup(const Scope& scope, const vir::Expr& expr);
  [[nodiscard]] Maybe<std::vector<Value>> eval_slice(const Scope& scope, vir::ExprId id,
                                                     std::uint32_t first);
  [[nodiscard]] Maybe<std::uint32_t> eval_u32(const Scope& scope, vir::ExprId id);
  [[nodiscard]] Maybe<Buffer*> buffer_of(vir::Symbol name);

  const vir::Program& program_;
  const Names names_;
  std::vector<Buffer>& buffers_;
  std::array<std::uint32_t, 3> workgroup_{};
  std::vector<Lane> lanes_;
  std::vector<Variables> snapshot_;  // of every lane at the start of the round
  /// By node: the side that an If with a barrier took (0 none yet, 1 body, 2 otherwise). Never
  /// cleared within a workgroup, so that a side that changes between iterations is a fault too, as
  /// in the format's reference.
  std::vector<std::uint8_t> side_taken_;
  std::uint32_t current_{0};
  std::uint64_t pending_copy_bytes_{0};
  const std::uint64_t fuel_per_workgroup_;
  std::uint64_t fuel_{0};
  const Deadline deadline_;
  std::uint32_t turns_{0};  // of lanes, and fuel spent, since the clock was last read
};

}  // namespace vyre::reference
