// Plan: what a queue found out about items before they are submitted. It never changes, and it may
// be submitted any number of times, by any thread.
#pragma once

#include <span>
#include <string>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/item.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

struct PlanOptions {
  bool dedupe{true};  // an item that does what an earlier one did need not run
  bool fuse{true};    // several items may run as one
  /// From its submission on the session tracks which rules the bytes of its buffers come from.
  bool lineage{false};
  /// Buffers and binding sets of which the bytes do not matter once the plan has run; what goes
  /// from one item to the next need not be stored there.
  std::span<const BufferRef> scratch{};
};

class Plan {
 public:
  Plan(vyre_plan* owned, std::size_t items) : plan_(owned), items_(items) {}

  [[nodiscard]] std::size_t items() const noexcept { return items_; }
  /// One screen for a reader.
  [[nodiscard]] Result<std::string> describe() const { return text(0); }
  /// The same as a JSON object.
  [[nodiscard]] Result<std::string> json() const { return text(1); }
  [[nodiscard]] const vyre_plan* get() const noexcept { return plan_.get(); }

 private:
  [[nodiscard]] Result<std::string> text(std::int32_t json) const {
    vyre_blob* made = nullptr;
    const detail::Failed failed{vyre_plan_describe(get(), json, &made)};
    if (failed) return failed.error();
    return std::string(Blob(made).text());
  }

  detail::Owner<vyre_plan, vyre_plan_free> plan_;
  std::size_t items_;
};

}  // namespace vyre::VYRE_V0
