// One pass in the order of the code. A loop forgets what its body writes before it is walked, so
// that one walk is enough; the sides of a branch are walked one by one and joined.
#include "ranges.hpp"

#include <algorithm>
#include <utility>

#include "operands.hpp"
#include "shape.hpp"
#include "vir/lower/opcode_facts.hpp"

namespace vyre::jit {

using core::Instruction;
using core::kScalarA;
using core::kScalarB;
using core::kScalarC;
using core::kScalarResult;
using core::Opcode;
using vir::lowering::Shape;

namespace {

/// Beyond this many registers times instructions nothing is followed: every register may hold
/// anything, which is always right.
constexpr std::uint64_t kMostWork{std::uint64_t{1} << 28};

constexpr Interval join(Interval a, Interval b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

class Walk {
 public:
  explicit Walk(const core::Image& image)
      : image_(image), state_(image.vector_registers + image.scalar_registers) {
    out_.safe.resize(image.code.size(), false);
    out_.trips.resize(image.code.size());
    for (std::uint32_t k = 0; k < image.constants.size(); ++k)
      at(true, k) = {image.constants[k], image.constants[k]};
    once_.resize(image.scalar_registers, false);
    for (std::uint32_t k = 0; k < image.once_count; ++k) {
      const Instruction& i = image.code[k];
      if ((i.form & kScalarResult) != 0) once_[i.dst] = true;
    }
  }

  Ranges run() {
    if (std::uint64_t{state_.size()} * image_.code.size() > kMostWork) return std::move(out_);
    list(0, static_cast<std::uint32_t>(image_.code.size()));
    return std::move(out_);
  }

 private:
  using State = std::vector<Interval>;

  Interval& at(bool scalar, std::uint32_t reg) {
    return state_[scalar ? image_.vector_registers + reg : reg];
  }

  void list(std::uint32_t from, std::uint32_t to) {
    while (from < to) {
      const auto construct = construct_at(image_, from);
      if (!construct) {
        instruction(from++);
        continue;
      }
      if (construct->loop) {
        loop(*construct);
      } else {
        branch(*construct);
      }
      from = construct->next;
    }
  }

  void branch(const Construct& c) {
    const State before = state_;
    list(c.begin + 1, c.body_end());
    State after = std::exchange(state_, before);
    if (c.middle != kNowhere) list(c.middle + 1, c.end);
    for (std::size_t k = 0; k < after.size(); ++k) state_[k] = join(state_[k], after[k]);
  }

  void loop(const Construct& c) {
    const Instruction& i = image_.code[c.begin];
    const bool scalar = !c.lanes;
    const Interval from = at(scalar, i.a);
    const Interval to = at(scalar, i.b);
    Trips& trips = out_.trips[c.begin];
    trips.most = to.high > from.low ? to.high - from.low : 0;
    if (scalar && once_[i.b]) trips.end_register = i.b;
    forget(c.begin + 1, c.end);
    at(scalar, i.a) = {from.low, std::max(from.low, to.high == 0 ? 0 : to.high - 1)};
    const State before = state_;
    list(c.begin + 1, c.end);
    // Behind it: the state of its beginning holds after any number of turns.
    state_ = before;
    at(scalar, i.a) = {};
  }

  void forget(std::uint32_t from, std::uint32_t to) {
    for (; from < to; ++from) {
      each_write(image_, image_.code[from],
                 [&](bool scalar, std::uint32_t r) { at(scalar, r) = {}; });
    }
  }

  void instruction(std::uint32_t index) {
    const Instruction& i = image_.code[index];
    if (i.op == Opcode::uniform_check) at(true, i.dst) = {};
    const std::uint32_t words = vir::lowering::result_words(image_, i);
    if (words == 0) return;
    const bool sa = (i.form & kScalarA) != 0;
    const bool to = (i.form & kScalarResult) != 0;
    const unsigned sources = vir::lowering::facts_of(i.op).sources;
    if (i.op == Opcode::assign) {
      for (std::uint32_t k = 0; k < words; ++k) at(false, i.dst + k) = at(sa, i.a + k);
      return;
    }
    const Interval a = sources > 0 ? at(sa, i.a) : Interval{};
    const Interval b = sources > 1 ? at((i.form & kScalarB) != 0, i.b) : Interval{};
    const Interval c = sources > 2 ? at((i.form & kScalarC) != 0, i.c) : Interval{};
    if (vir::lowering::facts_of(i.op).shape == Shape::checked) {
      const bool wide = i.op == Opcode::check_u32_u64;
      out_.safe[index] = never_fails(i.op, a, b, wide ? at(sa, i.a + 1u) : Interval{});
    }
    const Interval result = result_of(image_, i, a, b, c);
    for (std::uint32_t k = 1; k < words; ++k) at(to, i.dst + k) = {};
    if (i.op == Opcode::popcount64 || i.op == Opcode::clz64 || i.op == Opcode::ctz64 ||
        i.op == Opcode::check_u64_i32) {
      at(to, i.dst + 1u) = {0, 0};
    }
    at(to, i.dst) = result;
  }

  const core::Image& image_;
  State state_;
  std::vector<bool> once_;  // scalar registers that are set before the first frame
  Ranges out_;
};

}  // namespace

Ranges find_ranges(const core::Image& image) {
  return Walk(image).run();
}

}  // namespace vyre::jit
