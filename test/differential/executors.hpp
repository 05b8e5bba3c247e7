// Runs one program on the reference and on the image interpreter, and says how they differ. Test
// support.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/image.hpp"
#include "core/run.hpp"
#include "reference/evaluate.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/program.hpp"

namespace vyre::test {

struct CpuRun {
  enum class Verdict { done, refused, unsupported, faulted } verdict{Verdict::done};
  std::vector<Bytes> outputs;
  Fault fault;
  std::string message;
  bool wrote_outside{false};  // a guard zone around a buffer changed
};

/// Runs workgroups of an image over host buffers; an Error where this executor cannot.
using ImageRunner = std::function<Result<core::RunResult>(
    const core::Image& image, std::span<const core::BufferView> buffers, const core::Grid& grid,
    core::WorkgroupSpan span, std::uint64_t fuel)>;

struct CpuOptions {
  bool optimise{true};
  std::uint64_t fuel{std::uint64_t{1} << 20};
  std::uint64_t workgroups_a_call{0};  // 0: all in one
  std::optional<vir::Grid> grid;       // default: vir::infer_grid
  ImageRunner runner;                  // default: cpu::Interpreter
};

/// prepare, validate, plan, lower, interpret; the same steps as the reference's, for images. Every
/// buffer lies between guard zones that are checked afterwards.
[[nodiscard]] CpuRun run_cpu(const vir::Program& program, std::span<const Bytes> inputs,
                             const CpuOptions& options = {});

/// "" where the two agree: same verdict class; the same bytes where done; and with `same_fault` the
/// same fault code, workgroup and statement.
[[nodiscard]] std::string disagreement(const reference::Outcome& want, const CpuRun& have,
                                       bool same_fault);

}  // namespace vyre::test
