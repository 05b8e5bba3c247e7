// Entry of the reference executor: checks, buffers, the walk over workgroups, outputs.
#include "reference/evaluate.hpp"

#include <chrono>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>

#include "base/message.hpp"
#include "machine.hpp"
#include "protocol/fault_names.hpp"
#include "race_watch.hpp"
#include "vir/program/statements.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::reference {
namespace {

Outcome refused(std::string message) {
  Outcome outcome;
  outcome.verdict = Verdict::refused;
  outcome.message = std::move(message);
  return outcome;
}

Outcome no_memory(const char* message) {
  Outcome outcome = refused(message);
  outcome.out_of_memory = true;
  return outcome;
}

/// What this executor holds in memory at once must stay below kMaxReferenceBytes, whatever a
/// program declares.
Status check_sizes(const vir::Program& program, const Names& names, const vir::BufferPlan& plan) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < program.buffers.size(); ++i) {
    const std::string& name = program.name(program.buffers[i].name);
    if (plan.byte_lengths[i] > kMaxReferenceBytes - total) {
      return fail(
          Errc::limit_exceeded,
          message("buffers up to '{}' need more than the {} bytes of the reference executor", name,
                  kMaxReferenceBytes));
    }
    total += plan.byte_lengths[i];
  }
  std::uint64_t lanes = 1;
  for (const std::uint32_t size : program.workgroup) {
    lanes *= size;
    if (lanes == 0 || lanes > kMaxWorkgroupLanes) {
      return fail(Errc::limit_exceeded,
                  message("the workgroup has no lanes or more than {}", kMaxWorkgroupLanes));
    }
  }
  if (lanes * names.variables > kMaxReferenceBytes / sizeof(Value)) {
    return fail(Errc::limit_exceeded, message("the variables of {} lanes need more than the {} "
                                              "bytes of the reference executor; use fewer lanes",
                                              lanes, kMaxReferenceBytes));
  }
  return {};
}

/// No lane is to blame: there is no place to name, and perhaps no lane has run yet.
Outcome out_of_time() {
  Outcome outcome;
  outcome.verdict = Verdict::cancelled;
  outcome.fault.code = FaultCode::wall_time;
  outcome.message =
      message("{}: the deadline has passed; allow more time", fault_name(FaultCode::wall_time));
  return outcome;
}

Outcome stopped(const vir::Program& program, std::uint64_t workgroup, const WorkgroupFault& fault) {
  const Stop& why = fault.what;
  if (why.code == FaultCode::wall_time) return out_of_time();
  Outcome outcome;
  outcome.fault.code = why.code;
  outcome.verdict = Verdict::faulted;
  outcome.fault.workgroup = workgroup;
  outcome.fault.lane = fault.lane;
  outcome.fault.statement = vir::statement_numbers(program)[fault.node];
  outcome.message = message("{}: {} (workgroup {}, lane {}, statement {})", fault_name(why.code),
                            why.why, workgroup, outcome.fault.lane, outcome.fault.statement);
  if (why.code == FaultCode::trap) {
    outcome.message += message(", tag '{}'", program.name(program.nodes[fault.node].name3));
  }
  return outcome;
}

Outcome run(const vir::Program& program, Names names, std::vector<Buffer>& buffers,
            const vir::BufferPlan& plan, const vir::Grid& grid, std::uint64_t fuel,
            std::function<bool()> wanted_no_more, RaceDetector* detector) {
  Machine machine(program, std::move(names), buffers, fuel, std::move(wanted_no_more), detector);
  std::uint64_t linear = 0;
  for (std::uint32_t z = 0; z < grid[2]; ++z) {
    for (std::uint32_t y = 0; y < grid[1]; ++y) {
      for (std::uint32_t x = 0; x < grid[0]; ++x, ++linear) {
        if (detector != nullptr) detector->begin_workgroup(static_cast<std::uint32_t>(linear));
        if (const auto fault = machine.run_workgroup({x, y, z})) {
          return stopped(program, linear, *fault);
        }
      }
    }
  }
  Outcome outcome;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    if (!vir::is_returned(plan.roles[i])) continue;
    Bytes& bytes = buffers[i].bytes;
    const vir::ByteRange range = vir::returned_range(program.buffers[i], bytes.size());
    outcome.outputs.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(range.start),
                                 bytes.begin() + static_cast<std::ptrdiff_t>(range.end));
  }
  return outcome;
}

Outcome evaluate_checked(const vir::Program& given, std::span<const Bytes> inputs,
                         const Options& options) {
  const auto wanted_no_more = [&options] {
    return (options.stopped != nullptr && options.stopped()) ||
           (options.deadline && std::chrono::steady_clock::now() >= *options.deadline);
  };
  Interrupt late(wanted_no_more);
  const auto not_ready = [&late](const Error& error) {
    return late.over() ? out_of_time() : refused(to_string(error));
  };
  const auto program = vir::prepare(given, &late);
  if (!program) return not_ready(program.error());
  if (options.validate) {
    if (const auto valid = vir::validate(*program, &late); !valid) return not_ready(valid.error());
  }
  std::vector<std::uint64_t> lengths;
  lengths.reserve(inputs.size());
  for (const Bytes& input : inputs) lengths.push_back(input.size());
  const auto plan = vir::plan_buffers(*program, lengths);
  if (!plan) return refused(to_string(plan.error()));
  Names names(*program);
  if (const auto sizes = check_sizes(*program, names, *plan); !sizes) {
    return refused(to_string(sizes.error()));
  }
  vir::Grid grid{};
  if (options.grid) {
    grid = *options.grid;
  } else {
    const auto inferred = vir::infer_grid(*program, plan->byte_lengths);
    if (!inferred) return refused(to_string(inferred.error()));
    grid = *inferred;
  }
  std::vector<Buffer> buffers = make_buffers(*program, *plan, inputs);
  std::optional<RaceDetector> detector;
  if (options.check_races)
    detector.emplace(watch(*program, names, options.memory_of), kMaxRaceShadowBytes);
  Outcome outcome = run(*program, std::move(names), buffers, *plan, grid, options.fuel,
                        wanted_no_more, detector ? &*detector : nullptr);
  if (detector) outcome.races = detector->races();
  return outcome;
}

}  // namespace

Outcome evaluate(const vir::Program& program, std::span<const Bytes> inputs,
                 const Options& options) {
  try {
    return evaluate_checked(program, inputs, options);
  } catch (const std::bad_alloc&) {
    return no_memory("out of memory: the program's buffers or variables do not fit this machine");
  } catch (const std::length_error&) {
    return no_memory("out of memory: a buffer is longer than this machine can hold");
  }
}

}  // namespace vyre::reference
