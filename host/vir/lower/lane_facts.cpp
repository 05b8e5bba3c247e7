// Which elements of its buffers a lane touches, read off the finished image; see fuse.hpp.
#include <algorithm>

#include "vir/lower/fuse.hpp"
#include "vir/lower/opcode_facts.hpp"

namespace vyre::vir {

using core::Opcode;

namespace {

/// Finds the stores that no lane goes past, in the order of the code.
class Covering {
 public:
  Covering(const core::Image& image, const std::vector<bool>& own) : image_(image), own_(own) {
    for (const core::Instruction& i : image.code) returns_ = returns_ || i.op == Opcode::leave;
  }

  /// Whether every lane with an element in the instruction's buffer gets there; asked in order.
  [[nodiscard]] bool at(std::uint32_t at, const core::Instruction& i) {
    const bool guarded = at < guard_.end;
    if (core::has_target(i.op) && !(at >= furthest_ && !guarded && opens_guard(i)))
      furthest_ = std::max(furthest_, i.imm);
    return !returns_ && at >= furthest_ && (!guarded || guard_.buffer == i.imm);
  }

 private:
  /// Lanes whose own element is inside one buffer go on, until `end`.
  struct Guard {
    std::uint32_t buffer{0};
    std::uint32_t end{0};
  };
  [[nodiscard]] bool opens_guard(const core::Instruction& i) {
    if (i.op != Opcode::if_id_below || !own_[i.a]) return false;
    const auto is_length = [&](const core::Instruction& one) {
      return one.op == Opcode::buf_len && (one.form & core::kScalarResult) != 0 && one.dst == i.b;
    };
    // What is found there holds for the whole run.
    const auto end = image_.code.begin() + image_.once_count;
    const auto found = std::find_if(image_.code.begin(), end, is_length);
    if (found == end) return false;
    const core::BufferFacts& facts = image_.buffers[found->imm];
    if (facts.length_bits != facts.stride * 8) return false;
    guard_ = {found->imm, i.imm};
    return true;
  }

  const core::Image& image_;
  const std::vector<bool>& own_;
  bool returns_{false};
  std::uint32_t furthest_{0};  // where code that some lanes may have skipped ends
  Guard guard_;
};

}  // namespace

LaneFacts lane_facts(const core::Image& image) {
  LaneFacts facts;
  facts.flat = image.flat;
  facts.buffers.resize(image.buffers.size());
  // The prologue sets a register of its own, which nothing else writes.
  std::vector<bool> own(image.vector_registers, false);
  for (const core::Instruction& i : image.code) {
    if (lowering::is_lane_id(i)) own[i.dst] = true;
  }
  const bool line = image.workgroup[1] == 1 && image.workgroup[2] == 1;
  Covering covering(image, own);
  for (std::uint32_t at = 0; at < image.code.size(); ++at) {
    const core::Instruction& i = image.code[at];
    const bool all_pass = covering.at(at, i);
    if (i.op == Opcode::atomic) facts.flat = false;
    const bool loads = lowering::is_load(i.op);
    const bool stores = lowering::is_store(i.op);
    if (!loads && !stores) continue;
    LaneReach& reach = facts.buffers[i.imm];
    reach.loads = reach.loads || loads;
    reach.stores = reach.stores || stores;
    const bool here = line && (i.form & core::kScalarA) == 0 && own[i.a];
    // Bytes buffers are addressed byte by byte.
    reach.elsewhere = reach.elsewhere || !here || i.op == Opcode::store_bytes;
    reach.covers = reach.covers || (stores && here && i.op != Opcode::store_bytes && all_pass);
  }
  return facts;
}

}  // namespace vyre::vir
