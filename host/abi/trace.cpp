// Traces: recording a session, replay and inspection.
#include "trace/trace.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/message.hpp"
#include "blob.hpp"
#include "bound.hpp"
#include "executors.hpp"
#include "session.hpp"
#include "structures.hpp"
#include "trace/result_json.hpp"

struct vyre_recorder {
  vyre_recorder(vyre::abi::SessionReference of, std::shared_ptr<vyre::trace::Recorder> made)
      : session(std::move(of)), engine(std::move(made)) {}

  vyre::abi::SessionReference session;
  std::shared_ptr<vyre::trace::Recorder> engine;
};

namespace vyre::abi {
namespace {

std::string to_json(const trace::ReplayResult& result) {
  JsonWriter difference;
  if (result.difference) {
    trace::write(difference, *result.difference);
  } else {
    difference.value(nullptr);
  }
  JsonWriter racy_items;
  trace::write(racy_items, result.racy_items);
  return "{\"difference\": " + difference.text() + ", \"racy_items\": " + racy_items.text() +
         ", \"report\": " + report::to_json(result.document, -1) + "}";
}

Result<trace::ReplayOptions> engine_options(const vyre_replay_options& from) {
  trace::ReplayOptions to;
  VYRE_ASSIGN(to.executor, executor_of(from.executor, Executor::cpu));
  VYRE_ASSIGN(to.other, executor_of(from.other, Executor::reference));
  switch (from.compare) {
    case VYRE_COMPARE_NONE:
      to.compare = trace::Compare::none;
      break;
    case VYRE_COMPARE_RECORDED:
      to.compare = trace::Compare::expected;
      break;
    case VYRE_COMPARE_EXECUTOR:
      to.compare = trace::Compare::executor;
      break;
    default:
      return fail(Errc::invalid_argument,
                  message("compare is {}: use a VYRE_COMPARE_ constant", from.compare));
  }
  to.pace = from.recorded_pace != 0 ? trace::Pace::recorded : trace::Pace::full_speed;
  to.check_races = from.check_races != 0;
  to.workers = from.workers;
  if (from.ulp != 0) to.transcendental_ulp = from.ulp;
  if (from.exact != 0) to.transcendental_ulp = 0;
  to.memory_budget_bytes = from.memory_bytes;
  if (from.timeout < 0) return fail(Errc::invalid_argument, "timeout is negative; 0: 10 minutes");
  if (from.timeout != 0) to.timeout = std::chrono::nanoseconds{from.timeout};
  to.stopped = from.stopped;
  if (from.timeline_events != 0 && from.timeline == nullptr)
    return fail(Errc::invalid_argument, "timeline_events are given, and timeline is NULL");
  to.timeline_events = from.timeline_events;
  if (from.progress != nullptr) {
    to.progress = [progress = from.progress, context = from.context](
                      std::uint64_t done, std::uint64_t total) { progress(context, done, total); };
  }
  return to;
}

Status usable_recorder(const vyre_recorder* recorder) {
  VYRE_TRY(given(recorder, "recorder"));
  return usable(&*recorder->session);
}

}  // namespace
}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_record(vyre_session* session, const char* directory, uint64_t max_buffer_bytes,
                        vyre_recorder** recorder) {
  return guarded("vyre_record", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given_path(directory, "directory"));
    VYRE_TRY(given(recorder, "recorder"));
    trace::RecordOptions options;
    if (max_buffer_bytes != 0) options.max_buffer_bytes = max_buffer_bytes;
    options.session = session->engine.options();
    VYRE_ASSIGN(auto made, trace::Recorder::create(directory, options));
    if (auto observed = session->engine.observe(made); !observed) {
      made->discard();
      return observed;
    }
    *recorder = new vyre_recorder(SessionReference(*session), std::move(made));
    return {};
  });
}

vyre_error* vyre_record_finish(vyre_recorder* recorder, vyre_ns timeout) {
  return guarded("vyre_record_finish", [&]() -> Status {
    VYRE_TRY(usable_recorder(recorder));
    vyre_session& session = *recorder->session;
    const Deadline deadline = session.deadline(timeout);
    VYRE_TRY(Waits(deadline).run([&](Deadline until) { return session.engine.wait_all(until); }));
    VYRE_TRY(recorder->engine->finish(session.engine, deadline));
    return recorder->engine->status();
  });
}

vyre_error* vyre_record_cut_short(vyre_recorder* recorder) {
  return guarded("vyre_record_cut_short", [&]() -> Status {
    VYRE_TRY(usable_recorder(recorder));
    return recorder->engine->cut_short(recorder->session->engine);
  });
}

void vyre_recorder_free(vyre_recorder* recorder) {
  if (recorder == nullptr) return;
  // In a forked child the thread that it ends with is missing: the memory stays.
  if (recorder->session->forked()) return;
  quietly([recorder] { delete recorder; });
}

vyre_error* vyre_replay(const char* directory, const vyre_replay_options* options,
                        vyre_replay_result* result, vyre_blob** json) {
  return guarded("vyre_replay", [&]() -> Status {
    VYRE_TRY(given_path(directory, "directory"));
    VYRE_TRY(check_output(result, "vyre_replay_result"));
    VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_replay_options"));
    VYRE_ASSIGN(const trace::ReplayOptions how, engine_options(wanted));
    VYRE_ASSIGN(const auto labels, read_strings(wanted.labels, wanted.label_count, "labels"));
    report::RunInfo labelled;  // refuses before anything runs
    for (const std::string& label : labels) VYRE_TRY(report::add_label(labelled, label));
    VYRE_ASSIGN(trace::ReplayResult replayed, trace::replay(directory, how));
    replayed.document.run.labels = std::move(labelled.labels);
    const bool drawn = wanted.timeline != nullptr && wanted.timeline_events != 0;
    std::unique_ptr<vyre_blob> timeline;
    if (drawn) timeline.reset(make_blob(replayed.timeline));
    if (json != nullptr) *json = make_blob(to_json(replayed));
    if (drawn) *wanted.timeline = timeline.release();
    vyre_replay_result out{};
    out.complete = replayed.complete ? 1 : 0;
    out.stopped = replayed.stopped ? 1 : 0;
    out.differs = replayed.difference ? 1 : 0;
    out.items = replayed.items;
    out.items_skipped = replayed.items_skipped;
    out.buffers_compared = replayed.buffers_compared;
    out.bytes_compared = replayed.bytes_compared;
    out.racy_items = replayed.racy_items.size();
    write_output(result, out);
    return {};
  });
}

vyre_error* vyre_trace_inspect(const char* directory, vyre_stopped stopped, vyre_trace_info* info) {
  return guarded("vyre_trace_inspect", [&]() -> Status {
    VYRE_TRY(given_path(directory, "directory"));
    VYRE_TRY(given(info, "info"));
    VYRE_TRY(check_output(info, "vyre_trace_info"));
    VYRE_ASSIGN(const trace::TraceInfo found, trace::inspect(directory, stopped));
    vyre_trace_info out{
        0, found.complete ? 1u : 0u, found.items, found.programs, found.buffers, found.bytes, {}};
    std::copy_n(found.recorded_at.c_str(),
                std::min(found.recorded_at.size(), sizeof(out.recorded_at) - 1), out.recorded_at);
    write_output(info, out);
    return {};
  });
}
