// See policy_line.hpp.
#include "policy_line.hpp"

#include <array>

#include "base/message.hpp"
#include "json_fields.hpp"
#include "report/names.hpp"

namespace vyre::conformance {
namespace {

using planner::MegakernelLaunchPlan;
using planner::MegakernelLaunchRequest;

struct ErrorWord {
  std::string_view word;
  PolicyError error;
  Errc code;
};
constexpr std::array<ErrorWord, 4> kErrors{{
    {"zero_limit", PolicyError::zero_limit, Errc::invalid_argument},
    {"hit_capacity_overflow", PolicyError::hit_capacity_overflow, Errc::limit_exceeded},
    {"peak_bytes_overflow", PolicyError::peak_bytes_overflow, Errc::limit_exceeded},
    {"out_of_memory", PolicyError::out_of_memory, Errc::out_of_memory},
}};

/// Visits every field of a request or of a plan with its key.
template <class Request, class Visit>
Status each_field_of_request(Request& r, const Visit& visit) {
  VYRE_TRY(visit("queue_len", r.queue_len));
  VYRE_TRY(visit("requested_worker_groups", r.requested_worker_groups));
  VYRE_TRY(visit("max_workgroup_size_x", r.max_workgroup_size_x));
  VYRE_TRY(visit("max_compute_workgroups_per_dimension", r.max_compute_workgroups_per_dimension));
  VYRE_TRY(visit("max_compute_invocations_per_workgroup", r.max_compute_invocations_per_workgroup));
  VYRE_TRY(visit("requested_hit_capacity", r.requested_hit_capacity));
  VYRE_TRY(visit("expected_hits_per_item", r.expected_hits_per_item));
  VYRE_TRY(visit("hot_opcode_count", r.hot_opcode_count));
  VYRE_TRY(visit("hot_window_count", r.hot_window_count));
  VYRE_TRY(visit("requeue_count", r.requeue_count));
  VYRE_TRY(visit("max_priority_age", r.max_priority_age));
  VYRE_TRY(visit("graph_node_count", r.graph_node_count));
  VYRE_TRY(visit("graph_edge_count", r.graph_edge_count));
  VYRE_TRY(visit("frontier_density_bps", r.frontier_density_bps));
  VYRE_TRY(visit("memory_pressure_bps", r.memory_pressure_bps));
  VYRE_TRY(visit("resident_device_bytes", r.resident_device_bytes));
  return visit("device_memory_budget_bytes", r.device_memory_budget_bytes);
}

template <class Plan, class Visit>
Status each_field_of_plan(Plan& p, const Visit& visit) {
  VYRE_TRY(visit("topology", p.topology));
  VYRE_TRY(visit("pressure", p.pressure));
  VYRE_TRY(visit("execution_mode", p.execution_mode));
  VYRE_TRY(visit("frontier_density_bps", p.frontier_density_bps));
  VYRE_TRY(visit("memory_pressure_bps", p.memory_pressure_bps));
  VYRE_TRY(visit("promote_hot_opcodes", p.promote_hot_opcodes));
  VYRE_TRY(visit("promote_hot_windows", p.promote_hot_windows));
  VYRE_TRY(visit("age_priority_work", p.age_priority_work));
  VYRE_TRY(visit("worker_groups", p.worker_groups));
  VYRE_TRY(visit("workgroup_size_x", p.workgroup_size_x));
  VYRE_TRY(visit("slot_count", p.slot_count));
  VYRE_TRY(visit("dispatch_grid", p.dispatch_grid));
  VYRE_TRY(visit("hit_capacity", p.hit_capacity));
  return visit("estimated_peak_device_bytes", p.estimated_peak_device_bytes);
}

/// Reads one field by its type.
struct ReadField {
  const Json& object;

