// Prints the function of one image. A lane is a thread; a vector register of the image is a PTX
// register %v, a scalar register %s, which every thread computes for itself. Host only, private to
// the room; module.cpp, frame.cpp, flow.cpp, words.cpp, floats.cpp, pairs.cpp, memory.cpp,
// copies.cpp and groups.cpp implement it. Spec: docs/internals/jit.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis.hpp"
#include "core/image.hpp"
#include "jit/jit.hpp"
#include "runs.hpp"

namespace vyre::jit {

/// How an immediate operand is written.
enum class As : std::uint8_t { bits, integer, real };

class Emitter {
 public:
  Emitter(const core::Image& image, const Analysis& analysis, std::string_view name)
      : image_(image),
        analysis_(analysis),
        name_(name),
        used_(image.buffers.size(), false),
        multi_(analysis.grouped && analysis.slices > 1) {}

  [[nodiscard]] Function run();

 private:
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  using Instruction = core::Instruction;
  using Text = std::string;

  // ---- text
  void op(const Text& text) { body_.append("  ").append(text).append(";\n"); }
  void label(const Text& name) { body_.append(name).append(":\n"); }
  void jump(const Text& to);
  void jump_if(const Text& condition, const Text& to);
  void jump_if_not(const Text& condition, const Text& to);
  /// All threads go there if one of them has an answer.
  void jump_if_answered(const Text& to);
  Text word() { return numbered("%t", words_++); }
  Text wide() { return numbered("%d", wides_++); }
  Text predicate() { return numbered("%p", predicates_++); }
  Text new_label() { return numbered("L", labels_++); }
  static Text numbered(const char* begin, u64 number);
  [[nodiscard]] Text name_of(bool scalar, u32 reg, As as = As::bits) const;
  [[nodiscard]] Text source(const Instruction& i, unsigned which, As as = As::bits) const;
  [[nodiscard]] Text result(const Instruction& i, u32 word = 0) const;
  /// A predicate that is "operation.type a, b".
  Text test(const char* comparison, const Text& a, const Text& b);
  Text both(const Text& a, const Text& b);
  /// Sets dst to 1 or 0.
  void truth_to(const Text& dst, const Text& condition);
  Text pair(const Instruction& i, unsigned which);
  void pair_to(const Instruction& i, const Text& value);

  // ---- the frame around the code
  void check_before();
  void copies_before();
  void turns_before(u32 from, u32 to, const Text& sum);
  void pass();
  void rows_of_lanes();
  /// %group, %l and what follows from them for the lane at `row`.
  void place_row(const Text& row);
  /// The guard of a program that is straight code, perhaps below a bound of the id: kNowhere where
  /// there is none; nullopt: it is no such program.
  [[nodiscard]] std::optional<u32> straight_guard() const;
  /// Several lanes a thread at a time, one instruction after the other, so that their accesses are
  /// under way together. Threads that have fewer lanes left go on at `rows`.
  void wide_rows(u32 guard, const Text& rows);
  void workgroups();
  /// Where a unit, or its first pass, is over.
  [[nodiscard]] Text over() const { return looks_ ? "LOOKED" : "DONE"; }
  void place_group();
  void place_lane();
  void zero_workgroup_memory();
  [[nodiscard]] Text head() const;
  [[nodiscard]] Text buffers_text() const;

  // ---- flow
  void list(u32 from, u32 to);
  void one(u32 at);
  void construct(const Construct& c);
  void lanes_branch(const Construct& c);
  void uniform_branch(const Construct& c);
  void lanes_loop(const Construct& c);
  void uniform_loop(const Construct& c);
  void enter(const Text& end);
  void rejoin(bool may_have_ended);
  void turn();
  void look_at_stop();
  void leave();
  void uniform_check(const Instruction& i);
  /// The lanes where it holds end, and the unit with this answer.
  void end_where(const Text& condition, Answer answer);
  [[nodiscard]] u32 depth() const { return static_cast<u32>(rejoins_.size()); }
  [[nodiscard]] bool grouped() const { return analysis_.grouped; }
  /// Whether threads without a lane run this code too.
  [[nodiscard]] bool all_threads() const { return grouped() && depth() == 0; }
  /// The threads that run this code together, as a member mask.
  [[nodiscard]] Text members() const {
    return depth() == 0 ? "0xffffffff" : numbered("%m", depth());
  }
  void open_run(const Run& run);
  void close_run(const Run& run);
  [[nodiscard]] Text slot(u64 number) const;
  /// Whether this code is outside of all runs: threads do it once for the workgroup.
  [[nodiscard]] bool between() const { return multi_ && !in_run_; }

  // ---- instructions
  void instruction(u32 at);
  bool integer(const Instruction& i);
  bool bits(const Instruction& i);
  bool real(const Instruction& i);
  bool real_test(const Instruction& i);
  bool conversion(const Instruction& i);
  bool wide_integer(const Instruction& i);
  bool wide_test(const Instruction& i);
  void checked(u32 at, const Instruction& i);
  void division(u32 at, const Instruction& i);
  void id(const Instruction& i);
  void length(const Instruction& i);
  bool memory(const Instruction& i);
  void group(const Instruction& i);
  void reduce_in_order(const Instruction& i, const Text& active);
  void call(const char* function, const Text& dst, const Text& operand);
  void flush(const Text& dst, const Text& value);
  void canonical(const Text& dst, const Text& value);
  void least_or_most(const Text& dst, const Text& a, const Text& b, bool most);
  void saturate(const Text& dst, const Text& value, const Text& condition, const char* type);
  void load(const Instruction& i);
  void agree(const Instruction& i);
  void store(const Instruction& i);
  void store_bytes(const Instruction& i);
  void atomic(const Instruction& i);
  void start_copy(const Instruction& i);
  void finish_copy(const Instruction& i);
  void pay_for_copy(const Text& size);
  void move_bytes(const Instruction& start);
  Text address(const Instruction& i, const Text& index, Text& inside);
  /// Whether this pass leaves the buffer as it is.
  [[nodiscard]] bool spares(u32 buffer) const {
    return looks_ && image_.buffers[buffer].is_workgroup == 0;
  }
  [[nodiscard]] const char* space(u32 buffer) const {
    return image_.buffers[buffer].is_workgroup != 0 ? "" : ".global";
  }
  Text base(u32 buffer) {
    used_[buffer] = true;
    return numbered("%b", buffer);
  }
  Text count(u32 buffer) {
    used_[buffer] = true;
    return numbered("%n", buffer);
  }
  Text bytes(u32 buffer) {
    used_[buffer] = true;
    return numbered("%z", buffer);
  }

  const core::Image& image_;
  const Analysis& analysis_;
  Text name_;
  Text body_;
  u64 words_{0};
  u64 wides_{0};
  u64 predicates_{0};
  u64 labels_{0};
  u64 calls_{0};
  u64 scratch_bytes_{0};
  std::vector<bool> used_;     // buffers
  std::vector<Text> rejoins_;  // the ends of the branches and loops around, where lanes decide
  u32 deepest_{0};
  bool multi_;  // a workgroup is several slices of 32 lanes
  Runs runs_;
  u32 next_run_{0};
  bool in_run_{false};
  bool looks_{false};  // the pass that writes no buffer
  u32 copies_{1};      // lanes of a thread that are under way together
  u32 copy_{0};        // the one that is printed
  bool wide_{false};
  Text next_row_;
  Text end_group_;
  Text slice_;
  u32 nested_{0};  // constructs around that are inside a run
};

/// "0x1F".
[[nodiscard]] std::string hexadecimal(std::uint64_t value);

}  // namespace vyre::jit
