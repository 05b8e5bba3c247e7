// Lines of launch policy files: a request and the plan or the error that it must give. Host only,
// private to this room, pure. Format: docs/internals/conformance.md.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "planner/launch_policy.hpp"

namespace vyre::conformance {

/// The errors that a line may expect.
enum class PolicyError : std::uint8_t {
  none,
  zero_limit,             // `limit` names the field
  hit_capacity_overflow,  // limit_exceeded
  peak_bytes_overflow,    // limit_exceeded
  out_of_memory,          // `requested` and `available` bytes
};

struct PolicyCase {
  std::string name;
  planner::MegakernelLaunchRequest request;
  std::optional<Topology> previous;
  planner::MegakernelLaunchPlan answer;  // where `error` is none
  PolicyError error{PolicyError::none};
  std::string limit;
  std::uint64_t requested{0};
  std::uint64_t available{0};
  bool slots_short{false};  // limit_exceeded is right, too
};

[[nodiscard]] Result<PolicyCase> policy_case(const nlohmann::json& object);
/// Why the case does not pass.
[[nodiscard]] std::optional<std::string> judge(const PolicyCase& c);

}  // namespace vyre::conformance
