// The reference executor: a tree walker over the program, written for clarity; the judge of all
// others. Host only, single-threaded, deterministic. Spec: docs/internals/vir0-semantics.md,
// "Semantics".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/completion.hpp"
#include "protocol/limits.hpp"
#include "races.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/program.hpp"

namespace vyre::reference {

/// cancelled: the deadline passed first, which says nothing about the program.
enum class Verdict : std::uint8_t { done, refused, faulted, cancelled };

struct Options {
  std::optional<vir::Grid> grid;     // default: vir::infer_grid
  std::uint64_t fuel{kDefaultFuel};  // loop iterations a workgroup may spend
  bool validate{true};               // false only for programs that have passed validation
  /// Looked at before every workgroup and every so many operations of lanes.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  /// True: end as at the deadline. Looked at with it.
  bool (*stopped)(){nullptr};
  /// Looks for data races among the accesses of this run; costs time, and memory up to
  /// kMaxRaceShadowBytes.
  bool check_races{false};
  /// With check_races: by declaration index, numbers below the count of buffers, equal where one
  /// memory is bound twice. Empty: none is.
  std::vector<std::uint32_t> memory_of;
};

/// done: `outputs` has the bytes of every returned buffer in declaration order, output_byte_range
/// applied. Otherwise no outputs; `message` says why; `fault` is set when faulted, and when
/// cancelled to FaultCode::wall_time and the place reached.
struct Outcome {
  Verdict verdict{Verdict::done};
  std::vector<Bytes> outputs;
  Fault fault;
  std::string message;
  Races races;                // with check_races, of all that ran, whatever the verdict
  bool out_of_memory{false};  // why it is refused: this machine has no room for it
};

[[nodiscard]] Outcome evaluate(const vir::Program& program, std::span<const Bytes> inputs,
                               const Options& options = {});

}  // namespace vyre::reference
