// The reference executor: items of one program, and the report of them.
#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/message.hpp"
#include "blob.hpp"
#include "bound.hpp"
#include "guard.hpp"
#include "program.hpp"
#include "protocol/limits.hpp"
#include "reference/evaluate.hpp"
#include "report.hpp"
#include "session.hpp"
#include "structures.hpp"
#include "taken.hpp"
#include "vir/validate/validate.hpp"

/// One thread at a time is in a call (`taken`). What the last item left lives here until the next.
struct vyre_reference {
  vyre_reference(vyre_program& of, std::string its_name, vyre::reference::Options options)
      : program(of), name(std::move(its_name)), how(std::move(options)) {}

  vyre::abi::ProgramReference program;
  const std::string name;
  const vyre::reference::Options how;
  std::atomic<bool> taken{false};
  vyre::reference::Outcome last;
  std::vector<vyre_span> outputs;
  vyre::report::Document document;
  vyre::report::OpRow row;
  const vyre::platform::ProcessUse used_before{vyre::platform::process_use()};
};

namespace vyre::abi {
namespace {

Error because(Errc code, std::string text) {
  return {code, std::move(text), kNoOffset, 0, 0, 0};
}

/// Why an item that was watched has no results, if it has none for that: what racing lanes leave is
/// unspecified.
std::optional<Error> races_of(const vyre_reference& of, const reference::Outcome& outcome) {
  const reference::Races& races = outcome.races;
  if (races.none()) {
    if (!races.out_of_memory) return std::nullopt;
    return because(Errc::limit_exceeded, reference::shadow_exceeded());
  }
  const auto prepared = vir::prepare(of.program->program);  // it ran, so it can be
  std::string text = "its lanes race for memory, so its results are unspecified";
  std::uint64_t told = 0;
  for (const reference::Race& race : races.list) {
    text += message("\n  {}", reference::to_string(*prepared, of.program->places, of.name, race));
    told += race.times;
  }
  if (told != races.total) text += message("\n  and {} more at other places", races.total - told);
  if (outcome.verdict != reference::Verdict::done)
    text += message("\n  and it ended: {}", outcome.message);
  return because(Errc::faulted, std::move(text));
}

/// Counts an item that has no results as a fault or a cancellation, and says why.
Error not_done(vyre_reference& of, const reference::Outcome& outcome) {
  const bool faulted = outcome.verdict == reference::Verdict::faulted;
  ++(faulted ? of.row.faults : of.row.cancelled);
  const auto places = faulted ? of.program->statements() : nullptr;
  ++of.document.faults_total;
  if (of.document.faults.size() < kMaxReportedFaults) {
    report::FaultRow row{0, of.row.items - 1, of.name,
                         faulted ? CompletionStatus::faulted : CompletionStatus::cancelled,
                         outcome.fault};
    row.op_handle = of.row.op_handle;
    if (places != nullptr) row.place = places->words_of(outcome.fault.statement, of.name);
    of.document.faults.push_back(std::move(row));
  }
  Error why = because(faulted ? Errc::faulted : Errc::deadline_exceeded, outcome.message);
  if (places == nullptr) return why;
  const vir::SourcePlace place = places->of(outcome.fault.statement);
  why.line = place.line;
  why.column = place.column;
  why.message = behind(places->map, place, std::move(why.message), of.name);
  return why;
}

vyre_reference_result shown(const vyre_reference& of) {
  const reference::Outcome& outcome = of.last;
  vyre_reference_result to{};
  to.status = outcome.verdict == reference::Verdict::done      ? VYRE_ITEM_DONE
              : outcome.verdict == reference::Verdict::faulted ? VYRE_ITEM_FAULTED
                                                               : VYRE_ITEM_CANCELLED;
  to.code = static_cast<std::uint32_t>(outcome.fault.code);
  to.lane = outcome.fault.lane;
  to.workgroup = outcome.fault.workgroup;
  to.statement = outcome.fault.statement;
  to.races = outcome.races.total;
  to.outputs = of.outputs.data();
  to.output_count = of.outputs.size();
  return to;
}

Status run(vyre_reference& of, std::vector<Bytes> inputs, vyre_ns timeout,
           vyre_reference_result* result) {
  of.outputs.clear();
  reference::Options how = of.how;
  const Deadline begin = Clock::now();
  how.deadline = deadline_after(timeout, kDefaultTimeout);
  how.stopped = asked_by_this_thread();
  of.last = reference::evaluate(of.program->program, inputs, how);
  for (const Bytes& input : inputs) of.document.work->uploaded_bytes += input.size();
  const reference::Outcome& outcome = of.last;
  if (outcome.verdict == reference::Verdict::cancelled && how.stopped != nullptr && how.stopped())
    return tl::unexpected<Error>(interrupted());
  of.document.report.wall_time += Clock::now() - begin;
  ++of.row.items;
  if (outcome.verdict == reference::Verdict::refused)
    return fail(outcome.out_of_memory ? Errc::out_of_memory : Errc::refused, outcome.message);
  std::optional<Error> why = races_of(of, outcome);
  if (!why && outcome.verdict != reference::Verdict::done) why = not_done(of, outcome);
  if (!why) {
    for (const Bytes& output : outcome.outputs)
      of.outputs.push_back({output.data(), output.size()});
    for (const vyre_span& output : of.outputs) of.document.work->output_bytes += output.size;
  }
  write_output(result, shown(of));
  if (why) return tl::unexpected<Error>(std::move(*why));
  return {};
}

Result<std::vector<Bytes>> copies_of(const vyre_span* inputs, std::size_t count) {
  VYRE_TRY(given_array(inputs, count, "inputs"));
  std::vector<Bytes> copies;
  copies.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    VYRE_TRY(given_array(inputs[i].data, inputs[i].size, "the data of an input"));
    const auto* const bytes = static_cast<const std::uint8_t*>(inputs[i].data);
    copies.emplace_back(bytes, bytes + inputs[i].size);
  }
  return copies;
}

/// A call that is alone on a reference executor.
template <class Work>
vyre_error* alone(const char* call, vyre_reference* reference, const Work& work) noexcept {
  return guarded(call, [&]() -> Status {
    VYRE_TRY(given(reference, "reference"));
    const Taken taken(reference->taken);
    if (taken) return work();
    return fail(Errc::busy, "another call is under way on this reference executor; wait for it");
  });
}

}  // namespace
}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_reference_new(vyre_program* program, const vyre_reference_options* options,
                               vyre_ns timeout, vyre_reference** reference) {
  return guarded("vyre_reference_new", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(reference, "reference"));
    VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_reference_options"));
    Bound bound(timeout);
    VYRE_TRY(placed(*program, checked(program->program, bound)));
    reference::Options how;
    how.validate = false;  // it is valid
    how.check_races = wanted.check_races != 0;
    if (wanted.fuel != 0) how.fuel = wanted.fuel;
    if (wanted.param != 0) {
      VYRE_ASSIGN(how.grid, vir::grid_for(program->program, wanted.param));
    }
    auto made = std::make_unique<vyre_reference>(
        *program, wanted.name == nullptr ? "program" : wanted.name, std::move(how));
    made->row.name = made->name;
    made->row.executor = "reference";
    made->document.run = report::describe_run({});
    made->document.run.executor = "reference";
    made->document.work = report::WorkSection{};
    made->document.run.why_no_device = "the reference executor runs on the host";
    made->document.caps = MegakernelCaps::unsupported("the reference executor has no workers");
    *reference = made.release();
    return {};
  });
}

vyre_error* vyre_reference_run(vyre_reference* reference, const vyre_span* inputs, size_t count,
                               vyre_ns timeout, vyre_reference_result* result) {
  return alone("vyre_reference_run", reference, [&]() -> Status {
    VYRE_TRY(check_output(result, "vyre_reference_result"));
    VYRE_ASSIGN(auto copies, copies_of(inputs, count));
    return run(*reference, std::move(copies), timeout, result);
  });
}

vyre_error* vyre_reference_report(vyre_reference* reference, const vyre_report_options* options,
                                  vyre_blob** json) {
  return alone("vyre_reference_report", reference, [&]() -> Status {
    VYRE_TRY(given(json, "json"));
    report::Document document = reference->document;
    document.report.items_processed = reference->row.items;
    document.report.published_items = reference->row.items;
    document.process = report::process_since(reference->used_before);
    document.ops.push_back(reference->row);
    VYRE_ASSIGN(*json, report_of(std::move(document), options));
    return {};
  });
}

void vyre_reference_free(vyre_reference* reference) {
  quietly([reference] { delete reference; });
}
