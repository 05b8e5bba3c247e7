#include "session_runner.hpp"

#include "protocol/fault_names.hpp"

namespace vyre::test {
namespace {

using Verdict = CpuRun::Verdict;

Deadline soon() {
  return after(std::chrono::seconds{20});
}

CpuRun not_run(Verdict verdict, const Error& error) {
  CpuRun run;
  run.verdict = verdict;
  run.message = to_string(error);
  return run;
}

/// What an executor may say of a program that is right but not for it.
bool beyond_this_executor(Errc code) {
  return code == Errc::unsupported || code == Errc::limit_exceeded;
}

}  // namespace

CpuRun ended(const runtime::ItemResult& result) {
  CpuRun run;
  if (result.status == CompletionStatus::done) return run;
  run.verdict = Verdict::faulted;
  run.fault = result.fault;
  run.message = (result.status == CompletionStatus::cancelled ? "cancelled: " : "") +
                std::string(fault_name(result.fault.code)) + " at workgroup " +
                std::to_string(result.fault.workgroup) + ", lane " +
                std::to_string(result.fault.lane) + ", statement " +
                std::to_string(result.fault.statement);
  return run;
}

CpuRun SessionRunner::run(const vir::Program& program, std::span<const Bytes> inputs,
                          std::uint32_t param) {
  const auto op = session_.register_program(name_ + std::to_string(++count_), program);
  if (!op) {
    return not_run(beyond_this_executor(op.error().code) ? Verdict::unsupported : Verdict::refused,
                   op.error());
  }
  std::vector<std::uint64_t> lengths;
  for (const Bytes& input : inputs) lengths.push_back(input.size());
  const auto plan = vir::plan_buffers(program, lengths);
  if (!plan) return not_run(Verdict::refused, plan.error());
  auto ran = run_op(*op, program, *plan, inputs, param);
  CpuRun answer = ran ? std::move(*ran) : not_run(Verdict::faulted, ran.error());
  for (auto handle = handles_.rbegin(); handle != handles_.rend(); ++handle) {
    if (const Status released = session_.release(*handle, soon()); !released)
      answer = not_run(Verdict::faulted, released.error());
  }
  handles_.clear();
  return answer;
}

Result<std::uint32_t> SessionRunner::one_handle(const std::vector<runtime::Handle>& buffers) {
  if (buffers.empty()) return 0;
  if (buffers.size() == 1) return buffers[0].id;
  VYRE_ASSIGN(const runtime::Handle set, session_.bind(buffers));
  handles_.push_back(set);
  return set.id;
}

Result<CpuRun> SessionRunner::run_op(runtime::OpHandle op, const vir::Program& program,
                                     const vir::BufferPlan& plan, std::span<const Bytes> inputs,
                                     std::uint32_t param) {
  std::vector<runtime::Handle> by_buffer(program.buffers.size());
  std::vector<runtime::Handle> in;
  std::vector<runtime::Handle> out;
  for (std::size_t i = 0; i < program.buffers.size(); ++i) {
    const bool takes = vir::takes_input(plan.roles[i]);
    if (!takes && !vir::is_returned(plan.roles[i])) continue;
    if (takes) {
      VYRE_ASSIGN(by_buffer[i], session_.upload(inputs[plan.input_index[i]]));
    } else {
      VYRE_ASSIGN(by_buffer[i], session_.allocate(plan.byte_lengths[i]));
    }
    handles_.push_back(by_buffer[i]);
    (takes ? in : out).push_back(by_buffer[i]);
  }
  VYRE_ASSIGN(const std::uint32_t input, one_handle(in));
  VYRE_ASSIGN(const std::uint32_t output, one_handle(out));
  VYRE_ASSIGN(const runtime::Ticket ticket, session_.submit({op.id, input, output, param}, soon()));
  VYRE_ASSIGN(const runtime::ItemResult result, session_.wait(ticket, soon()));
  CpuRun run = ended(result);
  if (run.verdict != Verdict::done) return run;
  for (std::size_t i = 0; i < program.buffers.size(); ++i) {
    if (!vir::is_returned(plan.roles[i])) continue;
    VYRE_ASSIGN(Bytes bytes, session_.download(by_buffer[i], soon()));
    const auto range = vir::returned_range(program.buffers[i], bytes.size());
    run.outputs.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(range.start),
                             bytes.begin() + static_cast<std::ptrdiff_t>(range.end));
  }
  return run;
}

}  // namespace vyre::test
