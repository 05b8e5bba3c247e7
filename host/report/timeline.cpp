// See timeline.hpp.
#include "report/timeline.hpp"

#include <algorithm>
#include <map>
#include <new>
#include <set>

#include "base/json_writer.hpp"
#include "base/message.hpp"

namespace vyre::report {
namespace {

using Kind = TimelineEvent::Kind;

// What the picture calls processes.
constexpr int kWorkers{1};
constexpr int kQueues{2};
constexpr int kReads{3};

double us(std::int64_t ns) {
  return static_cast<double>(ns) / 1e3;
}

void name_line(JsonWriter& json, std::string_view what, int process, std::uint32_t line,
               std::string_view name) {
  json.begin_object().member("ph", "M").member("name", what).member("pid", process);
  json.member("tid", line).key("args").begin_object().member("name", name).end_object();
  json.end_object();
}

void begin_event(JsonWriter& json, std::string_view phase, std::string_view name,
                 std::string_view category, int process, std::uint32_t line, std::int64_t ns) {
  json.begin_object().member("ph", phase).member("name", name).member("cat", category);
  json.member("pid", process).member("tid", line).member("ts", us(ns));
}

/// From when it was asked for until the host saw its end; these overlap.
void write_span(JsonWriter& json, const TimelineEvent& event, std::string_view name, int process,
                std::uint64_t id) {
  const std::string_view category = event.kind == Kind::read ? "read" : "submitted";
  const std::string text = std::to_string(id);
  begin_event(json, "b", name, category, process, event.line, event.asked_ns);
  json.member("id", text).key("args").begin_object();
  json.member(event.kind == Kind::read ? "bytes" : "position", event.number);
  json.member("done", event.done).end_object().end_object();
  begin_event(json, "e", name, category, process, event.line,
              std::max(event.seen_ns, event.asked_ns));
  json.member("id", text).end_object();
}

/// What a worker ran.
void write_run(JsonWriter& json, const TimelineEvent& event, std::string_view name) {
  begin_event(json, "X", name, event.kind == Kind::region ? "region" : "item", kWorkers,
              event.worker, event.began_ns);
  json.member("dur", us(event.ended_ns - event.began_ns)).key("args").begin_object();
  json.member("queue", event.line).member("position", event.number);
  json.member("waited_us", us(event.began_ns - event.asked_ns)).member("done", event.done);
  json.end_object().end_object();
}

}  // namespace

void Timeline::add(const TimelineEvent& event) noexcept {
  const std::lock_guard lock(mutex_);
  if (came_++ % every_ != 0) return;
  if (events_.size() >= capacity_) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < events_.size(); i += 2) events_[kept++] = events_[i];
    events_.resize(kept);
    every_ *= 2;
    if ((came_ - 1) % every_ != 0) return;
  }
  try {
    events_.push_back(event);
  } catch (const std::bad_alloc&) {
    // It counts as one that came.
  }
}

std::string Timeline::chrome_trace(const std::function<std::string(std::uint32_t)>& op_name) const {
  std::vector<TimelineEvent> events;
  std::uint64_t came = 0;
  std::uint64_t every = 0;
  {
    const std::lock_guard lock(mutex_);
    events = events_;
    came = came_;
    every = every_;
  }
  std::map<std::uint32_t, std::string> names;
  std::set<std::uint32_t> workers, queues, tiers;
  JsonWriter json;
  json.begin_object().member("displayTimeUnit", "ns").key("traceEvents").begin_array();
  std::uint64_t id = 0;
  for (const TimelineEvent& event : events) {
    ++id;
    if (event.kind == Kind::read) {
      tiers.insert(event.line);
      write_span(json, event, "read", kReads, id);
      continue;
    }
    queues.insert(event.line);
    std::string name;
    if (event.kind == Kind::region) {
      name = message("region of {}", event.op);
    } else {
      const auto [known, is_new] = names.try_emplace(event.op);
      if (is_new) known->second = op_name(event.op);
      name = known->second;
    }
    write_span(json, event, name, kQueues, id);
    if (!event.ran) continue;
    workers.insert(event.worker);
    write_run(json, event, name);
  }
  name_line(json, "process_name", kWorkers, 0, "workers");
  name_line(json, "process_name", kQueues, 0, "queues");
  name_line(json, "process_name", kReads, 0, "reads");
  for (const std::uint32_t worker : workers)
    name_line(json, "thread_name", kWorkers, worker, message("worker {}", worker));
  for (const std::uint32_t queue : queues)
    name_line(json, "thread_name", kQueues, queue, message("queue {}", queue));
  for (const std::uint32_t tier : tiers)
    name_line(json, "thread_name", kReads, tier,
              message("tier {}", std::string(1, static_cast<char>('A' + tier))));
  json.end_array().key("otherData").begin_object();
  json.member("events", came).member("kept_one_of", every);
  return std::move(json.end_object().end_object()).text();
}

}  // namespace vyre::report
