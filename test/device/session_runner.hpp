// Runs a program once on a Session, through the public calls, and answers like test::run_cpu, so
// that the two can be held against each other. Test support; one thread an object, any number of
// objects a session.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "differential/executors.hpp"
#include "runtime/session.hpp"

namespace vyre::test {

class SessionRunner {
 public:
  /// Ops are registered as `name` and a number.
  SessionRunner(runtime::Session& session, std::string name)
      : session_(session), name_(std::move(name)) {}

  [[nodiscard]] CpuRun run(const vir::Program& program, std::span<const Bytes> inputs,
                           std::uint32_t param = 0);

 private:
  Result<CpuRun> run_op(runtime::OpHandle op, const vir::Program& program,
                        const vir::BufferPlan& plan, std::span<const Bytes> inputs,
                        std::uint32_t param);
  Result<std::uint32_t> one_handle(const std::vector<runtime::Handle>& buffers);

  runtime::Session& session_;
  std::string name_;
  std::uint64_t count_{0};
  std::vector<runtime::Handle> handles_;  // of the run under way, sets behind their buffers
};

/// How an item ended, in the words of run_cpu.
[[nodiscard]] CpuRun ended(const runtime::ItemResult& result);

}  // namespace vyre::test
