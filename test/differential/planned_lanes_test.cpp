// Random graphs of random flat programs: as a plan, whose regions run as one image where they may,
// one by one on the same workers, and on the reference. Every byte and every result is equal.
// VYRE_SEED replays one graph, VYRE_TEST_SCALE multiplies how many are tried. The same tests run on
// a device (VYRE_TEST_CUDA).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "protocol/fault_names.hpp"
#include "reference/evaluate.hpp"
#include "runtime/plan.hpp"
#include "runtime/session.hpp"
#include "runtime/testing.hpp"
#include "support/random_lanes.hpp"
#include "vir/text/text.hpp"

namespace vyre {
namespace {

using runtime::Session;
using test::Choice;

#define REQUIRE(result) ASSERT_TRUE((result).has_value()) << to_string((result).error())

#if defined(VYRE_TEST_CUDA)
constexpr runtime::BackendKind kLanesBackend{runtime::BackendKind::cuda};
#else
constexpr runtime::BackendKind kLanesBackend{runtime::BackendKind::cpu};
#endif

Deadline soon() {
  return after(std::chrono::seconds{30});
}

std::string ending(CompletionStatus status, const Fault& fault) {
  return std::string(status_name(status)) + " " + std::string(fault_name(fault.code)) + " at " +
         std::to_string(fault.workgroup) + "/" + std::to_string(fault.lane) + "/" +
         std::to_string(fault.statement);
}

struct GraphKnobs {
  bool faults{false};
  bool little_fuel{false};
  bool scratch{false};
  std::uint32_t workers{1};
};

/// What graphs came to, so that a test can see that it tested something.
struct Tally {
  std::uint64_t items{0};
  std::uint64_t lanes{0};  // regions
  std::uint64_t not_done{0};
  std::uint64_t unspecified{0};  // scratch buffers whose bytes differ
};

class Graph {
 public:
  Graph(std::uint64_t seed, const GraphKnobs& knobs) : choice_(seed), knobs_(knobs) {}

  void run(Tally& tally) {
    fuel_ = knobs_.little_fuel ? 20 + choice_.below(400) : kDefaultFuel;
    runtime::SessionOptions options;
    options.backend = kLanesBackend;
    options.workers = knobs_.workers;
    options.max_blocks = 32;
    options.device_memory_bytes = std::uint64_t{64} << 20;
    options.fuel = fuel_;
    runtime::TestHooks hooks;
    hooks.nothing_measured = true;
    auto session = runtime::open_for_tests(options, hooks);
    REQUIRE(session);
    session_.emplace(std::move(*session));
    make_programs();
    if (testing::Test::HasFatalFailure()) return;
    make_buffers();
    if (testing::Test::HasFatalFailure()) return;
    make_items();
    compare(tally);
  }

 private:
  struct Op {
    test::LaneProgram made;
    vir::Program program;
    std::uint32_t id{0};
  };
  struct Buffer {
    std::string type;
    Bytes bytes;
    runtime::Handle planned;
    runtime::Handle alone;
    bool scratch{false};
  };
  struct Node {
    const Op* op{nullptr};
    std::vector<std::size_t> inputs;
    std::vector<std::size_t> outputs;
    std::uint32_t param{0};
  };

  void make_programs() {
    test::LaneKnobs lanes;
    lanes.workgroup = choice_.of<std::uint32_t>({1, 32, 64, 64, 100, 256});
    lanes.elements = elements_ = 1 + choice_.below(choice_.below(2) == 0 ? 20 : 700);
    lanes.faults = knobs_.faults;
    lanes.strays = choice_.of<std::uint32_t>({8, 60, 1000});
    ops_.resize(4 + choice_.below(3));
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      ops_[i].made = test::random_lane_program(choice_, lanes);
      auto program = vir::assemble(ops_[i].made.text);
      ASSERT_TRUE(program) << to_string(program.error()) << "\n" << ops_[i].made.text;
      ops_[i].program = std::move(*program);
      const auto op = session_->register_program("op" + std::to_string(i), ops_[i].program);
      ASSERT_TRUE(op) << to_string(op.error()) << "\n" << ops_[i].made.text;
      ops_[i].id = op->id;
    }
  }

  void add_buffer(const std::string& type) {
    Buffer one;
    one.type = type;
    const std::uint32_t more = choice_.below(3) == 0 ? choice_.below(60) : 0;
    one.bytes.resize(std::size_t{elements_ + more} * test::lane_type_bytes(type) +
                     (choice_.below(8) == 0 ? choice_.below(8) : 0));
    for (std::uint8_t& byte : one.bytes)
      byte = static_cast<std::uint8_t>(choice_.below(choice_.below(3) == 0 ? 256 : 3));
    one.scratch = knobs_.scratch && choice_.below(2) == 0;
    const auto planned = session_->upload(one.bytes, soon());
    const auto alone = session_->upload(one.bytes, soon());
    REQUIRE(planned);
    REQUIRE(alone);
    one.planned = *planned;
    one.alone = *alone;
    buffers_.push_back(std::move(one));
  }

