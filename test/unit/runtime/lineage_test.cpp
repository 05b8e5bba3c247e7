// Lineage of a session: what it says of regions is what follows from the items alone, however they
// were planned; what callers write and tag; and what costs nothing while it is off.
#include <algorithm>
#include <map>
#include <set>

#include "plan_fixture.hpp"
#include "runtime/op_options.hpp"

namespace vyre::runtime::test {
namespace {

using Place = std::pair<std::uint32_t, std::uint64_t>;  // queue and position of a region

/// Reachability over what items read, keep and write, item by item as a caller submits them.
class Model {
 public:
  struct Uses {
    std::vector<std::size_t> reads;  // or keeps
    std::vector<std::size_t> writes;
  };
  void item(const Place& place, const Uses& uses, const std::vector<std::string>& rules) {
    Region& region = regions_[place];
    region.own.insert(rules.begin(), rules.end());
    for (const std::size_t b : uses.reads) {
      Buffer& buffer = buffers_[b];
      region.own.insert(buffer.tags.begin(), buffer.tags.end());
      if (buffer.writer && *buffer.writer != place) region.from.insert(*buffer.writer);
    }
    for (const std::size_t b : uses.writes) buffers_[b] = {place, {}};
  }
  void whole_write(std::size_t buffer) { buffers_[buffer] = {}; }
  void tag(std::size_t buffer, const std::string& rule) { buffers_[buffer].tags.insert(rule); }

  struct Region {
    std::set<std::string> own;
    std::set<Place> from;
  };
  [[nodiscard]] const std::map<Place, Region>& regions() const { return regions_; }
  /// All rules of a region: its own and those of every region that it can reach.
  [[nodiscard]] std::set<std::string> rules(const Place& place) const {
    std::set<Place> seen{place};
    std::vector<Place> open{place};
    std::set<std::string> rules;
    while (!open.empty()) {
      const Region& region = regions_.at(open.back());
      open.pop_back();
      rules.insert(region.own.begin(), region.own.end());
      for (const Place& from : region.from)
        if (seen.insert(from).second) open.push_back(from);
    }
    return rules;
  }

 private:
  struct Buffer {
    std::optional<Place> writer{};
    std::set<std::string> tags{};
  };
  std::map<Place, Region> regions_;
  std::map<std::size_t, Buffer> buffers_;
};

class Lineages : public PlansOnASession {
 protected:
  /// Ops have their names as rules, but `add`, which has as many as asked for.
  void open_with(std::size_t rules_of_add, std::size_t buffers = 6) {
    SessionOptions options = test_options();
    options.fuel = 1'000;  // how items end does not matter
    auto opened = open_for_tests(options, {});
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
    for (std::size_t r = 0; r < rules_of_add; ++r)
      add_rules_.push_back("adds " + std::to_string(r));
    const auto program = vir::assemble(kAddText);
    ASSERT_OK(program);
    ASSERT_OK(session_->register_program("add", *program, soon(), {add_rules_}));
    auto ops = PlanOps::into(*session_);
    ASSERT_OK(ops);
    ops_ = *ops;
    on_ = PlanBuffers::into(*session_, static_cast<std::uint32_t>(buffers));
  }

  [[nodiscard]] std::size_t index_of(std::uint32_t handle) const {
    for (std::size_t b = 0; b < on_.buffers.size(); ++b)
      if (on_.buffers[b].id == handle) return b;
    return on_.buffers.size();
  }
  /// By the meaning of the ops in plan_fixture.hpp, over buffers of 16 bytes.
  [[nodiscard]] Model::Uses uses_of(const MegakernelWorkItem& item) const {
    Model::Uses uses;
    if (item.op_handle == kNop) return uses;
    const std::size_t out = index_of(item.output_handle);
    if (item.op_handle == ops_.twice) {
      uses.reads = uses.writes = {index_of(item.input_handle)};
      return uses;
    }
    for (std::size_t p = 0; p < on_.pairs.size(); ++p)  // two sets of the same two buffers
      if (on_.pairs[p].id == item.input_handle) uses.reads = {p / 2, p / 2 + 1};
    if (uses.reads.empty() && item.input_handle != 0) uses.reads = {index_of(item.input_handle)};
    if (item.op_handle == kCopy && item.param != 0) uses.reads.push_back(out);  // keeps its rest
    uses.writes = {out};
    return uses;
  }
  [[nodiscard]] std::vector<std::string> rules_of(const MegakernelWorkItem& item) const {
    if (item.op_handle == ops_.add) return add_rules_;
    return {session_->op_info({item.op_handle, 0})->name};
  }

