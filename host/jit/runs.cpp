#include "runs.hpp"

#include <algorithm>

#include "vir/lower/opcode_facts.hpp"

namespace vyre::jit {

using core::Instruction;
using core::kScalarResult;
using core::Opcode;
using vir::lowering::Shape;

namespace {

/// Registers from an operand on that the instruction may read. More than it reads is right too.
std::uint32_t operand_words(const Instruction& i, unsigned which) {
  const Shape shape = vir::lowering::facts_of(i.op).shape;
  if (i.op == Opcode::assign) return i.aux;
  if (i.op == Opcode::store_n && which == 1) return i.c;
  if (i.op == Opcode::store_bytes && which == 1) return (i.c + 3u) / 4u;
  return shape == Shape::pure64 || shape == Shape::checked ? 2 : 1;
}

class Cutter {
 public:
  Cutter(const core::Image& image, const Analysis& analysis)
      : image_(image), analysis_(analysis), carried_(image.vector_registers, false) {}

  Runs cut() {
    list(image_.once_count, static_cast<std::uint32_t>(image_.code.size()));
    close(static_cast<std::uint32_t>(image_.code.size()));
    for (Run& run : out_.list) expose(run);
    for (Run& run : out_.list) carry(run);
    for (std::uint32_t r = 0; r < carried_.size(); ++r) {
      if (carried_[r]) out_.carried.push_back(r);
    }
    return std::move(out_);
  }

 private:
  void list(std::uint32_t from, std::uint32_t to) {
    while (from < to) {
      const auto c = construct_at(image_, from);
      if (image_.code[from].op == Opcode::barrier) {
        close(from++);
      } else if (!c || !is_between(analysis_, *c)) {
        if (open_ == kNowhere) open_ = from;
        from = c ? c->next : from + 1;
      } else {
        close(from);
        list(c->begin + 1, c->body_end());
        close(c->body_end());
        if (c->middle != kNowhere) {
          list(c->middle + 1, c->end);
          close(c->end);
        }
        from = c->next;
      }
    }
  }

  void close(std::uint32_t at) {
    if (open_ != kNowhere) out_.list.push_back({open_, at, {}, {}});
    open_ = kNowhere;
  }

  template <class F>
  void each_read(const Instruction& i, F f) const {
    const std::uint16_t registers[3] = {i.a, i.b, i.c};
    for (unsigned k = 0; k < vir::lowering::facts_of(i.op).sources; ++k) {
      if ((i.form >> k & 1) != 0 || i.op == Opcode::loop_enter_s || i.op == Opcode::loop_next_s)
        continue;
      const std::uint32_t end =
          std::min(registers[k] + operand_words(i, k), image_.vector_registers);
      for (std::uint32_t r = registers[k]; r < end; ++r) f(r);
    }
  }
  template <class F>
  void each_write(const Instruction& i, F f) const {
    if (i.op == Opcode::loop_next_v) f(i.a);
    if ((i.form & kScalarResult) != 0) return;
    for (std::uint32_t k = 0; k < vir::lowering::result_words(image_, i); ++k) f(i.dst + k);
  }

  /// Marks what the run reads before it has written it on every lane.
  void expose(const Run& run) {
    std::vector<bool> written(image_.vector_registers, false);
    std::uint32_t inside = 0;  // the end of the outermost construct around the instruction
    for (std::uint32_t at = run.from; at < run.to; ++at) {
      const Instruction& i = image_.code[at];
      each_read(i, [&](std::uint32_t r) { carried_[r] = carried_[r] || !written[r]; });
      if (at >= inside) {
        if (const auto c = construct_at(image_, at)) inside = c->next;
      }
      if (at < inside) continue;
      each_write(i, [&](std::uint32_t r) { written[r] = true; });
    }
  }

  void carry(Run& run) const {
    std::vector<bool> touched(image_.vector_registers, false);
    std::vector<bool> written(image_.vector_registers, false);
    for (std::uint32_t at = run.from; at < run.to; ++at) {
      const Instruction& i = image_.code[at];
      each_read(i, [&](std::uint32_t r) { touched[r] = true; });
      each_write(i, [&](std::uint32_t r) { touched[r] = written[r] = true; });
    }
    for (std::uint32_t r = 0; r < carried_.size(); ++r) {
      if (carried_[r] && touched[r]) run.loads.push_back(r);
      if (carried_[r] && written[r]) run.stores.push_back(r);
    }
  }

  const core::Image& image_;
  const Analysis& analysis_;
  std::vector<bool> carried_;
  std::uint32_t open_{kNowhere};
  Runs out_;
};

}  // namespace

Runs find_runs(const core::Image& image, const Analysis& analysis) {
  return Cutter(image, analysis).cut();
}

}  // namespace vyre::jit
