// Batch: counts and failures of the items that were submitted with it, whatever else its session
// does. Any thread.
#pragma once

#include <cstddef>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/item.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/api/timeout.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

class Batch {
 public:
  explicit Batch(vyre_batch* owned) : batch_(owned) {}

  /// Waits until all items of the batch have ended.
  [[nodiscard]] Result<Totals> wait(Timeout timeout = {}) {
    vyre_totals totals = VYRE_INIT(vyre_totals);
    const detail::Failed failed{vyre_batch_wait(get(), timeout.ns(), &totals)};
    if (failed) return failed.error();
    return Totals::from(totals);
  }
  /// The first failures, at most `most`; the library keeps 64.
  [[nodiscard]] Result<std::vector<ItemResult>> failures(std::size_t most = 64) {
    std::vector<ItemResult> results(most);
    std::size_t count = 0;
    const detail::Failed failed{
        vyre_batch_failures(get(), detail::c(results.data()), most, sizeof(ItemResult), &count)};
    if (failed) return failed.error();
    results.resize(count);
    return results;
  }
  [[nodiscard]] vyre_batch* get() const noexcept { return batch_.get(); }

 private:
  detail::Owner<vyre_batch, vyre_batch_free> batch_;
};

}  // namespace vyre::VYRE_V0