  void submit_planned(Random& random, Model& model, std::uint32_t count) {
    PlanBatch batch = random_batch(random, ops_, on_, count);
    PlanOptions options;
    options.lineage = true;
    options.dedupe = random.below(3) != 0;
    options.fuse = random.below(3) != 0;
    options.flags = batch.flags;
    const auto run = submit(batch.items, options);
    ASSERT_FALSE(run.stopped_by) << to_string(*run.stopped_by);
    for (std::size_t i = 0; i < batch.items.size(); ++i) {
      const Ticket& ticket = run.tickets[i];
      if (!ran_.insert({ticket.position, ticket.member}).second) continue;  // another stands for it
      model.item({0, ticket.position}, uses_of(batch.items[i]), rules_of(batch.items[i]));
    }
  }
  void submit_one_by_one(Random& random, Model& model, std::uint32_t count) {
    for (const MegakernelWorkItem& item : random_batch(random, ops_, on_, count).items) {
      const auto ticket = session_->submit(item, soon());
      ASSERT_OK(ticket);
      ran_.insert({ticket->position, 0});
      const Model::Uses uses = uses_of(item);
      if (!uses.writes.empty()) model.item({0, ticket->position}, uses, rules_of(item));
    }
  }
  void touch(Random& random, Model& model) {
    const std::size_t b = random.below(static_cast<std::uint32_t>(on_.buffers.size()));
    const Handle buffer = on_.buffers[b];
    switch (random.below(4)) {
      case 0:
        ASSERT_OK(session_->write(buffer, 0, words({1, 2, 3, 4}), soon()));
        model.whole_write(b);
        break;
      case 1:
        ASSERT_OK(session_->write(buffer, 4, words({7}), soon()));  // a part
        break;
      case 2: {
        ASSERT_OK(session_->lease(buffer, LeaseAccess::read_write, soon()));
        ASSERT_OK(session_->unlease(buffer));
        break;
      }
      default: {
        const std::string rule = "tag " + std::to_string(random.below(5));
        ASSERT_OK(session_->tag(buffer, std::vector<std::string>{rule}));
        model.tag(b, rule);
        break;
      }
    }
  }

  /// The session's document says what the model says.
  void expect(const Model& model) {
    const report::Document d = session_->report();
    ASSERT_TRUE(d.lineage);
    const auto& regions = d.lineage->regions;
    ASSERT_EQ(regions.size(), model.regions().size());
    ASSERT_EQ(d.report.region_lineage.size(), regions.size());
    std::map<Place, std::size_t> number;
    for (std::size_t r = 0; r < regions.size(); ++r)
      number[{regions[r].queue, regions[r].position}] = r;
    std::uint64_t items = 0;
    for (const auto& [place, want] : model.regions()) {
      ASSERT_TRUE(number.contains(place));
      const std::size_t r = number.at(place);
      const auto names = [&](const std::vector<std::uint32_t>& slots) {
        std::set<std::string> all;
        for (const std::uint32_t slot : slots) all.insert(d.lineage->rules.at(slot));
        return all;
      };
      EXPECT_EQ(names(regions[r].own), want.own) << "region " << r;
      EXPECT_EQ(names(regions[r].rules), model.rules(place)) << "region " << r;
      std::vector<std::uint64_t> from;
      for (const Place& one : want.from) from.push_back(number.at(one));
      std::sort(from.begin(), from.end());
      EXPECT_EQ(regions[r].from, from) << "region " << r;
      std::uint32_t bits = 0;
      for (const std::uint32_t slot : regions[r].rules)
        bits |= 1u << (d.lineage->rules.size() > 32 ? std::min(slot, 31u) : slot);
      EXPECT_EQ(d.report.region_lineage[r], bits) << "region " << r;
      items += regions[r].items;
    }
    EXPECT_EQ(d.report.lineage_items, items);
    EXPECT_TRUE(d.report.lineage_ns);
    const auto read = report::from_json(report::to_json(d));
    ASSERT_OK(read);
    EXPECT_EQ(report::to_json(*read), report::to_json(d));
  }

  [[nodiscard]] std::vector<std::string> rules_in(const report::Document& d, std::size_t region) {
    std::vector<std::string> names;
    for (const std::uint32_t slot : d.lineage->regions.at(region).rules)
      names.push_back(d.lineage->rules[slot]);
    return names;
  }
  static PlanOptions tracked() {
    PlanOptions options;
    options.lineage = true;
    return options;
  }