  void make_buffers() {
    for (const Op& op : ops_) {
      for (const std::string& type : op.made.inputs) add_buffer(type);
      for (const auto& output : op.made.outputs) {
        for (int three = 0; three < 3; ++three) add_buffer(output.type);
      }
    }
  }

  /// A buffer of the type, one that was written lately rather than another.
  std::size_t pick(const std::string& type, const std::vector<std::size_t>& lately) {
    for (int tries = 0; tries < 4 && !lately.empty(); ++tries) {
      const std::size_t one = lately[choice_.below(static_cast<std::uint32_t>(lately.size()))];
      if (buffers_[one].type == type) return one;
    }
    for (;;) {
      const std::size_t one = choice_.below(static_cast<std::uint32_t>(buffers_.size()));
      if (buffers_[one].type == type) return one;
    }
  }

  void make_items() {
    std::vector<std::size_t> lately;
    const std::uint32_t param = elements_ + choice_.below(40);
    const std::uint32_t count = 2 + choice_.below(30);
    while (nodes_.size() < count) {
      Node node;
      node.op = &ops_[choice_.below(static_cast<std::uint32_t>(ops_.size()))];
      for (const std::string& type : node.op->made.inputs)
        node.inputs.push_back(pick(type, lately));
      for (const auto& output : node.op->made.outputs)
        node.outputs.push_back(pick(output.type, {}));
      node.param = choice_.below(6) == 0 ? 0 : param;
      // Memory under two names is refused; here it would only make items that do nothing.
      std::vector<std::size_t> all = node.outputs;
      std::sort(all.begin(), all.end());
      const bool twice = std::adjacent_find(all.begin(), all.end()) != all.end();
      const bool own = std::any_of(node.inputs.begin(), node.inputs.end(), [&](std::size_t one) {
        return std::find(all.begin(), all.end(), one) != all.end();
      });
      if (twice || own) {
        lately.clear();
        continue;
      }
      lately.insert(lately.end(), node.outputs.begin(), node.outputs.end());
      if (lately.size() > 4) lately.erase(lately.begin(), lately.end() - 4);
      nodes_.push_back(std::move(node));
    }
  }

  std::uint32_t bound(const std::vector<std::size_t>& buffers, bool planned) {
    std::vector<runtime::Handle> handles;
    for (const std::size_t one : buffers)
      handles.push_back(planned ? buffers_[one].planned : buffers_[one].alone);
    if (handles.size() == 1) return handles[0].id;
    const auto set = session_->bind(handles);
    EXPECT_TRUE(set);
    return set ? set->id : 0;
  }
  MegakernelWorkItem item(const Node& node, bool planned) {
    return {node.op->id, bound(node.inputs, planned), bound(node.outputs, planned), node.param};
  }

  /// The item alone, checked against the reference; how it ended.
  std::string run_alone(const Node& node) {
    std::vector<Bytes> inputs;
    std::vector<std::uint64_t> lengths;
    for (const std::size_t one : node.inputs)
      inputs.push_back(*session_->download(buffers_[one].alone, soon()));
    reference::Options options;
    options.fuel = fuel_;
    if (node.param != 0) options.grid = *vir::grid_for(node.op->program, node.param);
    const auto want = reference::evaluate(node.op->program, inputs, options);
    const auto ticket = session_->submit(item(node, false), soon());
    if (!ticket) return to_string(ticket.error());
    const auto result = session_->wait(*ticket, soon());
    if (!result) return to_string(result.error());
    const std::string have = ending(result->status, result->fault);
    EXPECT_NE(want.verdict, reference::Verdict::refused) << want.message;
    const bool done = want.verdict == reference::Verdict::done;
    EXPECT_EQ(have, ending(done ? CompletionStatus::done : CompletionStatus::faulted, want.fault));
    for (std::size_t o = 0; done && o < node.outputs.size(); ++o) {
      Bytes bytes = *session_->download(buffers_[node.outputs[o]].alone, soon());
      bytes.resize(want.outputs[o].size());
      EXPECT_TRUE(bytes == want.outputs[o]) << "output " << o << " of\n" << node.op->made.text;
    }
    return have;
  }

