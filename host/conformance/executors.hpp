// What runs an execution case: the reference directly, or a backend through the public Session.
// Host only, private to this room; one executor serves all lines of a run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conformance/conformance.hpp"
#include "vector_line.hpp"

namespace vyre::conformance {

/// broken: neither a verdict about the program nor its result (the session died, a deadline
/// passed).
enum class Ending : std::uint8_t { done, refused, faulted, broken };
[[nodiscard]] std::string_view ending_name(Ending ending) noexcept;

struct RunResult {
  Ending ending{Ending::broken};
  std::vector<Bytes> outputs;  // done only
  std::string message;         // why, unless done
};

class CaseExecutor {
 public:
  virtual ~CaseExecutor() = default;
  /// Of all cases so far, into what Executor::jit counts.
  virtual void count_code(Summary&) {}
  [[nodiscard]] virtual RunResult run(const ExecutionCase& c, const vir::Program& program) = 0;
};

[[nodiscard]] Result<std::unique_ptr<CaseExecutor>> make_executor(const Options& options);

}  // namespace vyre::conformance
