#include "runs.hpp"

#include <algorithm>

#include "operands.hpp"

namespace vyre::jit {

using core::Instruction;
using core::Opcode;

namespace {

class Cutter {
 public:
  Cutter(const core::Image& image, const Analysis& analysis)
      : image_(image),
        analysis_(analysis),
        carried_(image.vector_registers, false),
        touched_(image.vector_registers, 0),
        written_(image.vector_registers, 0) {}

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

  /// Marks what the run reads before it has written it on every lane.
  void expose(const Run& run) {
    ++stamp_;
    std::uint32_t inside = 0;  // the end of the outermost construct around the instruction
    for (std::uint32_t at = run.from; at < run.to; ++at) {
      const Instruction& i = image_.code[at];
      each_read(image_, i, [&](bool scalar, std::uint32_t r) {
        if (!scalar && written_[r] != stamp_) carried_[r] = true;
      });
      if (at >= inside) {
        if (const auto c = construct_at(image_, at)) inside = c->next;
      }
      if (at < inside) continue;
      each_write(image_, i, [&](bool scalar, std::uint32_t r) {
        if (!scalar) written_[r] = stamp_;
      });
    }
  }

  void carry(Run& run) {
    ++stamp_;
    const auto once = [&](std::vector<std::uint32_t>& stamps, std::uint32_t r,
                          std::vector<std::uint32_t>& to) {
      if (!carried_[r] || stamps[r] == stamp_) return;
      stamps[r] = stamp_;
      to.push_back(r);
    };
    for (std::uint32_t at = run.from; at < run.to; ++at) {
      const Instruction& i = image_.code[at];
      each_read(image_, i, [&](bool scalar, std::uint32_t r) {
        if (!scalar) once(touched_, r, run.loads);
      });
      each_write(image_, i, [&](bool scalar, std::uint32_t r) {
        if (scalar) return;
        once(touched_, r, run.loads);
        once(written_, r, run.stores);
      });
    }
  }

  const core::Image& image_;
  const Analysis& analysis_;
  std::vector<bool> carried_;
  // By register: the number of the walk over a run that has come across it.
  std::vector<std::uint32_t> touched_;
  std::vector<std::uint32_t> written_;
  std::uint32_t stamp_{0};
  std::uint32_t open_{kNowhere};
  Runs out_;
};

}  // namespace

Runs find_runs(const core::Image& image, const Analysis& analysis) {
  return Cutter(image, analysis).cut();
}

}  // namespace vyre::jit
