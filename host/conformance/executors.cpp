// The executors of a conformance run; see executors.hpp.
#include "executors.hpp"

#include <algorithm>

#include "base/message.hpp"
#include "protocol/fault_names.hpp"
#include "reference/evaluate.hpp"
#include "runtime/session.hpp"
#include "runtime/slices.hpp"

namespace vyre::conformance {
namespace {

RunResult ended(Ending ending, std::string message) {
  return {ending, {}, std::move(message)};
}

class ReferenceExecutor final : public CaseExecutor {
 public:
  explicit ReferenceExecutor(const Options& options)
      : timeout_(options.case_timeout), stopped_(options.stopped) {}

  RunResult run(const ExecutionCase& c, const vir::Program& program) override {
    reference::Options options;
    options.grid = c.grid;
    options.deadline = after(timeout_);
    options.stopped = stopped_;
    reference::Outcome outcome = reference::evaluate(program, c.inputs, options);
    switch (outcome.verdict) {
      case reference::Verdict::done:
        return {Ending::done, std::move(outcome.outputs), {}};
      case reference::Verdict::refused:
        return ended(Ending::refused, std::move(outcome.message));
      case reference::Verdict::faulted:
        return ended(Ending::faulted, std::move(outcome.message));
      case reference::Verdict::cancelled:
        return ended(Ending::broken, std::move(outcome.message));
    }
    return ended(Ending::broken, "the reference gave no verdict");
  }

 private:
  std::chrono::nanoseconds timeout_;
  bool (*stopped_)();
};

/// Refusals of a program or of what is bound to it; anything else says nothing about the program.
bool is_refusal(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::malformed:
    case Errc::version_mismatch:
    case Errc::limit_exceeded:
    case Errc::refused:
    case Errc::unsupported:
      return true;
    default:
      return false;
  }
}

RunResult failed(const char* step, const Error& error) {
  return ended(is_refusal(error.code) ? Ending::refused : Ending::broken,
               message("{}: {}", step, to_string(error)));
}

class SessionExecutor final : public CaseExecutor {
 public:
  SessionExecutor(runtime::Session session, const Options& options)
      : session_(std::move(session)), timeout_(options.case_timeout), stopped_(options.stopped) {}

  RunResult run(const ExecutionCase& c, const vir::Program& program) override {
    const auto op = session_.register_program(message("case{}:{}", ++count_, c.name), program);
    if (!op) return failed("register", op.error());
    handles_.clear();
    deadline_ = after(timeout_);  // of the whole case: what is late is not waited for again
    RunResult result = run_registered(c, program, *op);
    // Binding sets were made last and hold the buffers: release in reverse.
    for (auto it = handles_.rbegin(); it != handles_.rend(); ++it) {
      const auto released = session_.release(*it, deadline_);
      if (!released && result.ending == Ending::done) {
        result = ended(Ending::broken, message("release: {}", to_string(released.error())));
      }
    }
    return result;
  }

  void count_code(Summary& summary) override {
    const backend::CodeFacts code = session_.code_facts();
    summary.programs_compiled = code.compiled;
    summary.programs_interpreted = code.interpreted;
  }

 private:
  RunResult run_registered(const ExecutionCase& c, const vir::Program& program,
                           runtime::OpHandle op) {
    std::vector<std::uint64_t> lengths;
    for (const Bytes& input : c.inputs) lengths.push_back(input.size());
    const auto plan = vir::plan_buffers(program, lengths);
    std::vector<runtime::Handle> inputs;
    std::vector<runtime::Handle> outputs;
    std::vector<runtime::Handle> by_buffer(program.buffers.size());
    if (!plan) {
      // Inputs that do not fit: the session is to find out by itself, from what the caller gave.
      for (const Bytes& input : c.inputs) {
        if (auto error = make(session_.upload(input, deadline_, stopped_), inputs)) return *error;
      }
    }
    for (std::size_t i = 0; plan && i < program.buffers.size(); ++i) {
      const vir::BufferRole kind = plan->roles[i];
      if (vir::takes_input(kind)) {
        if (auto error =
                make(session_.upload(c.inputs[plan->input_index[i]], deadline_, stopped_), inputs))
          return *error;
        by_buffer[i] = inputs.back();
      } else if (kind == vir::BufferRole::allocated) {
        if (auto error = make(session_.allocate(plan->byte_lengths[i]), outputs)) return *error;
        by_buffer[i] = outputs.back();
      }
    }
    runtime::Handle input;
    runtime::Handle output;
    if (auto error = bind(inputs, input)) return *error;
    if (auto error = bind(outputs, output)) return *error;

    const MegakernelWorkItem item{op.id, input.id, output.id, 0};
    const auto ticket = session_.submit(item, deadline_);
    if (!ticket) return failed("submit", ticket.error());
    const auto result = wait(*ticket);
    if (!result) return failed("wait", result.error());
    if (result->status != CompletionStatus::done) return not_done(*result);
    if (!plan) return {Ending::done, {}, {}};
    return download(program, *plan, by_buffer);
  }

