// Which elements of its buffers a lane touches, read off the finished image; see fuse.hpp.
#include "opcode_facts.hpp"
#include "vir/lower/fuse.hpp"

namespace vyre::vir {

using core::Opcode;

LaneFacts lane_facts(const core::Image& image) {
  LaneFacts facts;
  facts.flat = image.flat;
  facts.buffers.resize(image.buffers.size());
  // The prologue sets a register of its own, which nothing else writes.
  std::vector<bool> own(image.vector_registers, false);
  for (const core::Instruction& i : image.code) {
    if (i.op == Opcode::global_id && i.aux == 0 && (i.form & core::kScalarResult) == 0)
      own[i.dst] = true;
  }
  const bool line = image.workgroup[1] == 1 && image.workgroup[2] == 1;
  for (const core::Instruction& i : image.code) {
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
  }
  return facts;
}

}  // namespace vyre::vir
