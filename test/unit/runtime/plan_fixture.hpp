// What tests of plans share: ops that read, write, keep and fault, and batches of them, by choice.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "fixtures.hpp"
#include "runtime/plan.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {

/// {a, b} -> y[0..3] = a + b; whole, and repeatable.
inline constexpr std::string_view kAddText =
    "workgroup 64, 1, 1;\n"
    "buffer a: u32[] read_only;\n"
    "buffer b: u32[] read_only;\n"
    "buffer y: u32[4] read_write output live_out;\n"
    "region \"add\" { if gid.x < len(y) { y[gid.x] = a[gid.x] + b[gid.x]; } }\n";
/// In place, so that a second run leaves something else.
inline constexpr std::string_view kDoubleText =
    "workgroup 64, 1, 1;\n"
    "buffer x: u32[] read_write;\n"
    "region \"double\" { if gid.x < len(x) { x[gid.x] = x[gid.x] * 2; } }\n";
/// Traps in the first lane whose input is odd, and has written what came before.
inline constexpr std::string_view kTrapText =
    "workgroup 64, 1, 1;\n"
    "buffer a: u32[] read_only;\n"
    "buffer y: u32[4] read_write output live_out;\n"
    "region \"trap\" { if gid.x < len(y) {\n"
    "  if a[gid.x] % 2 == 1 { trap(a[gid.x], \"odd\"); }\n"
    "  y[gid.x] = a[gid.x] / 2; } }\n";

/// Each of its four lanes spends as much fuel as the first input word says.
inline constexpr std::string_view kSpinText =
    "workgroup 4, 1, 1;\n"
    "buffer a: u32[] read_only;\n"
    "buffer y: u32[4] read_write output live_out;\n"
    "region \"spin\" { let sum = 0; for i in 0..a[0] { sum = sum + i; } y[gid.x] = sum; }\n";

struct PlanOps {
  std::uint32_t add{0};
  std::uint32_t twice{0};
  std::uint32_t trap{0};
  std::uint32_t spin{0};

  static Result<PlanOps> into(Session& session) {
    PlanOps ops;
    for (const auto& [name, text, id] :
         {std::tuple("add", kAddText, &ops.add), std::tuple("double", kDoubleText, &ops.twice),
          std::tuple("trap", kTrapText, &ops.trap), std::tuple("spin", kSpinText, &ops.spin)}) {
      VYRE_ASSIGN(const vir::Program program, vir::assemble(text));
      VYRE_ASSIGN(const OpHandle op, session.register_program(name, program));
      *id = op.id;
    }
    return ops;
  }
};

/// Buffers of four words and binding sets of two of them.
struct PlanBuffers {
  std::vector<Handle> buffers;
  std::vector<Handle> pairs;  // two sets a pair, with equal members

  static PlanBuffers into(Session& session, std::uint32_t count) {
    PlanBuffers made;
    for (std::uint32_t b = 0; b < count; ++b)
      made.buffers.push_back(*session.upload(words({2 * b, 4 * b, 6 * b, 8 * b})));
    for (std::uint32_t b = 0; b + 1 < count; ++b) {
      const Handle both[] = {made.buffers[b], made.buffers[b + 1]};
      for (int twice = 0; twice < 2; ++twice) made.pairs.push_back(*session.bind(both));
    }
    return made;
  }
  [[nodiscard]] std::vector<Bytes> bytes(Session& session) const {
    std::vector<Bytes> all;
    for (const Handle buffer : buffers) all.push_back(*session.download(buffer, soon()));
    return all;
  }
};

struct PlanBatch {
  std::vector<MegakernelWorkItem> items;
  std::vector<std::uint8_t> flags;
};

/// Few buffers and params, so that many items do the same work.
inline PlanBatch random_batch(Random& random, const PlanOps& ops, const PlanBuffers& on,
                              std::uint32_t count) {
  PlanBatch batch;
  const auto buffer = [&] {
    return on.buffers[random.below(static_cast<std::uint32_t>(on.buffers.size()))].id;
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    MegakernelWorkItem item{kNop, 0, 0, 0};
    switch (random.below(9)) {
      case 0:
        item = {kFill, 0, buffer(), random.below(3)};
        break;
      case 1:
      case 2:
        item = {kCopy, buffer(), buffer(), 8 * random.below(2)};
        break;
      case 3:
      case 4:
        item = {ops.add, on.pairs[random.below(static_cast<std::uint32_t>(on.pairs.size()))].id,
                buffer(), 0};
        break;
      case 5:
        item = {ops.trap, buffer(), buffer(), 0};
        break;
      case 6:
        item = {ops.spin, buffer(), buffer(), 0};
        break;
      case 7:
        if (random.below(3) == 0) item = {ops.twice, buffer(), 0, 0};
        break;
      default:
        break;
    }
    batch.items.push_back(item);
    batch.flags.push_back(
        static_cast<std::uint8_t>(random.below(12) == 0 ? 1 + random.below(2) : 0));
  }
  return batch;
}

