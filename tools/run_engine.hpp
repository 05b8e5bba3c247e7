// Where items run: a session (asynchronously, any number in flight) or the reference executor (at
// once). Main thread only; items end in the order they were started.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "run_plan.hpp"
#include "vyre/report/report.hpp"

namespace vyre::cli {

/// The bytes of one item: read into memory, or a regular file that the session maps.
struct ItemInput {
  std::string path;
  Bytes bytes;
  std::uint64_t size{0};
  bool mapped{false};
};

class Engine {
 public:
  virtual ~Engine() = default;
  /// `buffer_bytes` from RunPlan::buffer_bytes. An error leaves nothing started.
  [[nodiscard]] virtual Status start(ItemInput input,
                                     const std::vector<std::uint64_t>& buffer_bytes) = 0;
  /// Waits for the oldest started item: its returned buffers in declaration order, or why there are
  /// none.
  [[nodiscard]] virtual Result<std::vector<Bytes>> finish_oldest() = 0;
  [[nodiscard]] virtual std::size_t max_in_flight() const = 0;
  [[nodiscard]] virtual std::string_view executor() const = 0;
  /// After the last item. Seals a recording, closes, and gives the report of the run.
  [[nodiscard]] virtual Result<report::Document> end() = 0;
};

[[nodiscard]] Result<std::unique_ptr<Engine>> make_session_engine(const RunPlan& plan,
                                                                  const RunOptions& options);
[[nodiscard]] Result<std::unique_ptr<Engine>> make_reference_engine(const RunPlan& plan,
                                                                    const RunOptions& options);

}  // namespace vyre::cli
