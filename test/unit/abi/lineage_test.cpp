// Lineage through the public API: the worked example of docs/internals/planner.md, reports of it,
// and mistakes.
#include <fstream>

#include "fixture.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::test {
namespace {

/// {a, b} or {a} -> y, all of it.
std::string program(std::size_t inputs, std::string_view value) {
  std::string text = "workgroup 4, 1, 1;\nbuffer a: u32[4] read_only;\n";
  if (inputs == 2) text += "buffer b: u32[4] read_only;\n";
  return text + "buffer y: u32[4] read_write output live_out;\nregion \"r\" { y[gid.x] = " +
         std::string(value) + "; }\n";
}

class Lineages : public InAFolder {
 protected:
  void SetUp() override {
    InAFolder::SetUp();
    parse_ = add("p", program(1, "a[gid.x] + 1"), {"parse"});
    mask_ = add("m", program(1, "a[gid.x] & 3"), {"mask"});
    join_ = add("j", program(2, "a[gid.x] + b[gid.x]"), {"join"});
    stats_ = add("stats", program(1, "a[gid.x] * 2"), {});
    for (Buffer* buffer : {&a_, &b_, &t_, &u_, &v_, &w_, &s_}) *buffer = up({1, 2, 3, 4});
    uv_ = session_.main().bind(std::array{u_.ref(), v_.ref()}).value();
  }
  Buffer up(std::initializer_list<std::uint32_t> values) {
    return session_.main().upload(std::vector<std::uint32_t>(values)).value();
  }
  Op add(const char* name, const std::string& text, std::vector<std::string> rules) {
    return session_.add(name, Program::assemble(text).value(), OpOptions{std::move(rules)}).value();
  }
  void submit(std::initializer_list<Item> items, bool fuse) {
    PlanOptions options;
    options.fuse = fuse;
    options.lineage = true;
    const std::vector<Item> list(items);
    const Plan plan = session_.main().plan(list, options).value();
    const Submitted submitted = session_.main().submit(plan);
    ASSERT_FALSE(submitted.stopped_by) << submitted.stopped_by->text;
    ASSERT_EQ(submitted.accepted, list.size());
  }
  /// Items of the page: parse and mask as one region, and one more item that is removed.
  void worked_example() {
    submit({{parse_, a_, t_}, {mask_, t_, u_}}, true);
    submit({{parse_, b_, v_}, {join_, uv_, w_}}, false);
    submit({{stats_, a_, s_}, {stats_, a_, s_}}, false);  // by itself: its level would go first
    ASSERT_TRUE(session_.wait_all());
  }
  /// The report of the session in a file.
  std::string report_file() {
    const std::string file = path("report.json");
    std::ofstream(file) << session_.report_json().value().text();
    return file;
  }
  template <class R>
  static void refused(const R& result, Code code, std::string_view text) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code);
    EXPECT_TRUE(contains(result.error().text, text)) << result.error().text;
  }

  Session session_ = Session::open(on_cpu()).value();
  Op parse_, mask_, join_, stats_;
  Buffer a_ = up({0}), b_ = up({0}), t_ = up({0}), u_ = up({0}), v_ = up({0}), w_ = up({0}),
         s_ = up({0}), uv_ = up({0});
};

TEST_F(Lineages, TheWorkedExampleOfThePage) {
  worked_example();
  const MegakernelReport report = session_.report().value();
  EXPECT_EQ(report.region_lineage, (std::vector<std::uint32_t>{0b0011, 0b0001, 0b0111, 0b1000}));
  EXPECT_EQ(report.lineage_items, 5u);
  EXPECT_EQ(report.deduped_items, 1u);
  EXPECT_TRUE(report.lineage_ns);
  EXPECT_EQ(w_.read<std::uint32_t>().value(), (std::vector<std::uint32_t>{4, 6, 4, 6}));
}

