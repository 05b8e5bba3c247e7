// What items cost in a session: numbers come from items that ran, and a plan fuses by them.
#include <nlohmann/json.hpp>

#include "base/size_class.hpp"
#include "plan_fixture.hpp"

namespace vyre::runtime::test {
namespace {

nlohmann::json costs_of(const Plan& plan) {
  return nlohmann::json::parse(plan.describe_json())["measured"];
}

class PlanCosts : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Session::open(test_options(1));
    ASSERT_OK(opened);
    session.emplace(std::move(*opened));
    auto made = PlanOps::into(*session);
    ASSERT_OK(made);
    ops = *made;
    buffers = PlanBuffers::into(*session, 8).buffers;
  }
  Plan plan(std::span<const MegakernelWorkItem> items) {
    auto made = session->plan(items, {.dedupe = false});
    EXPECT_OK(made);
    return std::move(made.value());
  }
  /// Items one behind the other, so that only the cost says whether they share a region.
  [[nodiscard]] std::vector<MegakernelWorkItem> chain(std::uint32_t op) const {
    return {{op, buffers[0].id, buffers[1].id, 0}, {op, buffers[1].id, buffers[2].id, 0}};
  }
  /// An item of an op with one input.
  [[nodiscard]] std::vector<MegakernelWorkItem> one(std::uint32_t op, std::uint32_t param) const {
    return {{op, buffers[0].id, buffers[1].id, param}};
  }
  void run(std::span<const MegakernelWorkItem> items) {
    ASSERT_EQ(session->submit_many(items, soon()).accepted, items.size());
    ASSERT_OK(session->wait_all(soon()));
  }
  std::optional<Session> session;
  PlanOps ops;
  std::vector<Handle> buffers;
};

TEST_F(PlanCosts, ASessionThatRanNothingHasMeasuredNothing) {
  const Plan plan = this->plan(chain(ops.add));
  for (const char* key : {"item_ns", "bytes_per_ns", "step_ns", "fused_ratio"})
    EXPECT_TRUE(costs_of(plan)[key].is_null()) << key;
  EXPECT_NE(plan.describe().find("item not measured, bandwidth not measured, step not measured"),
            std::string::npos)
      << plan.describe();
}

TEST_F(PlanCosts, EachNumberComesFromItemsThatRan) {
  ONLY_ON_CPU("a device times no item yet");
  run(std::vector<MegakernelWorkItem>(100, {kNop, 0, 0, 0}));
  const auto nops = costs_of(plan(chain(kCopy)));
  EXPECT_GT(nops["item_ns"], 1.0);
  EXPECT_LT(nops["item_ns"], 1e9);
  EXPECT_TRUE(nops["bytes_per_ns"].is_null()) << "no byte was moved";
  EXPECT_TRUE(nops["step_ns"].is_null()) << "no program ran";
  run(chain(kCopy));
  const auto copies = costs_of(plan(chain(kCopy)));
  EXPECT_GT(copies["bytes_per_ns"], 0.0);
  EXPECT_LT(copies["bytes_per_ns"], 1e4);
  EXPECT_TRUE(copies["step_ns"].is_null());
  run(chain(ops.spin));
  const Plan last = plan(chain(kCopy));
  EXPECT_GT(costs_of(last)["step_ns"], 0.0);
  EXPECT_LT(costs_of(last)["step_ns"], 1e6);
  EXPECT_TRUE(costs_of(last)["fused_ratio"].is_null()) << "no image of several programs ran";
  EXPECT_EQ(last.describe().find("item not measured"), std::string::npos) << last.describe();
}

TEST_F(PlanCosts, AProgramHasACostForEachSizeOfItsItems) {
  ONLY_ON_CPU("a device times no item yet");
  for (int times = 0; times < 3; ++times) run(one(ops.trap, 0));
  const auto small = costs_of(plan(chain(ops.trap)))["ops"];
  ASSERT_EQ(small.size(), 1u);
  const auto lanes_of = [](const nlohmann::json& op) {
    std::vector<std::size_t> classes;
    for (std::size_t c = 0; c < kSizeClasses; ++c) {
      if (op["lane_ns"][c].get<double>() > 0) classes.push_back(c);
    }
    return classes;
  };
  const std::vector<std::size_t> first = lanes_of(small[0]);
  ASSERT_EQ(first.size(), 1u) << small.dump(2);
  for (int times = 0; times < 3; ++times) run(one(ops.trap, 10'000));  // so many lanes
  const auto both = costs_of(plan(chain(ops.trap)))["ops"];
  EXPECT_EQ(lanes_of(both[0]), (std::vector<std::size_t>{first[0], size_class(10'000)}));
  EXPECT_GT(both[0]["steps"], 0.0);
  EXPECT_NE(plan(chain(ops.trap)).describe().find(" ns a lane in "), std::string::npos);
}

TEST_F(PlanCosts, WhatMembersTakeInOneImageIsMeasuredAgainstWhatTheyTakeAlone) {
  ONLY_ON_CPU("a device times no item yet");
  for (int times = 0; times < 5; ++times) run(chain(ops.trap));
  for (int times = 0; times < 5; ++times) {
    ASSERT_OK(session->submit(plan(chain(ops.trap)), soon()));
    ASSERT_OK(session->wait_all(soon()));
  }
  const Plan last = plan(chain(ops.trap));
  const auto ratio = costs_of(last)["fused_ratio"];
  ASSERT_TRUE(ratio.is_number()) << last.describe();
  EXPECT_GT(ratio.get<double>(), 0.0);
  EXPECT_LT(ratio.get<double>(), 1e4);
  EXPECT_EQ(last.describe().find("one image not measured"), std::string::npos) << last.describe();
}

TEST_F(PlanCosts, LongItemsDoNotShareARegionAndShortOnesDo) {
  ONLY_ON_CPU("a device times no item yet");
  // Each of four lanes makes two million turns: some milliseconds beside a slot's microsecond.
  ASSERT_OK(session->write(buffers[0], 0, words({2'000'000, 0, 0, 0}), soon()));
  run(std::vector<MegakernelWorkItem>{{ops.spin, buffers[0].id, buffers[3].id, 0}});
  // The item took all of its steps between its submission and its end.
  const report::OpRow row = session->report().ops.at(0);
  ASSERT_GT(row.steps.value(), 8'000'000u);
  EXPECT_LE(costs_of(plan(chain(kNop)))["step_ns"].get<double>() * static_cast<double>(*row.steps),
            1.07 * static_cast<double>(row.latency.value().max_ns))  // the width of a bucket
      << row.latency->max_ns;
  const auto of = [&](std::uint32_t op) {
    return nlohmann::json::parse(plan(chain(op)).describe_json());
  };
  EXPECT_EQ(of(ops.spin)["forms"]["single"], 2) << of(ops.spin).dump(2);
  EXPECT_EQ(of(ops.spin)["refused"]["cost"], 1);
  EXPECT_EQ(of(kNop)["forms"]["single"], 0) << "two that take no time at all";
}

}  // namespace
}  // namespace vyre::runtime::test