  std::vector<std::string> add_rules_;
  std::set<std::pair<std::uint64_t, std::uint32_t>> ran_;  // position and member
};

using Names = std::vector<std::string>;

TEST_F(Lineages, OfRandomPlansIsTheReachabilityOverTheItems) {
  for (const std::size_t rules : {1u, 3u, 40u}) {
    const std::uint64_t seed = test_seed() + rules;
    SCOPED_TRACE("VYRE_SEED " + std::to_string(seed));
    Random random(seed);
    add_rules_.clear();
    ran_.clear();
    open_with(rules);
    Model model;
    ASSERT_OK(session_->tag(on_.buffers[0], Names{"first"}));
    model.tag(0, "first");
    for (int step = 0; step < 40 * test_scale(); ++step) {
      switch (random.below(4)) {
        case 0:
          submit_one_by_one(random, model, 1 + random.below(4));
          break;
        case 1:
          touch(random, model);
          break;
        default:
          submit_planned(random, model, 1 + random.below(20));
          break;
      }
      if (HasFatalFailure()) return;
    }
    ASSERT_OK(session_->wait_all(soon()));
    expect(model);
  }
}

TEST_F(Lineages, APlanThatIsCutInTwoGivesTheSetsOfTheWhole) {
  open_with(2);
  const std::vector<MegakernelWorkItem> items{copy(0, 1),
                                              {ops_.trap, on_.buffers[1].id, on_.buffers[2].id, 0},
                                              {ops_.add, on_.pairs[2].id, on_.buffers[3].id, 0},
                                              copy(3, 4)};  // {1, 2} -> 3
  PlanOptions options = tracked();
  options.fuse = options.dedupe = false;
  ASSERT_FALSE(submit(items, options).stopped_by);
  ASSERT_FALSE(submit({items[0], items[1]}, options).stopped_by);
  ASSERT_FALSE(submit({items[2], items[3]}, options).stopped_by);
  const report::Document d = session_->report();
  ASSERT_EQ(d.lineage->regions.size(), 8u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(rules_in(d, 4 + i), rules_in(d, i)) << i;
  EXPECT_EQ(rules_in(d, 7), (Names{"adds 0", "adds 1", "trap", "mem.copy"}));
  EXPECT_EQ(d.lineage->regions[6].from, (std::vector<std::uint64_t>{4, 5}));
}

TEST_F(Lineages, APartialWriteOfTheCallerKeepsAndAWholeOneCuts) {
  open_with(1);
  ASSERT_OK(session_->tag(on_.buffers[0], Names{"source"}));
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1}), soon()));
  ASSERT_FALSE(submit({copy(0, 1)}, tracked()).stopped_by);
  EXPECT_EQ(rules_in(session_->report(), 0), (Names{"source", "mem.copy"}));
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1, 2, 3, 4}), soon()));
  ASSERT_FALSE(submit({copy(0, 2)}, tracked()).stopped_by);
  EXPECT_EQ(rules_in(session_->report(), 1), (Names{"mem.copy"}));
  EXPECT_TRUE(session_->report().lineage->regions[1].from.empty());
}

TEST_F(Lineages, ARemovedItemStandsWhereTheOneStandsThatRan) {
  open_with(1);
  PlanOptions options = tracked();
  options.fuse = false;
  ASSERT_EQ(submit({copy(0, 1), copy(0, 1), copy(1, 2)}, options).deduped, 1u);
  const report::Document d = session_->report();
  EXPECT_EQ(d.report.lineage_items, 2u);
  EXPECT_EQ(d.lineage->regions[1].from, (std::vector<std::uint64_t>{0}));
}

TEST_F(Lineages, WorkFromBeforeTheFirstPlanWithLineageStandsForNothing) {
  open_with(1);
  PlanOptions off;
  off.fuse = false;
  ASSERT_FALSE(submit({copy(0, 1)}, off).stopped_by);
  PlanOptions options = tracked();
  options.fuse = false;
  const auto run = submit({copy(0, 1), copy(1, 2)}, options);
  EXPECT_EQ(run.deduped, 0u) << "its region would be in no log";
  EXPECT_EQ(session_->report().lineage->regions[1].from, (std::vector<std::uint64_t>{0}));
}