TEST_F(Lineages, ReportFilesSayWhoContributedToWhatAsTextAndAsAGraph) {
  worked_example();
  ASSERT_TRUE(session_.tag(a_, {"a \"quoted\" \\ name"}));
  submit({{mask_, a_, s_}, {mask_, s_, t_}}, false);
  const std::string file = report_file();
  const std::string text{lineage_of_reports({file}).value().text()};
  EXPECT_TRUE(contains(text, ": 6 regions with 7 items, 5 rules\n")) << text;
  EXPECT_TRUE(contains(text,
                       "  region 2 (queue 0, position 2, single of 1): j\n"
                       "    rules parse, mask, join\n"
                       "    from regions 0, 1\n"))
      << text;
  EXPECT_TRUE(contains(text, "  rule mask contributed to 4 regions\n")) << text;
  const std::string graph{lineage_of_reports({file, file}, true).value().text()};
  for (const char* part :
       {"digraph lineage {", "subgraph cluster_1 {", "region_0_0 -> region_0_2;",
        "rule_0_2 -> region_0_2 [style=dashed];", "[shape=box, label=\"region 2\\nj\"];",
        "[shape=ellipse, label=\"a \\\"quoted\\\" \\\\ name\"];"}) {
    EXPECT_TRUE(contains(graph, part)) << part << "\n" << graph;
  }
  EXPECT_FALSE(contains(graph, "region_0_1 -> region_0_0"));
}

TEST_F(Lineages, ReportsWithoutOneSayWhatToDo) {
  const std::string file = report_file();
  refused(lineage_of_reports({file}), Code::not_found, "vyre run --plan --lineage");
  refused(lineage_of_reports({}), Code::not_found, "name one");
  vyre_blob* text = nullptr;
  const char* const path = file.c_str();
  const detail::Failed failed{vyre_report_lineage(&path, 1, 2, &text)};
  EXPECT_EQ(failed.error().code, Code::invalid_argument);
  EXPECT_TRUE(contains(failed.error().text, "format 2 of a lineage is not known"));
}

TEST_F(Lineages, RulesAndTagsWithoutNamesAreRefusedAndNothingIsAdded) {
  const Program made = Program::assemble(program(1, "a[0]")).value();
  refused(session_.add("x", made, OpOptions{{"named", ""}}), Code::invalid_argument,
          "lineage rule 1 of 2 for op 'x' has an empty name");
  const char* const names[] = {"named", nullptr};
  vyre_op_options options = VYRE_INIT(vyre_op_options);
  options.rules = names;
  options.rule_count = 2;
  vyre_op op = 0;
  const auto answer = [&] {
    return detail::Failed{vyre_op_add(session_.get(), "x", made.get(), &options, 0, &op)}.error();
  };
  EXPECT_TRUE(contains(answer().text, "entry 1 of rules is NULL; give 2 strings")) << answer().text;
  options.rules = nullptr;
  EXPECT_EQ(answer().code, Code::invalid_argument);
  EXPECT_EQ(op, 0u);
  refused(session_.find("x"), Code::not_found, "no op named 'x'");
  refused(session_.add("p", Program::assemble(program(1, "a[gid.x] + 1")).value(),
                       OpOptions{{"other"}}),
          Code::invalid_argument, "registered already with other lineage rules, 'parse'");

  refused(session_.tag(a_, {}), Code::invalid_argument, "names no lineage rule");
  refused(session_.tag(a_, {"x", ""}), Code::invalid_argument, "has an empty name");
  refused(session_.tag(uv_, {"x"}), Code::invalid_argument, "binding set");
  refused(session_.tag(BufferRef{}, {"x"}), Code::invalid_argument, "");
  auto gone = up({1});
  const BufferRef stale = gone;
  ASSERT_TRUE(gone.retire());
  refused(session_.tag(stale, {"x"}), Code::not_found, "");
  auto other = Session::open(on_cpu()).value();
  refused(other.tag(a_, {"x"}), Code::invalid_argument, "session");
  EXPECT_TRUE(contains(std::string(session_.report_json(-1).value().text()), "\"lineage\":null"));
}

TEST_F(Lineages, APlanWhoseBuffersChangedDerivesFromWhatIsThereAtItsSubmission) {
  PlanOptions options;
  options.lineage = true;
  const std::array items{Item{mask_, t_, u_}};
  const Plan plan = session_.main().plan(items, options).value();
  EXPECT_TRUE(contains(plan.describe().value(), "0 m; rules: mask\n")) << plan.describe().value();
  submit({{parse_, a_, t_}}, false);
  ASSERT_EQ(session_.main().submit(plan).accepted, 1u);
  EXPECT_EQ(session_.report().value().region_lineage, (std::vector<std::uint32_t>{0b01, 0b11}));
}

}  // namespace
}  // namespace vyre::test
