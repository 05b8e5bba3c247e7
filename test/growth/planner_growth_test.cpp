// Planning against the number of items: four times as many take at most six times as long.
#include <gtest/gtest.h>

#include <string>

#include "planner/plan.hpp"
#include "support/choice.hpp"
#include "support/growth.hpp"

namespace vyre::planner {
namespace {

constexpr std::uint32_t kSmall{20'000};

Work with_buffers(std::uint32_t buffers) {
  Work work;
  OpFacts op;
  op.id = 1'024;
  op.repeatable = op.flat = true;
  op.workgroup = {32, 1, 1};
  op.registers = 1;
  op.rules = {0};
  BindingFacts own;
  own.own_element = own.whole = true;
  op.inputs = op.outputs = {own};
  work.ops.push_back(op);
  work.rules = 40;
  work.buffers.resize(buffers);
  for (std::uint32_t b = 0; b < buffers; ++b) {
    work.buffers[b].handle = b + 1;
    work.buffers[b].bytes = 4'096;
  }
  return work;
}

template <class Make>
void judge(const std::string& what, const Make& make) {
  const Work small = make(kSmall);
  const Work large = make(4 * kSmall);
  const auto plan = [](const Work& work) {
    const auto made = make_plan(work, {}, {});
    ASSERT_TRUE(made);
    EXPECT_EQ(made->regions.places.size(), work.items.size());
  };
  test::expect_near_linear(
      what, [&] { plan(small); }, [&] { plan(large); }, 0.02);
}

TEST(PlannerGrowth, AChain) {
  judge("chain", [](std::uint32_t n) {
    Work work = with_buffers(n + 1);
    for (std::uint32_t i = 0; i < n; ++i) work.add(0, {i}, {i + 1}).grid = {1, 1, 1};
    return work;
  });
}

TEST(PlannerGrowth, IndependentItems) {
  judge("independent", [](std::uint32_t n) {
    Work work = with_buffers(2 * n);
    for (std::uint32_t i = 0; i < n; ++i) work.add(0, {2 * i}, {2 * i + 1}).grid = {1, 1, 1};
    return work;
  });
}

TEST(PlannerGrowth, ReadersOfOneBufferAndItsWriter) {
  judge("readers", [](std::uint32_t n) {
    Work work = with_buffers(n + 1);
    for (std::uint32_t i = 0; i < n; ++i) {
      work.add(0, {n}, {i});
      if (i % 1'000 == 999) work.add(0, {i}, {n});
    }
    return work;
  });
}

TEST(PlannerGrowth, EqualItems) {
  judge("equal", [](std::uint32_t n) {
    Work work = with_buffers(2);
    for (std::uint32_t i = 0; i < n; ++i) work.add(0, {0}, {1}, i % 100);
    return work;
  });
}

TEST(PlannerGrowth, RandomItems) {
  judge("random", [](std::uint32_t n) {
    test::Choice choice(7);
    Work work = with_buffers(n / 4);
    for (std::uint32_t i = 0; i < n; ++i)
      work.add(0, {choice.below(n / 4)}, {choice.below(n / 4)}).grid = {1, 1, 1};
    return work;
  });
}

TEST(PlannerGrowth, LineageOfAGraphWithCycles) {
  const auto make = [](std::uint32_t n) {
    test::Choice choice(7);
    std::vector<LineageEdge> edges;
    for (std::uint32_t e = 0; e < 3 * n; ++e) edges.push_back({choice.below(n), choice.below(n)});
    return edges;
  };
  const auto close = [](std::uint32_t n, const std::vector<LineageEdge>& edges) {
    RuleSets own(n, 40);
    for (std::uint32_t r = 0; r < n; ++r) own.add(r, r % 40);
    EXPECT_TRUE(lineage(std::move(own), edges, {}));
  };
  const auto small = make(kSmall);
  const auto large = make(4 * kSmall);
  test::expect_near_linear(
      "lineage", [&] { close(kSmall, small); }, [&] { close(4 * kSmall, large); }, 0.02);
}

}  // namespace
}  // namespace vyre::planner
