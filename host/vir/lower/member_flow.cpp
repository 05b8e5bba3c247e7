// See member_flow.hpp.
#include "member_flow.hpp"

#include <algorithm>

#include "vir/lower/opcode_facts.hpp"

namespace vyre::vir::lowering {
namespace {

using core::Instruction;
using core::Opcode;

/// How far an answer is looked for.
constexpr std::uint32_t kLookAhead{64};

/// The vector register that an instruction writes; a wider value begins there.
std::optional<std::uint16_t> written_by(const Instruction& i) noexcept {
  if (i.op == Opcode::loop_next_v) return i.a;  // the counter
  if (!has_result(i.op) || (i.form & core::kScalarResult) != 0) return std::nullopt;
  return i.dst;
}

/// Whether the next instruction in the code is the only one that may come next.
bool goes_on(const Instruction& i) noexcept {
  return facts_of(i.op).shape != Shape::flow || i.op == Opcode::id_guard || i.op == Opcode::poll;
}

}  // namespace

MemberFlow::MemberFlow(const core::Image& image)
    : image_(image),
      straight_end_(static_cast<std::uint32_t>(image.code.size())),
      joins_(image.code.size() + 1, false),
      writes_(image.vector_registers) {
  for (std::uint32_t at = 0; at < image.code.size(); ++at) {
    const Instruction& i = image.code[at];
    if (core::has_target(i.op)) joins_[i.imm] = true;
    if (!goes_on(i)) {
      joins_[at + 1] = true;
      straight_end_ = std::min(straight_end_, at);
    }
    if (const auto reg = written_by(i)) {
      Writes& of = writes_[*reg];
      ++of.count;
      of.last = at;
    }
  }
  for (std::uint32_t at = image.once_count; is_straight(at) && !lane_id_; ++at) {
    const Instruction& i = image.code[at];
    if (is_lane_id(i) && writes_[i.dst].count == 1) lane_id_ = i.dst;
  }
}

bool MemberFlow::writes(std::uint32_t at, std::uint16_t reg) const noexcept {
  return written_by(image_.code[at]) == reg;
}

std::optional<std::uint32_t> MemberFlow::last_read(std::uint32_t at, std::uint16_t reg) const {
  const auto end = static_cast<std::uint32_t>(image_.code.size());
  if (is_straight(at) && writes_[reg].last == at) return end;
  for (std::uint32_t next = at + 1; next < std::min(end, at + kLookAhead); ++next) {
    if (joins_[next]) return std::nullopt;
    if (writes(next, reg))
      return writes_all(image_.code[next]) ? std::optional(next) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> MemberFlow::set_by(std::uint32_t at, std::uint16_t reg) const {
  if (!is_straight(at)) return std::nullopt;
  const std::uint32_t first = std::max(image_.once_count, at - std::min(at, kLookAhead));
  for (std::uint32_t before = at; before-- > first;) {
    if (!writes(before, reg)) continue;
    return writes_all(image_.code[before]) ? std::optional(before) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace vyre::vir::lowering
