// Random batches of items, from a seed; and an item as values that a brute-force model can compare.
// Tests only.
#pragma once

#include <algorithm>
#include <set>
#include <vector>

#include "planner/work.hpp"
#include "protocol/work_item.hpp"
#include "support/choice.hpp"

namespace vyre::planner::testing {

/// $VYRE_PLANNER_SEED, for a failure that shall run again.
inline std::uint64_t first_seed(std::uint64_t otherwise) {
  return test::number_from_environment("VYRE_PLANNER_SEED", otherwise);
}

/// Op 0 is nop, op 1 reads one and writes one buffer whole, op 2 reads two and writes one in part,
/// op 3 updates its input, op 4 is as op 1 and may not be repeated.
inline std::vector<OpFacts> five_ops() {
  std::vector<OpFacts> ops(5);
  BindingFacts read, whole, update;
  read.own_element = whole.own_element = true;
  whole.whole = true;
  update.read_write = true;
  for (std::uint32_t i = 0; i < ops.size(); ++i) {
    ops[i].id = i == 0 ? 0 : 1'023 + i;
    ops[i].name = "op" + std::to_string(i);
    ops[i].rules = {i};
    ops[i].repeatable = i == 1 || i == 2;
    ops[i].flat = i == 1 || i == 2;
    ops[i].workgroup = {32, 1, 1};
    ops[i].registers = 8;
  }
  ops[1].inputs = {read};
  ops[1].outputs = {whole};
  ops[2].inputs = {read, read};
  ops[2].outputs = {BindingFacts{}};
  ops[3].inputs = {update};
  ops[4] = ops[1];
  ops[4].id = 1'027;
  ops[4].name = "op4";
  ops[4].rules = {4};
  ops[4].repeatable = ops[4].flat = false;
  return ops;
}

inline Work random_work(test::Choice& choice, std::uint32_t most_items) {
  Work work;
  work.ops = five_ops();
  work.rules = work.ops.size();
  const std::uint32_t buffers = 1 + choice.below(12);
  for (std::uint32_t b = 0; b < buffers; ++b) {
    BufferFacts facts;
    facts.handle = 10 + b;
    facts.version = choice.below(3);
    facts.bytes = 4u << choice.below(20);
    facts.plain = !choice.one_in(8);
    facts.scratch = choice.one_in(6);
    work.buffers.push_back(facts);
  }
  const auto any = [&] { return choice.below(buffers); };
  const std::uint32_t items = choice.below(most_items + 1);
  for (std::uint32_t i = 0; i < items; ++i) {
    if (i != 0 && choice.one_in(4)) {  // one of the last three again
      Item again = work.items[i - 1 - choice.below(std::min(i, 3u))];
      const auto uses = work.uses_of(again);
      const std::vector<BufferUse> copy(uses.begin(), uses.end());
      again.first_use = work.uses.size();
      work.uses.insert(work.uses.end(), copy.begin(), copy.end());
      work.items.push_back(again);
      continue;
    }
    const std::uint32_t op = choice.of({0u, 1u, 1u, 1u, 2u, 2u, 3u, 4u});
    const std::uint8_t flags =
        choice.one_in(20) ? choice.of<std::uint8_t>({kQueueFlagAfterPrevious, kQueueFlagAfterAll})
                          : std::uint8_t{kQueueFlagNone};
    const std::uint32_t param = choice.below(2);
    Item* item = nullptr;
    if (op == 0) item = &work.add(op, {}, {}, param, flags);
    if (op == 1 || op == 4) item = &work.add(op, {any()}, {any()}, param, flags);
    if (op == 2) item = &work.add(op, {any(), any()}, {any()}, param, flags);
    if (op == 3) item = &work.add(op, {any()}, {}, param, flags);
    item->grid = {1 + choice.below(2), 1, 1};
  }
  return work;
}

struct Touched {
  std::set<std::uint32_t> reads, writes, keeps;
};
inline Touched touched(const Work& work, std::size_t item) {
  Touched all;
  for (const BufferUse& use : work.uses_of(item)) {
    if ((use.bits & kReads) != 0) all.reads.insert(use.buffer);
    if ((use.bits & kWrites) != 0) all.writes.insert(use.buffer);
    if ((use.bits & kKeeps) != 0) all.keeps.insert(use.buffer);
  }
  return all;
}

inline bool meet(const std::set<std::uint32_t>& a, const std::set<std::uint32_t>& b) {
  return std::any_of(a.begin(), a.end(), [&](std::uint32_t one) { return b.count(one) != 0; });
}
inline bool conflict(const Touched& a, const Touched& b) {
  return meet(a.writes, b.reads) || meet(a.reads, b.writes) || meet(a.writes, b.writes);
}

/// What every buffer holds after a run, where an item's result is a hash of all that it reads.
class Memory {
 public:
  explicit Memory(const Work& work) : work_(work) {
    for (std::size_t b = 0; b < work.buffers.size(); ++b) bytes_.push_back(b + 1);
  }
  void run(std::size_t index) {
    const Item& item = work_.items[index];
    const auto uses = work_.uses_of(item);
    std::uint64_t result = mix(work_.ops[item.op].id * 31ull + item.param);
    for (std::uint32_t i = 0; i < item.inputs; ++i) result = mix(result + bytes_[uses[i].buffer]);
    for (std::size_t i = 0; i < uses.size(); ++i) {
      if ((uses[i].bits & kWrites) == 0) continue;
      // What an update leaves depends on what was there; an output is a part that is the same at
      // every run, and of a partial one the rest stays.
      std::uint64_t& bytes = bytes_[uses[i].buffer];
      bytes = (uses[i].bits & kReads) != 0   ? mix(result + i)
              : (uses[i].bits & kKeeps) != 0 ? (bytes & 0xFFFF'FFFFu) | mix(result + i) << 32
                                             : mix(result + i);
    }
  }
  bool operator==(const Memory& other) const { return bytes_ == other.bytes_; }
  std::uint64_t& operator[](std::size_t buffer) { return bytes_[buffer]; }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    return z ^ z >> 27;
  }
  const Work& work_;
  std::vector<std::uint64_t> bytes_;
};

}  // namespace vyre::planner::testing
