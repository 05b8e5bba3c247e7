#include "access_facts.hpp"

#include <algorithm>
#include <vector>

#include "vir/lower/opcode_facts.hpp"

namespace vyre::vir::lowering {
namespace {

using core::Image;
using core::Instruction;
using core::kScalarA;
using core::kScalarB;
using core::kScalarResult;
using core::Opcode;

bool has_vector_result(const Instruction& i) {
  return has_result(i.op) && (i.form & kScalarResult) == 0;
}

/// Whether the instruction gives the place of the lane in a row of lanes that go up by one.
bool is_place(const Image& image, const Instruction& i) {
  return is_lane_id(i) ||
         (i.op == Opcode::local_id && i.aux == 0 && !image.flat && (i.form & kScalarResult) == 0);
}

/// Instructions at which control may arrive from elsewhere.
std::vector<bool> targets_of(const Image& image) {
  std::vector<bool> targets(image.code.size() + 1, false);
  for (const Instruction& i : image.code) {
    if (core::has_target(i.op)) targets[i.imm] = true;
  }
  return targets;
}

/// Follows which vector registers go up by one from lane to lane, in straight code.
class Rising {
 public:
  explicit Rising(const Image& image) : rising_(image.vector_registers, false) {
    // Registers that an id is put into and that nothing else writes rise everywhere.
    std::vector<std::uint32_t> writers(image.vector_registers, 0);
    std::vector<std::uint16_t> ids;
    for (const Instruction& i : image.code) {
      each_written(i, [&](std::uint32_t r) {
        if (r < writers.size()) ++writers[r];
      });
      if (is_place(image, i)) ids.push_back(i.dst);
    }
    for (const std::uint16_t r : ids) {
      if (writers[r] == 1) ids_.push_back(r);
    }
    forget();
  }

  void forget() {
    std::fill(rising_.begin(), rising_.end(), false);
    for (const std::uint16_t r : ids_) rising_[r] = true;
  }
  [[nodiscard]] bool operator[](std::uint16_t r) const { return rising_[r]; }

  void pass(const Instruction& i) {
    const bool result = keeps(i);
    each_written(i, [&](std::uint32_t r) {
      if (r < rising_.size()) rising_[r] = false;
    });
    if (result) rising_[i.dst] = true;
  }

 private:
  template <class F>
  static void each_written(const Instruction& i, const F& f) {
    if (i.op == Opcode::loop_next_v) return f(i.a);
    if (!has_vector_result(i)) return;
    constexpr std::uint32_t kMostWords{16};  // of an element
    const Shape shape = facts_of(i.op).shape;
    std::uint32_t words = shape == Shape::pure64 || shape == Shape::checked ? 2 : 1;
    if (i.op == Opcode::assign) words = i.aux;
    if (i.op == Opcode::load_n) words = kMostWords;
    for (std::uint32_t w = 0; w < words; ++w) f(i.dst + w);
  }

  [[nodiscard]] bool keeps(const Instruction& i) const {
    if (!has_vector_result(i)) return false;
    const unsigned scalars = i.form & 7u;
    switch (i.op) {
      case Opcode::mov:
        return scalars == 0 && rising_[i.a];
      case Opcode::add:
        return (scalars == kScalarB && rising_[i.a]) || (scalars == kScalarA && rising_[i.b]);
      case Opcode::sub:
        return scalars == kScalarB && rising_[i.a];
      case Opcode::mul_add:
      case Opcode::shl_add:
        return scalars == (kScalarA | kScalarB) && rising_[i.c];
      default:
        return false;
    }
  }

  std::vector<bool> rising_;
  std::vector<std::uint16_t> ids_;
};

bool is_plain_access(Opcode op) {
  return (is_load(op) && op != Opcode::load_n) || op == Opcode::store32 || op == Opcode::store_f32;
}

void mark_runs(Image& image) {
  const std::vector<bool> targets = targets_of(image);
  Rising rising(image);
  for (std::size_t at = 0; at < image.code.size(); ++at) {
    if (targets[at]) rising.forget();
    Instruction& i = image.code[at];
    if (is_plain_access(i.op) && i.aux == 0 && (i.form & kScalarA) == 0 && rising[i.a])
      i.aux = core::kIndexIsRun;
    rising.pass(i);
  }
}

/// A program may begin with a branch on scalars that leads to its end.
void find_idle_way(Image& image) {
  if (image.flat) return;
  const auto begin = image.code.begin() + image.once_count;
  const auto branch = std::find_if(
      begin, image.code.end(), [](const Instruction& i) { return i.op == Opcode::jump_if_zero; });
  if (branch == image.code.end() || image.code[branch->imm].op != Opcode::end) return;
  const auto waits = [&](const Instruction& i) { return is_place(image, i); };
  const bool scalars = std::all_of(begin, branch, [&](const Instruction& i) {
    const Shape shape = facts_of(i.op).shape;
    return waits(i) || i.op == Opcode::uniform_check ||
           ((i.form & kScalarResult) != 0 && (shape == Shape::pure || shape == Shape::move));
  });
  const std::vector<bool> targets = targets_of(image);
  const auto first = static_cast<std::ptrdiff_t>(image.once_count);
  const auto last = branch - image.code.begin();
  if (!scalars || std::any_of(targets.begin() + first, targets.begin() + last + 2,
                              [](bool target) { return target; })) {
    return;
  }
  std::vector<Instruction> ids;
  std::vector<std::uint32_t> statements;
  std::vector<Instruction> kept;
  std::vector<std::uint32_t> statements_kept;
  for (std::ptrdiff_t at = first; at <= last; ++at) {
    const auto place = static_cast<std::size_t>(at);
    const bool later = waits(image.code[place]);
    (later ? ids : kept).push_back(image.code[place]);
    (later ? statements : statements_kept).push_back(image.statements[place]);
  }
  kept.insert(kept.end(), ids.begin(), ids.end());
  statements_kept.insert(statements_kept.end(), statements.begin(), statements.end());
  std::copy(kept.begin(), kept.end(), begin);
  std::copy(statements_kept.begin(), statements_kept.end(), image.statements.begin() + first);
  // These, the branch and the end. Where loads are among them, of constant memory or not, nothing
  // was written.
  image.idle_instructions = static_cast<std::uint32_t>(kept.size() - ids.size()) + 1;
}

void find_byte_reads(Image& image) {
  std::vector<bool> read(image.buffers.size(), false);
  std::vector<bool> written(image.buffers.size(), false);
  for (const Instruction& i : image.code) {
    if (i.op == Opcode::load8 && i.aux == 0 && (i.form & kScalarA) == 0) read[i.imm] = true;
    if (is_store(i.op) || i.op == Opcode::atomic) written[i.imm] = true;
    if (i.op == Opcode::async_load || i.op == Opcode::async_store) written[i.imm >> 16] = true;
  }
  for (std::uint32_t b = 0; b < read.size(); ++b) {
    if (read[b] && !written[b]) image.read_bytewise.push_back(b);
    if (written[b]) image.written.push_back(b);
  }
}

}  // namespace

void find_access_facts(Image& image) {
  mark_runs(image);
  find_idle_way(image);
  if (image.loops) find_byte_reads(image);
}

}  // namespace vyre::vir::lowering
