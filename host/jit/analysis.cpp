#include "analysis.hpp"

#include <algorithm>
#include <utility>

#include "base/message.hpp"
#include "foresight.hpp"
#include "protocol/fault_names.hpp"
#include "vir/lower/opcode_facts.hpp"

namespace vyre::jit {

using core::Instruction;
using core::kScalarA;
using core::Opcode;
using vir::lowering::Shape;

namespace {

/// A loop that turns at most so often has a bound; a greater one is as good as none.
constexpr std::uint32_t kFewTrips{1u << 16};
/// So many turns a lane are over before a look at the stop word would have come.
constexpr std::uint64_t kUnpolledTurns{256};

/// Copies that a lane has under way: bounds the work of looking for them.
constexpr std::size_t kMostOpenCopies{64};

constexpr bool is_copy(Opcode op) {
  return op == Opcode::async_load || op == Opcode::async_store;
}

/// Turns of the loops in [from, to), at the most, for a lane.
std::uint64_t turns_of(const core::Image& image, const Ranges& ranges, std::uint32_t from,
                       std::uint32_t to) {
  constexpr std::uint64_t kMany{std::uint64_t{1} << 40};
  std::uint64_t sum = 0;
  while (from < to) {
    const auto c = construct_at(image, from);
    if (!c) {
      ++from;
      continue;
    }
    std::uint64_t inside = turns_of(image, ranges, c->begin + 1, c->end);
    if (c->loop) inside = std::min(ranges.trips[c->begin].most * (inside + 1), kMany);
    sum = std::min(sum + inside, kMany);
    from = c->next;
  }
  return sum;
}

}  // namespace

bool Analysis::is_bounded(std::uint32_t loop) const {
  return ranges.trips[loop].most <= kFewTrips;
}

Analysis::Analysis(const core::Image& image)
    : ranges(find_ranges(image)),
      grouped(!image.flat),
      slices((image.lanes() + 31) / 32),
      image_(image),
      may_fail_(image.code.size(), false) {
  const auto count = static_cast<std::uint32_t>(image.code.size());
  for (const Instruction& i : image.code) {
    meets = meets || (core::is_meeting(i.op) && i.op != Opcode::barrier);
  }
  list(0, count, false, false);
  counted = !open_loops_.empty();
  const std::uint64_t turns = turns_of(image, ranges, 0, count);
  if (all_bounded_) most_turns = turns;
  polled = turns > kUnpolledTurns;
  if (image.uses_async) find_copies();
  barriers_.assign(count + 1, 0);
  ends_.assign(count + 1, 0);
  for (std::uint32_t at = 0; at < count; ++at) {
    const Opcode op = image.code[at].op;
    const bool loop = op == Opcode::loop_enter_s || op == Opcode::loop_enter_v;
    const bool copies_bytes = op == Opcode::async_wait || is_copy(op);
    const bool ends = op == Opcode::leave || may_fail_[at] || (loop && polled) || copies_bytes;
    barriers_[at + 1] = barriers_[at] + (op == Opcode::barrier ? 1 : 0);
    ends_[at + 1] = ends_[at] + (ends ? 1 : 0);
  }
  decide();
}

void Analysis::refuse(std::uint32_t at, std::string why) {
  verdict.kind = Class::c;
  note(at, std::move(why));
}

void Analysis::list(std::uint32_t from, std::uint32_t to, bool in_lanes, bool in_loop) {
  while (from < to) {
    const auto c = construct_at(image_, from);
    if (!c) {
      instruction(from, in_lanes, in_loop);
      ++from;
      continue;
    }
    if (c->loop) look_at_loop(from);
    list(c->begin + 1, c->body_end(), in_lanes || c->lanes, in_loop || c->loop);
    if (c->middle != kNowhere) list(c->middle + 1, c->end, in_lanes || c->lanes, in_loop);
    from = c->next;
  }
}

void Analysis::look_at_loop(std::uint32_t at) {
  if (is_bounded(at)) return;
  all_bounded_ = false;
  if (ranges.trips[at].end_register != kNowhere) return;
  open_loops_.push_back(
      {image_.statements[at], "how often the loop turns is not known before it runs"});
}

void Analysis::instruction(std::uint32_t at, bool in_lanes, bool in_loop) {
  const Instruction& i = image_.code[at];
  const auto fault = [&](std::string what) {
    may_fail_[at] = true;
    faults_.push_back({image_.statements[at], std::move(what)});
  };
  const auto code = [&] { return std::string(fault_name(static_cast<FaultCode>(i.aux))); };
  if (i.op == Opcode::fault) {
    fault(message("faults with {}", code()));
  } else if (vir::lowering::facts_of(i.op).shape == Shape::checked && !ranges.safe[at]) {
    const bool division = i.op == Opcode::idiv || i.op == Opcode::imod;
    fault(message("may fault with {}", division ? "an i32 division" : code()));
  } else if (i.op == Opcode::rejoin) {
    refuse(at, "the image is fused of several programs");
  } else if (i.op == Opcode::barrier && in_lanes) {
    refuse(at, "a barrier stands in a branch or loop that lanes decide for themselves");
  } else if (i.op == Opcode::uniform_check && (in_lanes || (i.form & kScalarA) == 0)) {
    refuse(at, "a barrier depends on a condition that is computed lane by lane");
  } else if (i.op == Opcode::uniform_check && in_loop) {
    fault("may fault with divergent_barrier");
  }
}

bool Analysis::names(std::uint32_t from, std::uint32_t to, std::uint32_t buffer) const {
  for (; from < to; ++from) {
    const Instruction& i = image_.code[from];
    const bool copies_bytes = is_copy(i.op);
    const bool accesses =
        vir::lowering::is_load(i.op) || vir::lowering::is_store(i.op) || i.op == Opcode::atomic;
    if (accesses && i.imm == buffer) return true;
    if (copies_bytes && ((i.imm & 0xFFFFu) == buffer || i.imm >> 16 == buffer)) return true;
  }
  return false;
}

/// A copy is done where it is waited for if nothing writes the source, or where it is started if
/// nothing names the destination before the wait. Either is right if the same lanes come to both,
/// once each.
void Analysis::find_copies() {
  std::vector<bool> written(image_.buffers.size(), false);
  for (const Instruction& i : image_.code) {
    if (vir::lowering::is_store(i.op) || i.op == Opcode::atomic) written[i.imm] = true;
    if (is_copy(i.op)) written[i.imm >> 16] = true;
  }
  std::vector<std::uint32_t> open;  // starts that are not waited for yet, in this straight code
  for (std::uint32_t at = 0; at < image_.code.size(); ++at) {
    const Instruction& i = image_.code[at];
    const auto same_tag = [&](std::uint32_t start) { return image_.code[start].c == i.c; };
    if (is_copy(i.op)) {
      if (i.c >= copies.size()) copies.resize(i.c + 1u);
      if (copies[i.c].start != kNowhere) return refuse(at, "a tag is used for several copies");
      copies[i.c].start = at;
      copies[i.c].at_start = written[i.imm & 0xFFFFu];
      open.push_back(at);
      if (open.size() > kMostOpenCopies)
        return refuse(at, "a lane has more asynchronous copies under way than are compiled");
    } else if (i.op == Opcode::async_wait) {
      const auto start = std::find_if(open.begin(), open.end(), same_tag);
      if (start == open.end())
        return refuse(at, "an asynchronous copy is not started in the list that waits for it");
      const std::uint32_t buffers = image_.code[*start].imm;
      const auto is_alone = [&] {
        return (buffers & 0xFFFFu) != buffers >> 16 && !names(*start + 1, at, buffers >> 16);
      };
      if (copies[i.c].at_start && !is_alone())
        return refuse(at, "the program writes what an asynchronous copy reads");
      open.erase(start);
    } else if (!open.empty() && (vir::lowering::facts_of(i.op).shape == Shape::flow)) {
      // Whole branches and loops may stand between, but lanes may not end or wait there.
      const auto c = construct_at(image_, at);
      if (!c) {
        // What an id guard finds is looked for before a unit.
        if (i.op == Opcode::poll || i.op == Opcode::id_guard || i.op == Opcode::jump) continue;
        return refuse(at, "lanes may end or wait between the start of a copy and its end");
      }
      for (std::uint32_t k = c->begin + 1; k < c->end; ++k) {
        const Opcode op = image_.code[k].op;
        if (op == Opcode::leave || op == Opcode::barrier || is_copy(op) || op == Opcode::async_wait)
          return refuse(at, "lanes may end or wait between the start of a copy and its end");
      }
      at = c->next - 1;
    }
  }
  if (!open.empty()) {
    return refuse(open.front(),
                  "an asynchronous copy is not waited for in the list that starts it");
  }
}

std::string Analysis::read_again() const {
  std::vector<bool> reads(image_.buffers.size(), false);
  std::vector<bool> writes(image_.buffers.size(), false);
  for (const Instruction& i : image_.code) {
    if (i.op == Opcode::atomic)
      return message("buffer '{}' is changed by atomics", image_.buffer_names[i.imm]);
    if (vir::lowering::is_load(i.op)) reads[i.imm] = true;
    if (vir::lowering::is_store(i.op)) writes[i.imm] = true;
    if (is_copy(i.op)) {
      reads[i.imm & 0xFFFFu] = true;
      writes[i.imm >> 16] = true;
    }
  }
  for (std::size_t b = 0; b < reads.size(); ++b) {
    // Workgroup memory is zeroed again where a workgroup begins again.
    if (reads[b] && writes[b] && image_.buffers[b].is_workgroup == 0)
      return message("buffer '{}' is read and written", image_.buffer_names[b]);
  }
  return {};
}

void Analysis::decide() {
  if (verdict.kind == Class::c) return;
  if (faults_.empty() && open_loops_.empty()) {
    verdict.reasons.push_back(
        {kWholeProgram, image_.loops ? "no check can fail, and the turns of loops have a "
                                       "bound that is known before"
                                     : "no check can fail, and there is no loop"});
    return;
  }
  verdict.reasons = faults_;
  verdict.reasons.insert(verdict.reasons.end(), open_loops_.begin(), open_loops_.end());
  std::stable_sort(verdict.reasons.begin(), verdict.reasons.end(),
                   [](const Reason& a, const Reason& b) { return a.statement < b.statement; });
  const std::string conflict = read_again();
  const auto may_end = [&](std::uint32_t at) {
    const Opcode op = image_.code[at].op;
    const bool turns = op == Opcode::loop_enter_s || op == Opcode::loop_enter_v ||
                       op == Opcode::async_load || op == Opcode::async_store;
    return may_fail_[at] || (counted && turns);
  };
  foresees = !conflict.empty() && can_foresee(image_, may_end);
  verdict.kind = conflict.empty() || foresees ? Class::b : Class::c;
  std::string why = "nothing that it writes is read again";
  if (foresees) {
    why = message("{}; a first pass, which writes nothing, finds what would end it", conflict);
  } else if (!conflict.empty()) {
    why = message("{}, and what would end a unit depends on it", conflict);
  }
  verdict.reasons.push_back({kWholeProgram, std::move(why)});
}

Verdict classify(const core::Image& image) {
  return Analysis(image).verdict;
}

}  // namespace vyre::jit
