// Documents of several runs: merged, compared, judged by rules, and as other tools read them.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/message.hpp"
#include "report/diff.hpp"
#include "report/documents.hpp"
#include "report/export.hpp"
#include "report/gate.hpp"
#include "report/latency.hpp"
#include "report/merge.hpp"
#include "report/numbers.hpp"
#include "report/snapshot.hpp"
#include "report/timeline.hpp"
#include "sample.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::report {
namespace {

using test::everything_measured;
using test::latency_of_values;
using test::nothing_measured;

class ReportCompare : public vyre::test::InAFolder {
 protected:
  std::string lines(const std::string& name, const std::vector<Document>& documents) {
    for (const Document& document : documents)
      EXPECT_TRUE(append_json_line(document, path(name)).has_value());
    return path(name);
  }
  /// A run that read `bytes` in a second.
  static Document run_of(std::uint64_t bytes, std::uint64_t faults = 0) {
    Document d = nothing_measured();
    d.report.wall_time = std::chrono::seconds(1);
    d.work = WorkSection{1, bytes, 0, 0, 0, std::nullopt};
    d.faults_total = faults;
    return d;
  }
};

double number(const Document& document, const std::string& name) {
  const std::vector<Number> numbers = numbers_of(document);
  const Number* const found = find_number(numbers, name);
  EXPECT_NE(found, nullptr) << name;
  return found != nullptr && found->value ? *found->value : -1;
}

TEST(ReportNumbers, HaveTheNamesOfTheirPathsAndShortOnes) {
  const Document d = everything_measured();
  EXPECT_EQ(number(d, "ops[scan].latency.max_ns"), 300);
  EXPECT_EQ(number(d, "report.telemetry.bytes_moved"), 1'024);
  EXPECT_EQ(number(d, "ingest.tiers[C].files"), 30);
  EXPECT_EQ(number(d, "ingest.retries[11].count"), 2);
  EXPECT_EQ(number(d, "queues[0].slots"), 4'096);
  EXPECT_EQ(number(d, "input_bytes"), 1'230);
  EXPECT_EQ(number(d, "gbps"), 1'230 / 123'456'789.0);
  EXPECT_EQ(number(d, "cpu_s"), 150e-9);
  const std::vector<Number> none = numbers_of(nothing_measured());
  EXPECT_FALSE(find_number(none, "gbps")->value.has_value()) << "nothing is invented";
  EXPECT_EQ(find_number(none, "ingest.enters"), nullptr);
  EXPECT_TRUE(may_be_number("ingest.enters"));
  EXPECT_TRUE(may_be_number("ops[no.such.op].running.p99_ns"));
  EXPECT_FALSE(may_be_number("ingest.entries"));
}

TEST(ReportMerge, CountsBucketsAndMaximaAreThoseOfAllRunsInAnyOrder) {
  Document a = everything_measured();
  Document b = everything_measured();
  b.ops[0].latency = latency_of_values({5, 7'000'000});
  b.ops.push_back({"other", 1'025, 4, 0, 0, "cpu", 1, std::nullopt});
  b.process->peak_resident_bytes = 100'000;
  b.ingest->tiers[1].tier = "E";
  b.run.labels["stage"] = "another";
  b.run.started_at = "2000-01-01T00:00:00Z";
  b.report.telemetry.topology = Topology::DenseFrontier;
  b.report.telemetry.sync_points.reset();
  Document both = a;
  ASSERT_TRUE(merge_into(both, b));
  const auto again = from_json(to_json(both));
  ASSERT_TRUE(again) << again.error().message;
  // Every sum is the sum of both, and every maximum the larger one: by name, whatever there is.
  std::map<std::string, double> first, second;
  for (const Number& n : numbers_of(a)) first[n.name] = n.value.value_or(-1);
  for (const Number& n : numbers_of(b)) second[n.name] = n.value.value_or(-1);
  std::size_t sums = 0;
  for (const Number& n : numbers_of(*again)) {
    if (n.shorthand || n.key == "p50_ns" || n.key == "p99_ns") continue;
    const double x = first.contains(n.name) ? first[n.name] : 0;
    const double y = second.contains(n.name) ? second[n.name] : 0;
    switch (merge_rule(n.key)) {
      case MergeRule::sum:
        EXPECT_EQ(n.value.value_or(-1), x < 0 || y < 0 ? -1 : x + y) << n.name;
        ++sums;
        break;
      case MergeRule::maximum:
        EXPECT_EQ(n.value.value_or(-1), x < 0 || y < 0 ? -1 : std::max(x, y)) << n.name;
        break;
      case MergeRule::same:
        EXPECT_EQ(n.value.value_or(-1), x == y ? x : -1) << n.name;
        break;
      case MergeRule::first:
        break;
    }
  }
  EXPECT_GT(sums, 100u);
  EXPECT_EQ(again->ops[0].latency->p50_ns, latency_of_values({5, 100, 200, 300, 7'000'000}).p50_ns);
  EXPECT_EQ(again->ops[0].latency->max_ns, 7'000'000u);
  EXPECT_EQ(again->ops.size(), 3u);
  EXPECT_EQ(again->ingest->tiers.size(), 3u);
  EXPECT_EQ(again->run.documents, 6u);
  EXPECT_EQ(again->planner->launches->acts.size(), 2u);
  EXPECT_EQ(number(*again, "planner.launches.acts[slot_count].applied"), 6);
  EXPECT_EQ(again->run.labels, (std::map<std::string, std::string>{{"job", "nightly"}}));
  EXPECT_EQ(again->run.started_at, "2000-01-01T00:00:00Z");
  EXPECT_FALSE(again->report.telemetry.topology.has_value());
  EXPECT_FALSE(again->lineage.has_value());

  Document other_way = b;
  ASSERT_TRUE(merge_into(other_way, a));
  for (const Number& n : numbers_of(other_way)) {
    if (merge_rule(n.key) == MergeRule::first) continue;
    EXPECT_EQ(n.value.value_or(-1), number(both, n.name)) << n.name;
  }
}

TEST(ReportMerge, ARowKeepsTheNumberThatNamesIt) {
  Document into = everything_measured();
  into.queues = {{0, 64, 1, 1, 0}, {3, 64, 2, 2, 0}};
  const Document from = into;
  ASSERT_TRUE(merge_into(into, from));
  ASSERT_EQ(into.queues.size(), 2u);
  EXPECT_EQ(into.queues[1].queue, 3u);
  EXPECT_EQ(into.queues[1].published, 4u);
}

TEST(ReportMerge, RecordsOfWatchesAndFilesAddUp) {
  Document into = everything_measured();
  const Document from = into;
  ASSERT_TRUE(merge_into(into, from));
  EXPECT_EQ(into.debug->written, 2 * from.debug->written);
  EXPECT_EQ(into.debug->records.size(), 2 * from.debug->records.size());
  EXPECT_EQ(into.debug->records_rest, 2 * from.debug->records_rest);
  ASSERT_EQ(into.files->rows.size(), from.files->rows.size());
  EXPECT_EQ(into.files->rows[0].bytes, 2 * from.files->rows[0].bytes);
  EXPECT_TRUE(from_json(to_json(into)));
}

TEST(ReportMerge, WhatOneRunDidNotMeasureIsUnknownOfBoth) {
  Document into = everything_measured();
  Document before = everything_measured();
  before.work.reset();
  before.process.reset();
  before.ops[0].latency = LatencySummary{1, 2, 3};
  before.planner.reset();
  ASSERT_TRUE(merge_into(into, before));
  EXPECT_FALSE(into.work.has_value());
  EXPECT_FALSE(into.process.has_value());
  EXPECT_FALSE(into.ops[0].latency.has_value()) << "no quantile of both is known";
  EXPECT_EQ(into.planner->plans, 2u) << "a run without plans submitted none";
}

TEST(ReportMerge, ASumThatDoesNotFitIsAnError) {
  Document into = everything_measured();
  into.report.telemetry.sync_points = ~std::uint32_t{0};
  const Status merged = merge_into(into, everything_measured());
  ASSERT_FALSE(merged);
  EXPECT_NE(merged.error().message.find("'sync_points'"), std::string::npos)
      << merged.error().message;
}

TEST_F(ReportCompare, LinesAreReadOneAfterAnotherHoweverManyThereAre) {
  std::string text;
  const std::string line = to_json(everything_measured(), -1) + "\n";
  for (int i = 0; i < 40; ++i) text += line;
  std::ofstream(path("many")) << text << line.substr(0, line.size() / 2);
  std::uint64_t items = 0;
  ASSERT_TRUE(for_each_document(path("many"), [&](Document&& document) -> Status {
    items += document.report.items_processed;
    return {};
  }));
  EXPECT_EQ(items, 40u * 9);
  const Status stopped = for_each_document(
      path("many"), [&](Document&&) -> Status { return fail(Errc::busy, "enough"); });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::busy);
}

TEST_F(ReportCompare, ADifferenceIsOneBeyondWhatRepeatedRunsDiffer) {
  const std::string before = lines("a", {run_of(100), run_of(110), run_of(120)});
  const auto same = differences(before, lines("b", {run_of(105), run_of(118), run_of(125)}));
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(difference_text(*same).rfind("nothing changed\n", 0), 0u) << difference_text(*same);
  const auto slower = differences(before, lines("c", {run_of(80), run_of(82), run_of(84)}));
  ASSERT_TRUE(slower);
  const std::string text = difference_text(*slower);
  EXPECT_NE(text.find("work.read_bytes      110       82  -25.5%   ±9.1%\n"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("faults_total"), std::string::npos) << text;
  EXPECT_NE(difference_json(*slower).find("\"changed\": true"), std::string::npos);
  const auto single = differences(lines("d", {run_of(100)}), lines("e", {run_of(101)}));
  ASSERT_TRUE(single);
  EXPECT_NE(difference_text(*single).find("+1.0%      -\n"), std::string::npos)
      << difference_text(*single);
  EXPECT_FALSE(differences(before, path("none")));
}

TEST_F(ReportCompare, AGateHoldsWhereEveryRunKeepsEveryRule) {
  const std::string baseline = lines("baseline", {run_of(90), run_of(100), run_of(1'000)});
  const std::string good = lines("good", {run_of(96), run_of(200)});
  const std::string bad = lines("bad", {run_of(200), run_of(94, 1)});
  const auto rules = parse_rules(
      "# of every night\n"
      "\n"
      "gbps >= 0.95 * baseline\r\n"
      "  faults == 0\n"
      "work.read_bytes - 2*(baseline.work.read_bytes + 1) / 4 > -(-1e1)\n");
  ASSERT_TRUE(rules) << rules.error().message;
  ASSERT_EQ(rules->size(), 3u);
  const auto held = judge({good}, *rules, baseline);
  ASSERT_TRUE(held) << held.error().message;
  EXPECT_TRUE(all_hold(*held)) << verdict_text(*held);
  const auto failed = judge({good, bad}, *rules, baseline);
  ASSERT_TRUE(failed);
  EXPECT_FALSE(all_hold(*failed));
  const std::string text = verdict_text(*failed);
  EXPECT_EQ(text.rfind("failed  gbps >= 0.95 * baseline  (9.4e-08 >= 9.5e-08)  " + bad +
                           " run 2\n"
                           "failed    faults == 0  (1 == 0)  " +
                           bad + " run 2\nheld",
                       0),
            0u)
      << text;
  EXPECT_NE(verdict_json(*failed).find("\"passed\": false"), std::string::npos);
}

TEST_F(ReportCompare, ARuleAboutWhatWasNotMeasuredFails) {
  const std::string file = lines("a", {nothing_measured()});
  const auto rules = parse_rules("gbps != 1");
  ASSERT_TRUE(rules);
  const auto judged = judge({file}, *rules, "");
  ASSERT_TRUE(judged);
  EXPECT_FALSE(all_hold(*judged));
  EXPECT_EQ((*judged)[0].outcome.said, "gbps was not measured");
  const auto needs = parse_rules("gbps >= baseline");
  ASSERT_TRUE(needs);
  const auto without = judge({file}, *needs, "");
  ASSERT_FALSE(without);
  EXPECT_NE(without.error().message.find("none is given"), std::string::npos);
  EXPECT_FALSE(judge({file}, {}, "")) << "a gate without rules lets everything pass";
}

TEST(ReportGate, MistakesInRulesAreToldWithTheirColumn) {
  const std::tuple<std::string, int, const char*> wrong[]{
      {"gbps", 5, "comparison is missing"},
      {"gbps >=", 8, "a number, a name"},
      {"gbps >= 0.95 * * baseline", 16, "a number, a name"},
      {"gbps >= (1", 11, "')' is missing"},
      {"gbps >= 1 2", 11, "has ended"},
      {"gbsp >= 1", 1, "'gbsp'"},
      {"gbps + 1 >= baseline", 13, "stands for the name"},
      {"gbps >= 10GB", 11, "takes no unit"},
      {"gbps >= 1e999", 9, "beyond"},
      {"ops[nop.items >= 1", 1, "not closed"},
      {"gbps >= 1 >= 2", 11, "has ended"},
      {"gbps >= baseline.nothing", 9, "'nothing'"},
      {"gbps >= \xC3\xA9", 9, "a number, a name"},
      {std::string(5'000, '(') + "1 == 1", 65, "nests"}};
  for (const auto& [text, column, why] : wrong) {
    const auto rule = Rule::parse(text);
    ASSERT_FALSE(rule) << text;
    EXPECT_EQ(rule.error().column, static_cast<std::uint32_t>(column)) << text;
    EXPECT_NE(rule.error().message.find(why), std::string::npos) << rule.error().message;
  }
  const auto in_a_file = parse_rules("faults == 0\ngbps >\n");
  ASSERT_FALSE(in_a_file);
  EXPECT_EQ(in_a_file.error().message.rfind("rule 'gbps >', line 2, column 7: ", 0), 0u)
      << in_a_file.error().message;
}

TEST_F(ReportCompare, OpenMetricsHasAFamilyForEachNumberAndAHistogramForEachTime) {
  Document a = everything_measured();
  a.run.labels = {{"job", "a\"\\\nb"}, {"op", "x"}};
  Document b = everything_measured();
  const auto text = open_metrics({lines("f", {a, b, a})});
  ASSERT_TRUE(text) << text.error().message;
  const std::string labels = "{job=\"a\\\"\\\\\\nb\",run_op=\"x\",executor=\"cpu\"";
  for (const std::string& line :
       {"vyre_op_items_total" + labels + ",op=\"scan\"} 18.0\n",
        "vyre_op_latency_seconds_bucket" + labels + ",op=\"scan\",le=\"1.03e-07\"} 2\n",
        "vyre_op_latency_seconds_bucket" + labels + ",op=\"scan\",le=\"+Inf\"} 6\n",
        "vyre_op_running_seconds_count" + labels + ",op=\"scan\"} 4\n",
        std::string(
            "# TYPE vyre_wall_time_seconds counter\n# UNIT vyre_wall_time_seconds seconds\n"),
        std::string("# TYPE vyre_process_peak_resident_bytes gauge\n"),
        std::string("# TYPE vyre_faults counter\n# HELP vyre_faults faults_total of the reports\n"
                    "vyre_faults_total{")}) {
    EXPECT_NE(text->find(line), std::string::npos) << line << *text;
  }
  EXPECT_TRUE(text->ends_with("\n# EOF\n"));
}

TEST_F(ReportCompare, ALabelOfARunIsNeverTheLabelOfARowToo) {
  for (const char* const key :
       {"op", "queue", "tier", "errno", "rule", "output", "le", "executor", "id", "file"}) {
    Document one = everything_measured();
    one.run.labels = {{key, "x"}};
    const auto text = open_metrics({lines("f", {one})});
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_NE(text->find(message("run_{}=\"x\"", key)), std::string::npos) << key;
    EXPECT_EQ(text->find(message("{{{}=\"x\"", key)), std::string::npos) << key;
  }
}

TEST_F(ReportCompare, ASnapshotHasTotalsAndWhatGrewAndIsNoDocument) {
  Document before = run_of(100);
  before.report.items_processed = before.report.published_items = 4;
  Document now = before;
  now.report.wall_time = std::chrono::seconds(3);
  now.report.items_processed = now.report.published_items = 10;
  now.work->read_bytes = 2'000'000'100;
  const auto line = snapshot(&before, now);
  ASSERT_TRUE(line) << line.error().message;
  EXPECT_EQ(line->find('\n'), std::string::npos);
  for (const char* const part :
       {"\"elapsed_ns\":3000000000,\"interval_ns\":2000000000,", "\"totals\":{\"items\":10,",
        "\"deltas\":{\"items\":6,", "\"input_bytes\":2000000000,", "\"items_per_s\":3,",
        "\"gbps\":1}}"}) {
    EXPECT_NE(line->find(part), std::string::npos) << part << "\n" << *line;
  }
  EXPECT_FALSE(snapshot(&before, nothing_measured())) << "of another run";
  std::ofstream(path("live")) << *line << "\n" << *line << "\n";
  const auto none = read_documents(path("live"));
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("2 snapshots"), std::string::npos) << none.error().message;
  ASSERT_TRUE(append_json_line(now, path("live")));
  const auto one = read_documents(path("live"));
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->size(), 1u);
}

TEST_F(ReportCompare, OtlpAndPagesAreMadeOfDocumentsWithIdsThatAreNone) {
  Document d = everything_measured();
  d.run.id = "short";
  const std::string file = lines("f", {d, everything_measured()});
  for (const ExportFormat& format : kExportFormats) {
    const auto text = exported({file}, format.name);
    ASSERT_TRUE(text) << format.name;
    EXPECT_GT(text->size(), 500u) << format.name;
    EXPECT_FALSE(exported({path("none")}, format.name));
  }
  const auto other = exported({file}, "xml");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("otlp-traces"), std::string::npos);
}

TEST_F(ReportCompare, CsvHasALineForEachNumberThatWasMeasured) {
  Document d = everything_measured();
  d.run.labels = {{"job", "a,\"b\""}};
  const auto text = csv({lines("f", {d})});
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(text->rfind("run,started_at,labels,number,value\r\n", 0), 0u);
  EXPECT_NE(
      text->find(d.run.id + "," + d.run.started_at + ",\"job=a,\"\"b\"\"\",ops[scan].items,9\r\n"),
      std::string::npos)
      << *text;
}

TEST(ReportTimeline, AFullOneKeepsEverySecondEventAndSaysSo) {
  constexpr std::size_t kCapacity{8};
  Timeline timeline(Clock::now(), kCapacity);
  for (std::uint64_t i = 0; i < 100; ++i) {
    TimelineEvent event;
    event.number = i;
    event.asked_ns = static_cast<std::int64_t>(i) * 1'000;
    event.seen_ns = event.asked_ns + 500;
    timeline.add(event);
  }
  const std::string text = timeline.chrome_trace([](std::uint32_t) { return "an \"op\""; });
  EXPECT_TRUE(text.ends_with("\"otherData\":{\"events\":100,\"kept_one_of\":16}}")) << text;
  for (int i = 0; i < 100; ++i) {
    const std::string position = "\"position\":" + std::to_string(i) + ",";
    EXPECT_EQ(text.find(position) != std::string::npos, i % 16 == 0) << i << text;
  }
  EXPECT_NE(text.find("\"name\":\"an \\\"op\\\"\""), std::string::npos) << text;
  EXPECT_EQ(text.find("\"ph\":\"X\""), std::string::npos) << "no worker is known";
}

}  // namespace
}  // namespace vyre::report
