// Lowering, from the outside: facts of the program, the walk, the finished image.
#include "vir/lower/lower.hpp"

#include <algorithm>

#include "access_facts.hpp"
#include "base/message.hpp"
#include "byte_runs.hpp"
#include "program.hpp"
#include "protocol/limits.hpp"
#include "vir/program/buffer_names.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/given_up.hpp"
#include "vir/program/statements.hpp"

namespace vyre::vir {
namespace lowering {
namespace {

/// Per If: whether a Barrier is below it, not looking into Regions, as upstream's reference does.
std::vector<bool> find_guards(const Program& program) {
  std::vector<bool> below(program.nodes.size(), false);
  const std::vector<NodeId> order = statements_in_order(program);
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const Node& n = program.nodes[*it];
    if (n.tag == NodeTag::Region) continue;
    bool found = n.tag == NodeTag::Barrier;
    const ChildLists lists = child_lists(n);
    for (const NodeId child : program.list(lists.first)) found = found || below[child];
    for (const NodeId child : program.list(lists.second)) found = found || below[child];
    below[*it] = found;
  }
  return below;
}

}  // namespace

ProgramLowering::ProgramLowering(const Program& program, const LowerOptions& options)
    : program_(program),
      interrupt_(options.interrupt),
      facts_(infer(program, options.interrupt)),
      out_(options.optimise),
      statement_(statement_numbers(program)),
      buffers_(buffers_by_name(program)),
      guards_barrier_(find_guards(program)),
      bound_(program.names.size(), kNone),
      lengths_(program.buffers.size()),
      flat_(!facts_.uses_groups && !facts_.uses_workgroup && !facts_.uses_async) {}

/// What a validated program keeps; an image has no room for more, so it is asked again here.
Status ProgramLowering::check_widths() const {
  const auto beyond = [](const std::string& what, std::uint64_t value, std::uint64_t limit) {
    return fail(Errc::limit_exceeded,
                message("{} {}; the limit of an image is {}", what, value, limit));
  };
  if (program_.buffers.size() > kMaxBuffers) {
    return beyond("the buffers of the program are", program_.buffers.size(), kMaxBuffers);
  }
  const auto statements = statement_.size() - static_cast<std::size_t>(std::count(
                                                  statement_.begin(), statement_.end(), kNone));
  if (statements > kMaxStatements)
    return beyond("the statements of the program are", statements, kMaxStatements);
  for (const BufferDecl& buffer : program_.buffers) {
    const std::uint64_t stride = element_stride(program_, buffer.element);
    if (stride > kMaxElementBytes) {
      return beyond(
          message("the bytes of an element of buffer '{}' are", program_.name(buffer.name)), stride,
          kMaxElementBytes);
    }
  }
  return {};
}

core::Image ProgramLowering::describe() const {
  core::Image image;
  image.workgroup = program_.workgroup;
  image.flat = flat_;
  image.loops = loops_ || facts_.uses_async;
  image.diverges = diverges_;
  image.uses_async = facts_.uses_async;
  image.mask_count = mask_depth_max_ + 1;
  for (const BufferDecl& buffer : program_.buffers) {
    const TypeTag tag = program_.types[buffer.element].tag;
    const auto stride = static_cast<std::uint32_t>(element_stride(program_, buffer.element));
    const bool nibbles = tag == TypeTag::I4 || tag == TypeTag::FP4 || tag == TypeTag::NF4;
    core::BufferFacts facts{stride, nibbles ? 4u : stride * 8u, 0, 0};
    if (role_of(buffer) == BufferRole::workgroup) {
      const auto bytes = required_bytes(program_, buffer).value_or(0);
      facts.workgroup_bytes = static_cast<std::uint32_t>(bytes);
      facts.is_workgroup = 1;
      image.workgroup_bytes += (bytes + 15) / 16 * 16;
    }
    image.buffers.push_back(facts);
    image.buffer_names.push_back(program_.name(buffer.name));
  }
  return image;
}

Result<core::Image> ProgramLowering::run() {
  if (is_over(interrupt_)) return given_up("lowered");
  if (!facts_.settled) {
    return fail(Errc::unsupported,
                "the kinds of the program's variables do not settle; give each variable one type");
  }
  VYRE_TRY(check_widths());
  std::uint64_t lanes = 1;
  for (const std::uint32_t size : program_.workgroup) {
    if (lanes <= kMaxWorkgroupLanes) lanes *= size;  // one factor more cannot overflow
  }
  if (lanes == 0 || lanes > kMaxWorkgroupLanes) {
    return fail(Errc::limit_exceeded,
                message("a workgroup of {} lanes; the limit is {}", lanes, kMaxWorkgroupLanes));
  }
  std::uint64_t workgroup_bytes = 0;
  for (const BufferDecl& buffer : program_.buffers) {
    if (role_of(buffer) == BufferRole::workgroup) {
      VYRE_ASSIGN(const std::uint64_t bytes, required_bytes(program_, buffer));
      workgroup_bytes += std::min(bytes, kMaxWorkgroupBytes + 1);
      if (workgroup_bytes > kMaxWorkgroupBytes) {
        return fail(
            Errc::limit_exceeded,
            message("the program's workgroup memory is above {} bytes", kMaxWorkgroupBytes));
      }
    }
  }
  list(program_.entry);
  const std::uint32_t end = out_.position();
  for (const std::uint32_t at : final_leaves_) out_.patch(at, end);
  out_.emit({core::Opcode::end, 0, 0, 0, 0, 0, 0, 0});
  auto image = out_.finish(describe());
  if (image && out_.optimise()) {
    find_access_facts(*image);
    find_byte_runs(*image);
  }
  return image;
}

}  // namespace lowering

Result<core::Image> lower(const Program& program, const LowerOptions& options) {
  lowering::ProgramLowering lowering(program, options);
  auto image = lowering.run();
  if (!image && options.refused_at != nullptr) *options.refused_at = lowering.refused_at();
  return image;
}

}  // namespace vyre::vir