  /// Until the deadline, or until the run is to stop: then nothing of it is waited for any more.
  Result<runtime::ItemResult> wait(runtime::Ticket ticket) {
    auto result = runtime::in_slices(deadline_, stopped_,
                                     [&](Deadline soon) { return session_.wait(ticket, soon); });
    if (!result && result.error().code == Errc::cancelled) deadline_ = Clock::now();
    return result;
  }

  std::optional<RunResult> make(Result<runtime::Handle> handle,
                                std::vector<runtime::Handle>& list) {
    if (!handle) return failed("buffer", handle.error());
    list.push_back(*handle);
    handles_.push_back(*handle);
    return std::nullopt;
  }

  /// No buffer: no handle. One buffer: its own handle. More: a binding set.
  std::optional<RunResult> bind(const std::vector<runtime::Handle>& buffers, runtime::Handle& out) {
    if (buffers.empty()) return std::nullopt;
    if (buffers.size() == 1) {
      out = buffers.front();
      return std::nullopt;
    }
    const auto set = session_.bind(buffers);
    if (!set) return failed("bind", set.error());
    handles_.push_back(*set);
    out = *set;
    return std::nullopt;
  }

  static RunResult not_done(const runtime::ItemResult& result) {
    const std::string fault_text =
        message("{} (workgroup {}, lane {}, statement {})", fault_name(result.fault.code),
                result.fault.workgroup, result.fault.lane, result.fault.statement);
    const bool fault = result.status == CompletionStatus::faulted;
    return ended(fault ? Ending::faulted : Ending::broken,
                 fault ? fault_text : message("cancelled: {}", fault_text));
  }

  RunResult download(const vir::Program& program, const vir::BufferPlan& plan,
                     const std::vector<runtime::Handle>& by_buffer) {
    RunResult result{Ending::done, {}, {}};
    for (std::size_t i = 0; i < program.buffers.size(); ++i) {
      if (!vir::is_returned(plan.roles[i])) continue;
      auto bytes = session_.download(by_buffer[i], deadline_, stopped_);
      if (!bytes) return failed("download", bytes.error());
      const vir::ByteRange range = vir::returned_range(program.buffers[i], bytes->size());
      result.outputs.emplace_back(bytes->begin() + static_cast<std::ptrdiff_t>(range.start),
                                  bytes->begin() + static_cast<std::ptrdiff_t>(range.end));
    }
    return result;
  }

  runtime::Session session_;
  std::chrono::nanoseconds timeout_;
  bool (*stopped_)();
  Deadline deadline_;
  std::vector<runtime::Handle> handles_;  // of the case that runs
  std::uint64_t count_{0};
};

}  // namespace

std::string_view ending_name(Ending ending) noexcept {
  switch (ending) {
    case Ending::done:
      return "done";
    case Ending::refused:
      return "refused";
    case Ending::faulted:
      return "faulted";
    case Ending::broken:
      return "broken";
  }
  return "unknown";
}

Result<std::unique_ptr<CaseExecutor>> make_executor(const Options& options) {
  switch (options.executor) {
    case Executor::reference:
      return std::unique_ptr<CaseExecutor>(new ReferenceExecutor(options));
    case Executor::cpu:
    case Executor::cuda:
    case Executor::jit:
      break;
  }
  runtime::SessionOptions how;
  how.backend =
      on_device(options.executor) ? runtime::BackendKind::cuda : runtime::BackendKind::cpu;
  if (options.executor == Executor::jit) how.jit = backend::Jit::force;
  auto session = runtime::Session::open(how);
  if (!session) {
    return fail(session.error().code, message("executor {}: {}", executor_name(options.executor),
                                              session.error().message));
  }
  return std::unique_ptr<CaseExecutor>(new SessionExecutor(std::move(*session), options));
}

}  // namespace vyre::conformance
