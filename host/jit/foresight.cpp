// Follows what depends on bytes that the program writes, through registers and workgroup memory.
// Workgroup memory is written in the first pass too. A load of another buffer depends on the
// program's writes if one of them may come before it in the lane's own order; those of other lanes
// would race with it, or stand before a barrier, which the order of the code shows as well.
#include "foresight.hpp"

#include <unordered_map>
#include <utility>
#include <vector>

#include "operands.hpp"
#include "shape.hpp"

namespace vyre::jit {

using core::Instruction;
using core::Opcode;
using vir::lowering::Shape;

namespace {

/// Passes over the code, and bits that are kept of loops. A program that wants more is of class C.
constexpr std::uint32_t kMostPasses{16};
constexpr std::uint64_t kMostState{std::uint64_t{1} << 28};

class Follower {
 public:
  Follower(const core::Image& image, const MayEnd& may_end)
      : image_(image),
        may_end_(may_end),
        state_(image.vector_registers + image.scalar_registers, false),
        written_(image.buffers.size(), false),
        unsure_(image.buffers.size(), false) {}

  [[nodiscard]] bool run() {
    std::uint64_t loops = 0;
    for (const Instruction& i : image_.code)
      loops += i.op == Opcode::loop_enter_s || i.op == Opcode::loop_enter_v ? 1 : 0;
    if (loops * state_.size() > kMostState) return false;
    // What holds in a loop, and in workgroup memory, may depend on code further down.
    changed_ = true;
    for (std::uint32_t pass = 0; changed_ && foreseen_; ++pass) {
      if (pass == kMostPasses) return false;
      changed_ = false;
      std::fill(state_.begin(), state_.end(), false);
      std::fill(written_.begin(), written_.end(), false);
      list(0, static_cast<std::uint32_t>(image_.code.size()));
    }
    return foreseen_;
  }

 private:
  using State = std::vector<bool>;

  [[nodiscard]] std::size_t place(bool scalar, std::uint32_t reg) const {
    return scalar ? image_.vector_registers + reg : reg;
  }
  [[nodiscard]] bool depends(const Instruction& i) const {
    bool any = false;
    each_read(image_, i,
              [&](bool scalar, std::uint32_t r) { any = any || state_[place(scalar, r)]; });
    return any;
  }

  void list(std::uint32_t from, std::uint32_t to) {
    while (from < to) {
      const auto c = construct_at(image_, from);
      if (!c) {
        instruction(from++);
        continue;
      }
      c->loop ? loop(*c) : branch(*c);
      from = c->next;
    }
  }

  /// Where a branch depends on what is written, so does everything in it.
  void branch(const Construct& c) {
    const bool outside = std::exchange(unsure_here_, unsure_here_ || depends(image_.code[c.begin]));
    const State before = state_;
    list(c.begin + 1, c.body_end());
    State after = std::exchange(state_, before);
    if (c.middle != kNowhere) list(c.middle + 1, c.end);
    join(after);
    unsure_here_ = outside;
  }

  void loop(const Construct& c) {
    const bool outside = std::exchange(unsure_here_, unsure_here_ || depends(image_.code[c.begin]));
    if (unsure_here_ && may_end_(c.begin)) foreseen_ = false;
    // Writes further down in the body come before loads of its next turn.
    for (std::uint32_t at = c.begin + 1; at < c.end; ++at) note_write(image_.code[at]);
    // What the end of the body leaves holds at its beginning, in the next pass over the code.
    State& again = ends_of_bodies_[c.begin];
    if (again.empty()) again.assign(state_.size(), false);
    join(again);
    const State before = state_;
    list(c.begin + 1, c.end + 1);
    for (std::size_t k = 0; k < state_.size(); ++k) {
      if (state_[k] && !again[k]) changed_ = again[k] = true;
    }
    join(before);
    unsure_here_ = outside;
  }

  void join(const State& other) {
    for (std::size_t k = 0; k < state_.size(); ++k) state_[k] = state_[k] || other[k];
  }

  [[nodiscard]] bool reads_unsure(std::uint32_t buffer) const {
    return image_.buffers[buffer].is_workgroup != 0 ? unsure_[buffer] : written_[buffer];
  }
  /// A write into workgroup memory, which the first pass does too.
  void keep(std::uint32_t buffer, bool unsure) {
    if (!unsure || image_.buffers[buffer].is_workgroup == 0 || unsure_[buffer]) return;
    changed_ = unsure_[buffer] = true;
  }

  void note_write(const Instruction& i) {
    if (vir::lowering::is_store(i.op) || i.op == Opcode::atomic) written_[i.imm] = true;
    if (i.op == Opcode::async_load || i.op == Opcode::async_store) written_[i.imm >> 16] = true;
  }

  void instruction(std::uint32_t at) {
    const Instruction& i = image_.code[at];
    bool unsure = unsure_here_ || depends(i);
    if (unsure && (may_end_(at) || i.op == Opcode::leave)) foreseen_ = false;
    if (vir::lowering::is_store(i.op)) keep(i.imm, unsure);
    if (i.op == Opcode::async_load || i.op == Opcode::async_store)
      keep(i.imm >> 16, unsure || reads_unsure(i.imm & 0xFFFFu));
    if (vir::lowering::is_load(i.op)) unsure = unsure || reads_unsure(i.imm);
    if (i.op == Opcode::atomic) unsure = true;
    note_write(i);
    each_write(image_, i, [&](bool scalar, std::uint32_t r) { state_[place(scalar, r)] = unsure; });
  }

  const core::Image& image_;
  const MayEnd& may_end_;
  State state_;                // by register: depends on what the program writes
  std::vector<bool> written_;  // by buffer: written so far, in the order of the code
  std::vector<bool> unsure_;   // by buffer of workgroup memory: holds what depends on writes
  std::unordered_map<std::uint32_t, State> ends_of_bodies_;  // by the loop's beginning
  bool unsure_here_{false};
  bool changed_{false};
  bool foreseen_{true};
};

}  // namespace

bool can_foresee(const core::Image& image, const MayEnd& may_end) {
  return Follower(image, may_end).run();
}

}  // namespace vyre::jit