  void compare(Tally& tally) {
    std::vector<MegakernelWorkItem> items;
    for (const Node& node : nodes_) items.push_back(item(node, true));
    std::vector<runtime::Handle> scratch;
    for (const Buffer& one : buffers_) {
      if (one.scratch) scratch.push_back(one.planned);
    }
    runtime::PlanOptions options;
    options.dedupe = choice_.below(2) == 0;
    options.scratch = scratch;
    const auto plan = session_->plan(items, options);
    REQUIRE(plan);
    const auto run = session_->submit(*plan, soon());
    REQUIRE(run);
    ASSERT_FALSE(run->stopped_by);
    std::vector<std::string> planned;
    for (const runtime::Ticket& ticket : run->tickets) {
      const auto result = session_->wait(ticket, soon());
      REQUIRE(result);
      planned.push_back(ending(result->status, result->fault));
    }
    tally.lanes += session_->report().planner->regions.lanes;
    tally.items += nodes_.size();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const std::string alone = run_alone(nodes_[i]);
      ASSERT_EQ(planned[i], alone) << "item " << i << "\n" << plan->describe();
      tally.not_done += alone.substr(0, 4) != "done" ? 1 : 0;
    }
    for (std::size_t b = 0; b < buffers_.size(); ++b) {
      const Bytes one = *session_->download(buffers_[b].planned, soon());
      const Bytes other = *session_->download(buffers_[b].alone, soon());
      if (buffers_[b].scratch) {
        tally.unspecified += one != other ? 1 : 0;
        continue;
      }
      ASSERT_TRUE(one == other) << "buffer " << b << " of type " << buffers_[b].type << "\n"
                                << plan->describe();
    }
  }

  Choice choice_;
  const GraphKnobs knobs_;
  std::uint64_t fuel_{0};
  std::uint32_t elements_{0};
  std::optional<Session> session_;
  std::vector<Op> ops_;
  std::vector<Buffer> buffers_;
  std::vector<Node> nodes_;
};

/// ThreadSanitizer, under which a graph takes fifteen times as long, sees this part of them.
#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kPart{4};
#else
constexpr std::uint64_t kPart{1};
#endif

Tally tally_of(std::uint64_t first_seed, std::uint64_t count, const GraphKnobs& knobs) {
  Tally tally;
  const std::uint64_t only = test::number_from_environment("VYRE_SEED", 0);
  const std::uint64_t total =
      only != 0 ? 1 : count * test::number_from_environment("VYRE_TEST_SCALE", 1) / kPart;
  for (std::uint64_t i = 0; i < total && !testing::Test::HasFailure(); ++i) {
    const std::uint64_t seed = only != 0 ? only : first_seed + i;
    SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
    Graph(seed, knobs).run(tally);
  }
  std::printf(
      "seeds from %llu: %llu items, %llu regions in one image, %llu items not done, %llu "
      "scratch buffers with other bytes\n",
      static_cast<unsigned long long>(only != 0 ? only : first_seed),
      static_cast<unsigned long long>(tally.items), static_cast<unsigned long long>(tally.lanes),
      static_cast<unsigned long long>(tally.not_done),
      static_cast<unsigned long long>(tally.unspecified));
  return tally;
}

bool replays() {
  return test::number_from_environment("VYRE_SEED", 0) != 0;
}

TEST(PlannedLanes, LeaveWhatTheirItemsLeaveOneByOneAndOnTheReference) {
  const Tally tally = tally_of(1'000'000, 60, {});
  if (replays()) return;
  EXPECT_GT(tally.lanes, 50u / kPart);
  EXPECT_EQ(tally.not_done, 0u);
}

TEST(PlannedLanes, WhoseMembersTrapEndAsTheirItemsDo) {
  const Tally tally = tally_of(2'000'000, 60, {.faults = true});
  if (replays()) return;
  EXPECT_GT(tally.lanes, 50u / kPart);
  EXPECT_GT(tally.not_done, 30u / kPart);
}

TEST(PlannedLanes, WhoseMembersLackFuelEndAsTheirItemsDo) {
  const Tally tally = tally_of(3'000'000, 60, {.faults = true, .little_fuel = true});
  if (replays()) return;
  EXPECT_GT(tally.lanes, 50u / kPart);
  EXPECT_GT(tally.not_done, 30u / kPart);
}

TEST(PlannedLanes, ThatNeedNotStoreScratchBuffersLeaveAllOthersAsTheyAre) {
  const Tally tally = tally_of(4'000'000, 60, {.scratch = true});
  if (replays()) return;
  EXPECT_GT(tally.lanes, 50u / kPart);
  EXPECT_GT(tally.unspecified, 5u / kPart) << "nothing was left out";
}

/// Without faults: how much of an item that is shared by workers has run when one of its lanes
/// faults is not defined, and so are not the bytes that it leaves.
TEST(PlannedLanes, OnSeveralWorkersAreNoDifferent) {
  const Tally tally = tally_of(5'000'000, 40, {.scratch = true, .workers = 3});
  if (replays()) return;
  EXPECT_GT(tally.lanes, 50u / kPart);
}

}  // namespace
}  // namespace vyre
