// The readable form of an image: one instruction a line, targets and buffers by name.
#include <string>

#include "base/message.hpp"
#include "protocol/completion.hpp"
#include "vir/lower/lower.hpp"
#include "vir/lower/opcode_facts.hpp"

namespace vyre::vir {
namespace {

using core::Instruction;
using core::Opcode;

std::string operand(const core::Image& image, bool scalar, std::uint32_t reg) {
  if (!scalar) return message("v{}", reg);
  if (reg >= image.constants.size()) return message("s{}", reg);
  return message("#{}", image.constants[reg]);
}

std::string line(const core::Image& image, std::size_t at) {
  const Instruction& i = image.code[at];
  const lowering::OpcodeFacts facts = lowering::facts_of(i.op);
  std::string text = facts.name;
  text.append(text.size() < 16 ? 16 - text.size() : 1, ' ');
  const std::uint32_t sources[3] = {i.a, i.b, i.c};
  const unsigned count = i.op == Opcode::atomic && i.aux != static_cast<std::uint8_t>(
                                                                core::AtomicCode::compare_exchange)
                             ? 2
                             : facts.sources;
  bool first = true;
  const auto add = [&](const std::string& word) {
    text += (first ? "" : ", ") + word;
    first = false;
  };
  if (lowering::has_result(i.op)) add(operand(image, (i.form & core::kScalarResult) != 0, i.dst));
  for (unsigned k = 0; k < count; ++k) add(operand(image, (i.form >> k & 1) != 0, sources[k]));
  if (facts.shape == lowering::Shape::memory) {
    const bool copy = i.op == Opcode::async_load || i.op == Opcode::async_store;
    if (i.op != Opcode::async_wait)
      add(message("[{}]", image.buffer_names[copy ? i.imm & 0xFFFFu : i.imm]));
    if (copy) add(message("[{}]", image.buffer_names[i.imm >> 16]));
    if (copy || i.op == Opcode::async_wait) add(message("tag {}", i.c));
    if (i.op == Opcode::store_n || i.op == Opcode::store_bytes) add(message("words {}", i.c));
  }
  if (i.op == Opcode::fmul_add_chain) {
    add(operand(image, true, i.imm & 0xFFFFu));
    if (i.aux == 3) add(operand(image, true, i.imm >> 16));
  }
  if (i.aux != 0) add(message("aux {}", i.aux));
  if (i.op == Opcode::atomic && (i.form & core::kOldUnread) != 0) add("old unread");
  if (core::has_target(i.op)) add(message("-> {}", i.imm));
  return text;
}

}  // namespace

std::string disassemble_image(const core::Image& image) {
  std::string out = message("; registers {} vector, {} scalar ({} constant), masks {}{}{}\n",
                            image.vector_registers, image.scalar_registers, image.constants.size(),
                            image.mask_count, image.flat ? ", flat" : ", grouped",
                            image.diverges ? ", diverging loops" : "");
  for (std::size_t at = 0; at < image.code.size(); ++at) {
    std::string number = std::to_string(at);
    number.insert(0, number.size() < 5 ? 5 - number.size() : 0, ' ');
    out += message("{}  {}", number, line(image, at));
    const bool new_statement = at == 0 || image.statements[at] != image.statements[at - 1];
    if (new_statement) out += message("  ; statement {}", image.statements[at]);
    out += '\n';
  }
  return out;
}

}  // namespace vyre::vir
