// Making a program ready to be an op: it is checked and lowered once, and what a caller has to bind
// is written down. See op_table.hpp.
#include <utility>

#include "core/image.hpp"
#include "op_table.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::runtime {
namespace {

/// What the session keeps of a program, near enough: names, and pools of fixed width.
std::uint64_t host_bytes(const vir::Program& program) {
  std::uint64_t bytes =
      program.payloads.size() + program.exprs.size() * sizeof(vir::Expr) +
      program.nodes.size() * sizeof(vir::Node) +
      program.buffers.size() * (sizeof(vir::BufferDecl) + sizeof(OpSignature::Buffer)) +
      4 * (program.node_lists.size() + program.expr_lists.size());
  for (const std::string& name : program.names) bytes += name.size();
  return bytes;
}

std::uint64_t host_bytes(const core::Image& image) {
  return image.code.size() * (sizeof(core::Instruction) + 4) + image.constants.size() * 4 +
         image.buffers.size() * sizeof(core::BufferFacts);
}

/// Buffers by role, and what a caller has to bind.
Status describe(const vir::Program& program, backend::ProgramOp& op, OpSignature& signature,
                std::vector<FileNeed>& needs) {
  const std::vector<vir::BufferReach> reach = vir::buffer_reach(program);
  for (std::size_t i = 0; i < program.buffers.size(); ++i) {
    const vir::BufferDecl& buffer = program.buffers[i];
    const vir::BufferRole role = vir::role_of(buffer);
    VYRE_ASSIGN(const std::uint64_t bytes, vir::required_bytes(program, buffer));
    const bool only_async = role == vir::BufferRole::read && !reach[i].plain;
    op.buffers.push_back({role, only_async, bytes});
    if (vir::takes_input(role)) needs.push_back({!only_async, only_async && reach[i].copied_from});
    OpSignature::Buffer entry{program.name(buffer.name), bytes, role == vir::BufferRole::read_write,
                              buffer.output_byte_range};
    if (vir::takes_input(role))
      signature.inputs.push_back(std::move(entry));
    else if (role == vir::BufferRole::allocated)
      signature.outputs.push_back(std::move(entry));
  }
  return {};
}

}  // namespace

Result<PreparedOp> prepare_op(std::string_view name, const vir::Program& given,
                              const CopyUntil& until) {
  if (name.empty()) return fail(Errc::invalid_argument, "an op needs a name");
  const auto over = [&until] { return until.told_to_stop() || Clock::now() >= until.deadline; };
  if (over()) {
    return fail(Errc::deadline_exceeded,
                "the deadline was over before the program could be made ready; allow more time");
  }
  Interrupt interrupt(over);
  VYRE_ASSIGN(vir::Program program, vir::prepare(given, &interrupt));
  VYRE_TRY(vir::validate(program, &interrupt));
  PreparedOp prepared;
  prepared.info.name = std::string(name);
  auto print = vir::fingerprint(given, vir::Profile::v4_0_6_3, &interrupt);
  if (print) prepared.info.fingerprint = *print;

  backend::ProgramOp& op = prepared.op;
  op.name = prepared.info.name;
  VYRE_TRY(describe(program, op, prepared.info.signature, prepared.file_needs));
  VYRE_ASSIGN(core::Image image, vir::lower(program, {.interrupt = &interrupt}));
  op.image = std::make_shared<const core::Image>(std::move(image));
  VYRE_ASSIGN(vir::GridPlan grid, vir::grid_rule(program));
  op.grid_rule = grid.rule;
  op.grid_buffers = std::move(grid.buffers);
  prepared.fusion = fusion_facts(program, op);
  prepared.host_bytes = host_bytes(given) + host_bytes(*op.image);
  return prepared;
}

}  // namespace vyre::runtime