/// The same items on other buffers.
inline PlanBatch twin_of(const PlanBatch& batch, const PlanBuffers& from, const PlanBuffers& to) {
  std::map<std::uint32_t, std::uint32_t> twin{{0, 0}};
  for (std::size_t b = 0; b < from.buffers.size(); ++b) twin[from.buffers[b].id] = to.buffers[b].id;
  for (std::size_t b = 0; b < from.pairs.size(); ++b) twin[from.pairs[b].id] = to.pairs[b].id;
  PlanBatch other = batch;
  for (MegakernelWorkItem& item : other.items) {
    item.input_handle = twin.at(item.input_handle);
    item.output_handle = twin.at(item.output_handle);
  }
  return other;
}

/// Everything about a result but where its ticket is.
inline std::string ending(const ItemResult& result) {
  return outcome(result) + " at " + std::to_string(result.fault.workgroup) + "/" +
         std::to_string(result.fault.lane) + "/" + std::to_string(result.fault.statement);
}

/// Submits the items one after another, each with its own flags; how they ended.
inline std::vector<std::string> one_by_one(Session& session, const PlanBatch& batch) {
  std::vector<Ticket> tickets;
  for (std::size_t i = 0; i < batch.items.size(); ++i)
    tickets.push_back(session.submit(batch.items[i], soon(), 0, batch.flags[i]).value());
  std::vector<std::string> endings;
  for (const Ticket& ticket : tickets) endings.push_back(ending(*session.wait(ticket, soon())));
  return endings;
}

/// A session with the ops and buffers of plans, whose items fuse wherever they may.
class PlansOnASession : public ::testing::Test {
 protected:
  void open(TestHooks hooks, const SessionOptions& options, std::size_t buffers) {
    hooks.nothing_measured = true;
    auto opened = open_for_tests(options, hooks);
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
    auto ops = PlanOps::into(*session_);
    ASSERT_OK(ops);
    ops_ = *ops;
    on_ = PlanBuffers::into(*session_, buffers);
  }
  [[nodiscard]] SubmittedPlan submit(const Plan& plan) {
    auto run = session_->submit(plan, soon());
    return run ? *run : SubmittedPlan{{}, 0, 0, run.error()};
  }
  [[nodiscard]] SubmittedPlan submit(const std::vector<MegakernelWorkItem>& items,
                                     const PlanOptions& options = {}) {
    auto plan = session_->plan(items, options);
    if (!plan) return {{}, 0, 0, plan.error()};
    return submit(*plan);
  }
  [[nodiscard]] std::string ended(const Ticket& ticket) {
    const auto result = session_->wait(ticket, soon());
    return result ? ending(*result) : to_string(result.error());
  }
  std::uint32_t add_op(const std::string& name, const std::string& text) {
    const auto program = vir::assemble(text);
    EXPECT_TRUE(program) << text;
    const auto op = session_->register_program(name, *program);
    EXPECT_TRUE(op) << to_string(op.error());
    return op ? op->id : 0;
  }
  /// Regions that ran in one image; none before the first plan.
  [[nodiscard]] std::uint64_t lanes() {
    const report::Document document = session_->report();
    return document.planner ? document.planner->regions.lanes : 0;
  }
  [[nodiscard]] std::uint64_t steps(const std::string& name) {
    for (const report::OpRow& op : session_->report().ops) {
      if (op.name == name) return op.steps.value_or(0);
    }
    return 0;
  }
  [[nodiscard]] MegakernelWorkItem copy(std::size_t from, std::size_t to) const {
    return {kCopy, on_.buffers[from].id, on_.buffers[to].id, 0};
  }
  std::optional<Session> session_;
  PlanOps ops_;
  PlanBuffers on_;
};

class Plans : public PlansOnASession {
 protected:
  void SetUp() override { open({}, test_options()); }
  void open(const TestHooks& hooks, const SessionOptions& options) {
    PlansOnASession::open(hooks, options, 4);
  }
  [[nodiscard]] SubmittedPlan submit(const Plan& plan) { return PlansOnASession::submit(plan); }
  /// Without regions, so that positions are those of single items.
  [[nodiscard]] SubmittedPlan submit(const std::vector<MegakernelWorkItem>& items,
                                     PlanOptions options = {}) {
    options.fuse = false;
    return PlansOnASession::submit(items, options);
  }
};

}  // namespace vyre::runtime::test
