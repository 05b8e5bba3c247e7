// Laying a program out for the device. See programs.hpp.
#include "programs.hpp"

#include <cstring>
#include <string>

#include "base/message.hpp"
#include "core/image.hpp"
#include "cuda/megakernel/compiled_form.hpp"

namespace vyre::cuda {
namespace {

using megakernel::CompiledForm;
using megakernel::DeviceProgram;
using megakernel::ProgramBuffer;

constexpr std::uint64_t kAlign{16};

/// Offsets of the arrays in the block, in the order in which they lie there.
struct Parts {
  std::uint64_t code;
  std::uint64_t statements;
  std::uint64_t constants;
  std::uint64_t facts;
  std::uint64_t buffers;
  std::uint64_t member_ops;
  std::uint64_t bytes;
};

Parts parts_of(const backend::ProgramOp& program, const backend::FusedProgram* fused) {
  const core::Image& image = *program.image;
  Parts parts{};
  std::uint64_t at = sizeof(DeviceProgram) + sizeof(CompiledForm);
  const auto place = [&at](std::uint64_t bytes) {
    at = (at + kAlign - 1) / kAlign * kAlign;
    const std::uint64_t here = at;
    at += bytes;
    return here;
  };
  parts.code = place(image.code.size() * sizeof(core::Instruction));
  parts.statements = place(image.statements.size() * sizeof(std::uint32_t));
  parts.constants = place(image.constants.size() * sizeof(std::uint32_t));
  parts.facts = place(image.buffers.size() * sizeof(core::BufferFacts));
  parts.buffers = place(program.buffers.size() * sizeof(ProgramBuffer));
  if (fused != nullptr) parts.member_ops = place(fused->ops.size() * sizeof(std::uint32_t));
  parts.bytes = (at + kAlign - 1) / kAlign * kAlign;
  return parts;
}

template <class T>
const T* address(std::uint64_t base, std::uint64_t offset) {
  return reinterpret_cast<const T*>(static_cast<std::uintptr_t>(base + offset));
}

template <class T>
void put(Bytes& block, std::uint64_t at, const T* from, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (count != 0) std::memcpy(block.data() + at, from, count * sizeof(T));
}

}  // namespace

Result<std::uint64_t> program_block_bytes(const backend::ProgramOp& program,
                                          const backend::FusedProgram* fused) {
  if (program.buffers.size() > megakernel::kMaxDeviceBuffers) {
    return fail(Errc::limit_exceeded,
                message("program '{}' declares {} buffers, the device binds {} "
                        "(kMaxDeviceBuffers); merge buffers or use the cpu backend",
                        program.name, program.buffers.size(), megakernel::kMaxDeviceBuffers));
  }
  if (!program.image || program.image->buffers.size() != program.buffers.size() ||
      program.grid_buffers.size() != program.buffers.size() ||
      program.image->statements.size() != program.image->code.size()) {
    return fail(Errc::internal,
                message("program '{}' has an image that does not fit its buffers", program.name));
  }
  return parts_of(program, fused).bytes;
}

Bytes program_block(const backend::ProgramOp& program, std::uint64_t base,
                    const backend::FusedProgram* fused, std::uint64_t compiled) {
  const core::Image& image = *program.image;
  const Parts parts = parts_of(program, fused);
  Bytes block(parts.bytes, 0);

  DeviceProgram header{};
  header.image = image.view();
  header.image.code = address<core::Instruction>(base, parts.code);
  header.image.statements = address<std::uint32_t>(base, parts.statements);
  header.image.constants = address<std::uint32_t>(base, parts.constants);
  header.image.buffers = address<core::BufferFacts>(base, parts.facts);
  header.rule = program.grid_rule;
  header.buffers = address<ProgramBuffer>(base, parts.buffers);
  header.workgroup_bytes = image.workgroup_bytes;
  header.steps = 0;
  header.uses_async = image.uses_async ? 1 : 0;
  header.diverges = image.diverges ? 1 : 0;
  if (fused != nullptr) {
    header.members = static_cast<std::uint32_t>(fused->ops.size());
    header.member_ops = address<std::uint32_t>(base, parts.member_ops);
    put(block, parts.member_ops, fused->ops.data(), fused->ops.size());
  }
  put(block, 0, &header, 1);
  const CompiledForm form{compiled, 0, 0, 0};
  put(block, sizeof(DeviceProgram), &form, 1);

  put(block, parts.code, image.code.data(), image.code.size());
  put(block, parts.statements, image.statements.data(), image.statements.size());
  put(block, parts.constants, image.constants.data(), image.constants.size());
  put(block, parts.facts, image.buffers.data(), image.buffers.size());
  for (std::size_t i = 0; i < program.buffers.size(); ++i) {
    const bool unzeroed = fused != nullptr && fused->unzeroed[i];
    const ProgramBuffer buffer{program.buffers[i].min_bytes, program.buffers[i].role,
                               program.grid_buffers[i],
                               (program.buffers[i].only_async ? megakernel::kOnlyAsync : 0u) |
                                   (unzeroed ? megakernel::kUnzeroed : 0u)};
    put(block, parts.buffers + i * sizeof(ProgramBuffer), &buffer, 1);
  }
  return block;
}

Status fits_scratch(const Door& door, const Reservation& reserved,
                    const backend::ProgramOp& program) {
  const core::Image& image = *program.image;
  const std::uint64_t scratch = door.scratch_needed(
      image.view(), image.workgroup_bytes, image.uses_async, reserved.facts.warp_shared_bytes);
  if (scratch <= reserved.program_scratch_bytes) return {};
  return fail(Errc::limit_exceeded,
              message("program '{}' needs {} bytes of scratch for each warp (registers, masks and "
                      "workgroup memory of a workgroup of {} lanes), {} are there; use a larger "
                      "DeviceOptions::scratch_bytes, smaller workgroups, or the cpu backend",
                      program.name, scratch, image.lanes(), reserved.program_scratch_bytes));
}

}  // namespace vyre::cuda
