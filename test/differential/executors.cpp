#include "executors.hpp"

#include <algorithm>
#include <cstring>

#include "cpu/interpreter/interpreter.hpp"
#include "protocol/fault_names.hpp"
#include "vir/lower/lower.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::test {
namespace {

constexpr std::size_t kGuardBytes{64};
constexpr std::uint8_t kGuard{0xC3};

/// Bytes between two guard zones, 16-byte aligned.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes)
      : bytes_(bytes), storage_(bytes + 2 * kGuardBytes + 16, kGuard) {
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.data()) + kGuardBytes;
    begin_ = kGuardBytes + (16 - address % 16) % 16;
    std::fill_n(data(), bytes_, std::uint8_t{0});
  }
  [[nodiscard]] std::uint8_t* data() { return storage_.data() + begin_; }
  [[nodiscard]] std::size_t size() const { return bytes_; }
  [[nodiscard]] bool intact() const {
    const auto is_guard = [](std::uint8_t byte) { return byte == kGuard; };
    const auto at = [&](std::size_t i) {
      return storage_.begin() + static_cast<std::ptrdiff_t>(i);
    };
    return std::all_of(storage_.begin(), at(begin_), is_guard) &&
           std::all_of(at(begin_ + bytes_), storage_.end(), is_guard);
  }

 private:
  std::size_t bytes_;
  Bytes storage_;
  std::size_t begin_{0};
};

CpuRun not_run(CpuRun::Verdict verdict, const Error& error) {
  CpuRun run;
  run.verdict = verdict;
  run.message = to_string(error);
  return run;
}

}  // namespace

CpuRun run_cpu(const vir::Program& given, std::span<const Bytes> inputs,
               const CpuOptions& options) {
  using Verdict = CpuRun::Verdict;
  const auto program = vir::prepare(given);
  if (!program) return not_run(Verdict::refused, program.error());
  if (const auto valid = vir::validate(*program); !valid) {
    return not_run(Verdict::refused, valid.error());
  }
  std::vector<std::uint64_t> lengths;
  for (const Bytes& input : inputs) lengths.push_back(input.size());
  const auto plan = vir::plan_buffers(*program, lengths);
  if (!plan) return not_run(Verdict::refused, plan.error());
  const auto grid = options.grid ? Result<vir::Grid>(*options.grid)
                                 : vir::infer_grid(*program, plan->byte_lengths);
  if (!grid) return not_run(Verdict::refused, grid.error());
  const auto image = vir::lower(*program, vir::LowerOptions{options.optimise});
  if (!image) return not_run(Verdict::unsupported, image.error());

  std::vector<Guarded> memory;
  memory.reserve(program->buffers.size());
  std::vector<core::BufferView> views;
  for (std::size_t i = 0; i < program->buffers.size(); ++i) {
    const bool in_workgroup = plan->roles[i] == vir::BufferRole::workgroup;
    memory.emplace_back(in_workgroup ? 0 : plan->byte_lengths[i]);
    Guarded& buffer = memory.back();
    if (vir::takes_input(plan->roles[i])) {
      const Bytes& input = inputs[plan->input_index[i]];
      std::copy(input.begin(), input.end(), buffer.data());
    }
    views.push_back(in_workgroup ? core::BufferView{}
                                 : core::BufferView{buffer.data(), buffer.size()});
  }

  CpuRun run;
  cpu::Interpreter interpreter;
  const ImageRunner runner =
      options.runner ? options.runner
                     : [&](const core::Image& i, std::span<const core::BufferView> b,
                           const core::Grid& g, core::WorkgroupSpan s, std::uint64_t fuel) {
                         return Result<core::RunResult>(interpreter.run(i, b, g, s, fuel));
                       };
  const std::uint64_t total = std::uint64_t{(*grid)[0]} * (*grid)[1] * (*grid)[2];
  const std::uint64_t step = options.workgroups_a_call == 0 ? total : options.workgroups_a_call;
  for (std::uint64_t first = 0; first < total; first += step) {
    const core::WorkgroupSpan span{first, std::min(step, total - first)};
    const auto ran = runner(*image, views, *grid, span, options.fuel);
    if (!ran) return not_run(Verdict::unsupported, ran.error());
    const core::RunResult& result = *ran;
    if (result.fault.code != FaultCode::none) {
      run.verdict = Verdict::faulted;
      run.fault = result.fault;
      run.message = std::string(fault_name(result.fault.code)) + " at workgroup " +
                    std::to_string(result.fault.workgroup) + ", lane " +
                    std::to_string(result.fault.lane) + ", statement " +
                    std::to_string(result.fault.statement);
      break;
    }
  }
  for (const Guarded& buffer : memory) run.wrote_outside = run.wrote_outside || !buffer.intact();
  if (run.verdict != Verdict::done) return run;
  for (std::size_t i = 0; i < memory.size(); ++i) {
    if (!vir::is_returned(plan->roles[i])) continue;
    const auto range = vir::returned_range(program->buffers[i], memory[i].size());
    run.outputs.emplace_back(memory[i].data() + range.start, memory[i].data() + range.end);
  }
  return run;
}

std::string disagreement(const reference::Outcome& want, const CpuRun& have, bool same_fault) {
  using Verdict = reference::Verdict;
  if (have.wrote_outside) return "the interpreter wrote outside a buffer";
  const bool same_class =
      (want.verdict == Verdict::done && have.verdict == CpuRun::Verdict::done) ||
      (want.verdict == Verdict::refused && have.verdict == CpuRun::Verdict::refused) ||
      (want.verdict == Verdict::faulted && have.verdict == CpuRun::Verdict::faulted);
  if (!same_class) {
    return "verdict: reference " + std::to_string(static_cast<int>(want.verdict)) + " [" +
           want.message + "], cpu " + std::to_string(static_cast<int>(have.verdict)) + " [" +
           have.message + "]";
  }
  if (want.verdict == Verdict::faulted && same_fault) {
    const bool same =
        want.fault.code == have.fault.code && want.fault.workgroup == have.fault.workgroup &&
        want.fault.lane == have.fault.lane && want.fault.statement == have.fault.statement;
    return same ? "" : "fault: reference [" + want.message + "], cpu [" + have.message + "]";
  }
  if (want.verdict != Verdict::done) return "";
  if (want.outputs.size() != have.outputs.size()) return "number of outputs";
  for (std::size_t i = 0; i < want.outputs.size(); ++i) {
    const Bytes& a = want.outputs[i];
    const Bytes& b = have.outputs[i];
    if (a.size() != b.size()) return "length of output " + std::to_string(i);
    const auto where = std::mismatch(a.begin(), a.end(), b.begin());
    if (where.first == a.end()) continue;
    const auto at = static_cast<std::size_t>(where.first - a.begin()) & ~std::size_t{3};
    const std::size_t count = std::min<std::size_t>(8, a.size() - at);
    return "output " + std::to_string(i) + " at byte " + std::to_string(at) + ": reference " +
           to_hex(ByteSpan(a).subspan(at, count)) + ", cpu " +
           to_hex(ByteSpan(b).subspan(at, count));
  }
  return "";
}

}  // namespace vyre::test