  template <class Value>
  Status operator()(const char* key, Value& value) const {
    if constexpr (std::is_enum_v<Value>) {
      VYRE_ASSIGN(const std::string word, text(object, key));
      if (!report::parse_enum(word, value)) return unknown(key, word);
    } else if constexpr (std::is_same_v<Value, bool>) {
      const Json* found = find(object, key);
      if (found == nullptr || !found->is_boolean())
        return bad(message("key \"{}\" is missing or neither true nor false", key));
      value = found->get<bool>();
    } else if constexpr (std::is_same_v<Value, std::array<std::uint32_t, 3>>) {
      VYRE_ASSIGN(const Json* grid, list(object, key));
      if (grid->size() != value.size())
        return bad(message("key \"{}\" is no list of three numbers", key));
      for (std::size_t i = 0; i < value.size(); ++i) {
        VYRE_ASSIGN(value[i],
                    whole_number<std::uint32_t>((*grid)[i], message("an entry of \"{}\"", key)));
      }
    } else {
      VYRE_ASSIGN(value, number<Value>(object, key));
    }
    return {};
  }
  static tl::unexpected<Error> unknown(const char* key, const std::string& word) {
    return bad(message("key \"{}\" has the unknown word \"{}\"", key, word));
  }
};

template <class Value>
std::string shown(const Value& value) {
  if constexpr (std::is_enum_v<Value>) {
    return std::string(report::enum_name(value));
  } else if constexpr (std::is_same_v<Value, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<Value, std::array<std::uint32_t, 3>>) {
    return message("[{},{},{}]", value[0], value[1], value[2]);
  } else {
    return std::to_string(value);
  }
}

std::optional<std::string> first_difference(const MegakernelLaunchPlan& expected,
                                            const MegakernelLaunchPlan& got) {
  // Both plans are visited field by field in the same order; the texts of one are kept.
  std::vector<std::string> wanted;
  const Status kept = each_field_of_plan(expected, [&](const char*, const auto& value) -> Status {
    wanted.push_back(shown(value));
    return {};
  });
  std::size_t at = 0;
  const Status same = each_field_of_plan(got, [&](const char* key, const auto& value) -> Status {
    const std::string& want = wanted[at++];
    if (shown(value) == want) return {};
    return bad(message("{}: expected {}, got {}", key, want, shown(value)));
  });
  if (kept && same) return std::nullopt;
  return same.error().message;
}

/// Whether the message names what the line says that it must.
bool names(const PolicyCase& c, const Error& error) {
  const auto has = [&](const std::string& word) {
    return error.message.find(word) != std::string::npos;
  };
  switch (c.error) {
    case PolicyError::none:
      return false;
    case PolicyError::zero_limit:
      return has(c.limit);
    case PolicyError::hit_capacity_overflow:
      return has("hit capacity");
    case PolicyError::peak_bytes_overflow:
      return has("peak device bytes");
    case PolicyError::out_of_memory:
      return has(message(" {} bytes", c.requested)) && has(message(" {} ", c.available));
  }
  return false;
}

const ErrorWord& word_of(PolicyError error) {
  std::size_t i = 0;
  while (i + 1 < kErrors.size() && kErrors[i].error != error) ++i;
  return kErrors[i];
}

Status read_error(const Json& object, PolicyCase& c) {
  VYRE_ASSIGN(const std::string kind, text(object, "kind"));
  for (const ErrorWord& one : kErrors) {
    if (one.word == kind) c.error = one.error;
  }
  if (c.error == PolicyError::none) return ReadField::unknown("error.kind", kind);
  if (c.error == PolicyError::zero_limit) {
    VYRE_ASSIGN(c.limit, text(object, "limit"));
  }
  if (c.error == PolicyError::out_of_memory) {
    VYRE_ASSIGN(c.requested, number<std::uint64_t>(object, "requested"));
    VYRE_ASSIGN(c.available, number<std::uint64_t>(object, "available"));
  }
  return {};
}

}  // namespace

Result<PolicyCase> policy_case(const nlohmann::json& object) {
  PolicyCase c;
  VYRE_ASSIGN(c.name, text(object, "kind"));
  const Json* request = find(object, "request");
  if (request == nullptr || !request->is_object())
    return bad("key \"request\" is missing or no object");
  VYRE_TRY(each_field_of_request(c.request, ReadField{*request}));
  if (const Json* previous = find(object, "previous");
      previous != nullptr && !previous->is_null()) {
    VYRE_TRY(ReadField{object}("previous", c.previous.emplace()));
  }
  const Json* answer = find(object, "answer");
  const Json* error = find(object, "error");
  const Json* one = answer != nullptr ? answer : error;
  if ((answer == nullptr) == (error == nullptr) || !one->is_object())
    return bad("a policy case has either an \"answer\" or an \"error\" object");
  VYRE_TRY(answer != nullptr ? each_field_of_plan(c.answer, ReadField{*answer})
                             : read_error(*error, c));
  if (find(object, "note") != nullptr) {
    VYRE_ASSIGN(const std::string note, text(object, "note"));
    c.slots_short = note == "slots_short";
  }
  return c;
}

std::optional<std::string> judge(const PolicyCase& c) {
  const auto plan = planner::plan_launch(c.request, c.previous);
  if (plan) {
    if (c.error == PolicyError::none) return first_difference(c.answer, *plan);
    return message("expected the error {}, got a plan", word_of(c.error).word);
  }
  const Error& error = plan.error();
  if (c.slots_short && error.code == Errc::limit_exceeded) return std::nullopt;
  if (c.error != PolicyError::none && error.code == word_of(c.error).code && names(c, error))
    return std::nullopt;
  return message(
      "expected {}, got {}",
      c.error == PolicyError::none ? "a plan" : message("the error {}", word_of(c.error).word),
      to_string(error));
}

}  // namespace vyre::conformance
