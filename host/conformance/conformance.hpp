// Runs vector files (JSON Lines, plain or gzip) against an executor and judges every line.
// Host only. Spec: docs/internals/conformance.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/executor.hpp"

namespace vyre::conformance {

using vyre::Executor;

struct Options {
  Executor executor{Executor::cpu};
  std::uint64_t max_failures_kept{1'000};
  /// A case that takes longer is reported as broken instead of holding up the run.
  std::chrono::nanoseconds case_timeout{std::chrono::seconds{120}};
  /// True: the run ends early, with Summary::stopped; the case under way is not judged.
  bool (*stopped)(){nullptr};
  /// Counts files, before each of them.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress{};
};

struct Failure {
  std::string file;
  std::uint64_t line{0};  // from 1
  std::string name;
  std::string why;
};

struct Summary {
  std::uint64_t files{0};
  std::uint64_t cases{0};  // execution lines and lines of the planner
  std::uint64_t passed{0};
  /// Of these, lines with an error that ended with outputs, as docs/internals/conformance.md
  /// allows.
  std::uint64_t errors_overruled{0};
  std::uint64_t decoder_verdicts{0};  // mutations judged in decoder files, bases included
  std::uint64_t decoder_passed{0};
  std::uint64_t failed{0};
  bool stopped{false};  // the rest was not judged
  // Of Executor::jit; else 0.
  std::uint64_t programs_compiled{0};
  std::uint64_t programs_interpreted{0};  // they have no compiled form
  std::vector<Failure> failures;
};

/// `on_failure` sees every failure as it happens. An unreadable file or malformed line is itself an
/// Error.
/// "-" is standard input.
[[nodiscard]] Result<Summary> run_files(const std::vector<std::string>& paths,
                                        const Options& options,
                                        const std::function<void(const Failure&)>& on_failure);
[[nodiscard]] std::string to_json(const Summary& summary, const Options& options);

}  // namespace vyre::conformance
