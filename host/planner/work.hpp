// A batch of items as plain data: what the planner knows of items, ops and buffers. The session
// fills it in; nothing here points back to a session. Host only, no I/O. Spec:
// docs/internals/planner.md.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/size_class.hpp"

namespace vyre::planner {

/// What an item does to one of its buffers; bits combine by OR.
enum UseBits : std::uint8_t {
  kReads = 1,
  kWrites = 2,
  kKeeps = 4,  // writes it, and old bytes of it may survive
};

struct BufferUse {
  std::uint32_t buffer;  // index into Work::buffers
  std::uint8_t bits;
};

/// One buffer that the batch uses.
struct BufferFacts {
  std::uint32_t handle{0};
  /// Raised by everything that writes the buffer. A handle never has the same version twice, not
  /// even after the handle was released and given out again.
  std::uint64_t version{0};
  std::uint64_t bytes{0};
  bool plain{true};  // no mapped file and no view
  /// Declared for this plan: its bytes do not matter once the plan has run.
  bool scratch{false};
};

/// The bytes of a buffer carry a lineage rule: a tag, or one of what wrote them.
struct CarriedRule {
  std::uint32_t buffer;
  std::uint32_t rule;
};

/// One buffer that an op declares.
struct BindingFacts {
  std::uint32_t element{0};  // a number for the element type; equal numbers are equal types
  /// An input that is written, too.
  bool read_write{false};
  /// An output of which an item writes every byte.
  bool whole{false};
  /// A lane touches no element but that of its global id in axis 0; an output exactly once.
  bool own_element{false};
};

/// One op that the batch names.
struct OpFacts {
  std::uint32_t id{0};
  std::string name;
  /// Running an item twice leaves what running it once leaves.
  bool repeatable{false};
  std::vector<std::uint32_t> rules;  // slots of the lineage rules
  std::vector<BindingFacts> inputs;
  std::vector<BindingFacts> outputs;
  /// A program in which no lane depends on another: no workgroup memory, barriers, subgroup
  /// operations, asynchronous copies or atomics.
  bool flat{false};
  std::array<std::uint32_t, 3> workgroup{0, 0, 0};
  std::uint32_t registers{0};  // of a lane
  /// Mean steps of the items that ran; none: no item of the op ran yet.
  std::optional<double> steps;
  /// Of a run of the program alone, a lane, by the lanes of the items.
  BySizeClass lane_ns{};
  [[nodiscard]] std::uint64_t lanes(const std::array<std::uint32_t, 3>& grid) const noexcept {
    return std::uint64_t{grid[0]} * grid[1] * grid[2] * workgroup[0] * workgroup[1] * workgroup[2];
  }
};

struct Item {
  std::uint32_t op{0};  // index into Work::ops
  std::uint32_t param{0};
  std::uint64_t first_use{0};  // in Work::uses: the inputs in their order, then the outputs
  std::uint32_t inputs{0};
  std::uint32_t outputs{0};
  std::uint8_t flags{0};  // QueueFlags of the caller
  /// Workgroups for this item's lengths and param; zeros: not known.
  std::array<std::uint32_t, 3> grid{0, 0, 0};
};

/// Items of one queue, in the order in which they are submitted.
struct Work {
  std::vector<BufferFacts> buffers;
  std::vector<OpFacts> ops;
  std::vector<Item> items;
  std::vector<BufferUse> uses;
  std::size_t rules{0};                 // lineage rules; slots are below
  std::vector<std::string> rule_names;  // by slot; empty: they have none
  std::vector<CarriedRule> carried;

  /// Appends an item. Its members of binding sets come one by one; a nop has no buffers, because it
  /// looks at none.
  Item& add(std::uint32_t op, std::span<const std::uint32_t> inputs,
            std::span<const std::uint32_t> outputs, std::uint32_t param = 0,
            std::uint8_t flags = 0);
  Item& add(std::uint32_t op, std::initializer_list<std::uint32_t> inputs,
            std::initializer_list<std::uint32_t> outputs, std::uint32_t param = 0,
            std::uint8_t flags = 0) {
    return add(op, std::span(inputs.begin(), inputs.size()),
               std::span(outputs.begin(), outputs.size()), param, flags);
  }

  [[nodiscard]] std::span<const BufferUse> uses_of(const Item& item) const noexcept {
    return std::span(uses).subspan(item.first_use, std::size_t{item.inputs} + item.outputs);
  }
  [[nodiscard]] std::span<const BufferUse> uses_of(std::size_t item) const noexcept {
    return uses_of(items[item]);
  }
};

/// Whether every index of the batch is in range, and items and uses are at most kMaxPlanItems.
[[nodiscard]] Status check(const Work& work);

}  // namespace vyre::planner
