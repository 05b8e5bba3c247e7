// Plans of batches that tests make. Tests only.
#pragma once

#include <gtest/gtest.h>

#include "planner/plan.hpp"
#include "unit/planner/random_work.hpp"

namespace vyre::planner::testing {

inline Plan plan_of(const Work& work, const PlanOptions& options = {},
                    const Measured& measured = {}) {
  auto plan = make_plan(work, options, measured);
  EXPECT_TRUE(plan) << to_string(plan.error());
  return plan ? std::move(*plan) : Plan{};
}

/// Two flat programs that hand over a buffer lane by lane; everything that a rule looks at is
/// right.
inline Work handing_over() {
  Work work;
  work.ops = five_ops();
  work.rules = work.ops.size();
  work.buffers.resize(8);
  for (std::uint32_t b = 0; b < 8; ++b) {
    work.buffers[b].handle = 10 + b;
    work.buffers[b].bytes = 1u << 20;
  }
  work.add(1, {0}, {1}).grid = {4, 1, 1};
  work.add(1, {1}, {2}).grid = {4, 1, 1};
  return work;
}

}  // namespace vyre::planner::testing