TEST_F(Lineages, WhileItIsOffThereIsNothingInTheReport) {
  open_with(1);
  ASSERT_FALSE(submit({copy(0, 1)}).stopped_by);
  ASSERT_OK(session_->plan(std::vector{copy(0, 1)}, tracked()));  // made, not submitted
  const report::Document d = session_->report();
  EXPECT_FALSE(d.lineage);
  EXPECT_FALSE(d.report.lineage_ns);
  EXPECT_EQ(d.report.lineage_items, 0u);
  EXPECT_TRUE(d.report.region_lineage.empty());
}

TEST_F(Lineages, RulesAreNumberedInTheOrderOfRegistrationAndBuiltInsWhenFirstUsed) {
  open_with(2);
  ASSERT_OK(session_->tag(on_.buffers[0], Names{"tag", "adds 1"}));
  ASSERT_FALSE(submit({copy(0, 1), {kFill, 0, on_.buffers[2].id, 0}}, tracked()).stopped_by);
  EXPECT_EQ(session_->report().lineage->rules,
            (Names{"adds 0", "adds 1", "double", "trap", "spin", "tag", "mem.copy", "mem.fill"}));
}

TEST_F(Lineages, APlanDescribesWhatItsRegionsWouldDeriveFrom) {
  open_with(1);
  ASSERT_OK(session_->tag(on_.buffers[0], Names{"source"}));
  PlanOptions options = tracked();
  options.fuse = false;
  const auto plan = session_->plan(std::vector{copy(0, 1), copy(2, 3)}, options);
  ASSERT_OK(plan);
  EXPECT_NE(plan->describe().find("0 mem.copy; rules: mem.copy, source\n"), std::string::npos)
      << plan->describe();
  EXPECT_NE(plan->describe().find("1 mem.copy; rules: mem.copy\n"), std::string::npos);
  EXPECT_NE(plan->describe_json().find("\"source\""), std::string::npos);
  EXPECT_EQ(submit({copy(0, 1)}).stopped_by, std::nullopt);
}

TEST_F(Lineages, OnlyTheFirstRegionsAreListedAndTheRestIsCounted) {
  open_with(1);
  ASSERT_FALSE(submit({copy(0, 1)}, tracked()).stopped_by);
  const std::vector<MegakernelWorkItem> fills(kMaxReportedRegions + 9,
                                              {kFill, 0, on_.buffers[0].id, 1});
  ASSERT_EQ(session_->submit_many(fills, soon()).accepted, fills.size());
  const report::Document d = session_->report();
  EXPECT_EQ(d.report.region_lineage.size(), kMaxReportedRegions);
  EXPECT_EQ(d.lineage->regions.size(), kMaxReportedRegions);
  EXPECT_EQ(d.lineage->regions_rest, 10u);
  EXPECT_EQ(d.report.lineage_items, fills.size() + 1);
}

TEST_F(Lineages, MistakesAreRefusedWithTheirReason) {
  open_with(2);
  const auto refused = [](const auto& result, Errc code, std::string_view text) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, code);
    EXPECT_NE(result.error().message.find(text), std::string::npos) << result.error().message;
  };
  const auto program = vir::assemble(kAddText);
  ASSERT_OK(program);
  refused(session_->register_program("other", *program, soon(), {Names{"a", ""}}),
          Errc::invalid_argument, "lineage rule 1 of 2 for op 'other' has an empty name");
  refused(session_->find_op("other"), Errc::not_found, "no op named 'other'");
  refused(session_->register_program("add", *program, soon(), {Names{"a"}}), Errc::invalid_argument,
          "other lineage rules, 'adds 0', 'adds 1'");
  EXPECT_EQ(session_->register_program("add", *program, soon(), {add_rules_})->id, ops_.add);
  EXPECT_EQ(session_->register_program("add", *program, soon())->id, ops_.add);
  const Handle buffer = on_.buffers[0];
  refused(session_->tag(buffer, {}), Errc::invalid_argument, "names no lineage rule");
  refused(session_->tag(buffer, Names{""}), Errc::invalid_argument, "has an empty name");
  refused(session_->tag(on_.pairs[0], Names{"a"}), Errc::invalid_argument, "binding set");
  auto other = Session::open(test_options());
  ASSERT_OK(other);
  refused(other->tag(buffer, Names{"a"}), Errc::invalid_argument, "another session");
  const auto gone = session_->allocate(16);
  ASSERT_OK(session_->release(*gone, soon()));
  refused(session_->tag(*gone, Names{"a"}), Errc::not_found, "cannot tag handle");
  EXPECT_FALSE(session_->report().lineage) << "nothing was tagged";
}

}  // namespace
}  // namespace vyre::runtime::test
