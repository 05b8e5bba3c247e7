// The document's text: what is written is read back, what is wrong is named, what is hostile is an
// error.
#include <gtest/gtest.h>

#include <random>

#include "base/json_writer.hpp"
#include "report/json_tree.hpp"
#include "sample.hpp"

namespace vyre::report {
namespace {

using test::everything_measured;
using test::nothing_measured;
using test::random_document;

/// The text of `d` with `what` replaced by `with`; fails the test if it is not there.
std::string edited(const Document& d, const std::string& what, const std::string& with) {
  std::string text = to_json(d, -1);
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  if (at != std::string::npos) text.replace(at, what.size(), with);
  return text;
}

void expect_error(const std::string& text, Errc code, const std::string& part) {
  const auto read = from_json(text);
  ASSERT_FALSE(read) << text.substr(0, 200);
  EXPECT_EQ(read.error().code, code) << read.error().message;
  EXPECT_NE(read.error().message.find(part), std::string::npos) << read.error().message;
}

TEST(ReportJson, EveryFieldComesBackAsItWasWritten) {
  for (const Document& d : {nothing_measured(), everything_measured()}) {
    const std::string text = to_json(d);
    const auto read = from_json(text);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(to_json(*read), text);
    EXPECT_EQ(read->report.telemetry.topology, d.report.telemetry.topology);
    EXPECT_EQ(read->report.wall_time, d.report.wall_time);
    EXPECT_EQ(read->run.device, d.run.device);
  }
}

TEST(ReportJson, RandomDocumentsComeBackAsTheyWereWritten) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    const std::string text = to_json(random_document(seed), -1);
    EXPECT_EQ(text.find('\n'), std::string::npos);
    const auto read = from_json(text);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(to_json(*read, -1), text);
  }
}

TEST(JsonText, StringsOfAnyBytesReadAsTheJsonLibraryWritesThem) {
  std::mt19937 random(7);  // NOLINT: the same strings every time
  // Bytes at which UTF-8 and the escapes of JSON decide something, among others.
  constexpr unsigned char kEdges[]{0x00, 0x07, 0x08, 0x0A, 0x1F, '"',  '\\', '/',  0x7F,
                                   0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2,
                                   0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF, 'a'};
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (std::uint32_t n = random() % 8; n != 0; --n)
      text += static_cast<char>(kEdges[random() % std::size(kEdges)]);
    EXPECT_EQ(JsonWriter().value(text).text(),
              nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
}

TEST(JsonText, TheFormIsThatOfTheJsonLibrary) {
  for (const int indent : {-1, 0, 2}) {
    JsonWriter out(indent);
    out.begin_object()
        .member("text", "x")
        .member("number", -1)
        .member("yes", true)
        .member("none", nullptr)
        .member("list", std::vector<int>{1, 2})
        .key("empty")
        .begin_object()
        .end_object()
        .key("rows")
        .begin_array()
        .begin_object()
        .member("a", std::uint64_t{1})
        .end_object()
        .begin_array()
        .end_array()
        .end_array()
        .end_object();
    const nlohmann::ordered_json same{
        {"text", "x"},
        {"number", -1},
        {"yes", true},
        {"none", nullptr},
        {"list", {1, 2}},
        {"empty", nlohmann::ordered_json::object()},
        {"rows", nlohmann::ordered_json::array({{{"a", 1}}, nlohmann::ordered_json::array()})}};
    EXPECT_EQ(out.text(), same.dump(indent));
  }
}

TEST(JsonText, ADoubleComesBackAsItWas) {
  for (const double number : {0.0, 1.0, -2.5, 0.1, 1e300, 5e-324, 123456789012345680.0}) {
    const std::string text = JsonWriter().value(number).text();
    const auto back = nlohmann::json::parse(text);
    EXPECT_TRUE(back.is_number_float()) << text;
    EXPECT_EQ(back.get<double>(), number) << text;
  }
  EXPECT_EQ(JsonWriter().value(std::numeric_limits<double>::infinity()).text(), "null");
}

TEST(JsonText, ATreeIsWhatTheJsonLibraryMakesOfIt) {
  for (const char* const text :
       {R"({"a": [1, -2, 3.5, {"b": null, "a": [[], {}]}], "c": "\u00e4\n", "d": true})",
        R"({"twice": [1, [2]], "twice": {"last": 1}})", R"([])", R"("word")", R"(17)"}) {
    const auto tree = parse_json<nlohmann::json>(text);
    ASSERT_TRUE(tree) << tree.error().message;
    EXPECT_EQ(**tree, nlohmann::json::parse(text)) << text;
  }
  const auto open = parse_json<nlohmann::json>(R"({"a": [1, 2)");
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Errc::malformed);
  EXPECT_EQ(open.error().offset, 11u);
  EXPECT_EQ(open.error().message.rfind("not valid JSON: ", 0), 0u) << open.error().message;
  EXPECT_EQ(parse_json<nlohmann::json>("[1e999]").error().message.rfind("not usable JSON: ", 0),
            0u);
}

TEST(ReportJson, WhatWasNotMeasuredIsNullAndNotZero) {
  const std::string text = to_json(nothing_measured(), -1);
  EXPECT_NE(text.find("\"kernel_launches\":null"), std::string::npos);
  EXPECT_NE(text.find("\"ingest\":null"), std::string::npos);
  EXPECT_FALSE(from_json(text)->report.telemetry.kernel_launches);
}

TEST(ReportJson, LargestNumbersSurvive) {
  Document d = everything_measured();
  d.report.telemetry.estimated_peak_device_bytes = ~std::uint64_t{0};
  const auto read = from_json(to_json(d));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->report.telemetry.estimated_peak_device_bytes, ~std::uint64_t{0});
  EXPECT_EQ(read->report.region_lineage.back(), 0xC000'0001u);
}

TEST(ReportJson, LineageThatDoesNotAddUpIsRefusedWithItsTerms) {
  const auto refused = [](const auto& change, const std::string& what) {
    Document d = everything_measured();
    change(d);
    expect_error(to_json(d), Errc::mismatch, what);
  };
  refused([](Document& d) { d.report.lineage_items = 11; }, "lineage_items (11) is more than");
  refused([](Document& d) { d.report.region_lineage[1] = 3; }, "region_lineage has 3 for region 1");
  refused([](Document& d) { d.lineage->regions[1].own = {33}; },
          "region 1 of the lineage has a rule");
  refused([](Document& d) { d.lineage->regions[1].from = {1}; }, "derives from one that is not");
  refused([](Document& d) { d.report.region_lineage.pop_back(); }, "region_lineage has 2 of them");
  refused([](Document& d) { d.lineage->rules_rest = std::uint64_t{1} << 32; },
          "a slot has 32 bits");
}

TEST(ReportJson, UnknownKeysAreAccepted) {
  const auto read = from_json(edited(everything_measured(), "\"caps\":{",
                                     "\"later\":[{\"x\":1}],\"caps\":{\"later\":null,"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(to_json(*read), to_json(*from_json(to_json(*read))));
}

TEST(ReportJson, MissingKeyIsNamedByItsPointer) {
  expect_error(edited(everything_measured(), "\"queue_plan_ns\"", "\"queue_plan\""),
               Errc::malformed, "'/report/queue_plan_ns' is missing");
  expect_error(edited(everything_measured(), "\"full_waits\"", "\"full\""), Errc::malformed,
               "'/queues/0/full_waits'");
  expect_error(edited(everything_measured(), "\"ingest\"", "\"no\""), Errc::malformed, "'/ingest'");
}

TEST(ReportJson, WrongTypesAndRangesAreNamed) {
  const Document d = everything_measured();
  expect_error(edited(d, "\"sync_points\":2", "\"sync_points\":-1"), Errc::malformed,
               "/sync_points'");
  expect_error(edited(d, "\"sync_points\":2", "\"sync_points\":2.5"), Errc::malformed,
               "whole number");
  expect_error(edited(d, "\"sync_points\":2", "\"sync_points\":4294967296"), Errc::malformed,
               "4294967295");
  expect_error(edited(d, "\"sync_points\":2", "\"sync_points\":1e999"), Errc::malformed, "report:");
  expect_error(edited(d, "\"sync_points\":2", "\"sync_points\":\"2\""), Errc::malformed,
               "not string");
  expect_error(edited(d, "\"topology\":\"hybrid_frontier\"", "\"topology\":\"cloud\""),
               Errc::malformed, "'cloud'");
  expect_error(edited(d, "\"supported\":true", "\"supported\":1"), Errc::malformed,
               "/caps/supported'");
  expect_error(edited(d, "\"code\":\"trap\"", "\"code\":\"unknown\""), Errc::malformed,
               "/faults/0/code'");
  expect_error(edited(d, "\"queues\":[", "\"queues\":[3,"), Errc::malformed,
               "'/queues/0' must be an object");
  expect_error(edited(d, "\"wall_time_ns\":123456789", "\"wall_time_ns\":18446744073709551615"),
               Errc::malformed, "/wall_time_ns'");
  expect_error("[]", Errc::malformed, "object");
}

TEST(ReportJson, OtherSchemaIsAVersionMismatch) {
  expect_error(edited(nothing_measured(), "vyre.report/2", "vyre.report/3"), Errc::version_mismatch,
               "vyre.report/2");
  expect_error("{}", Errc::malformed, "/schema");
}

TEST(ReportJson, ADocumentOfTheSchemaBeforeIsReadWithoutWhatItCouldNotSay) {
  Document d = everything_measured();
  d.ops[0].latency = LatencySummary{100, 200, 300};
  std::string text = edited(d, "vyre.report/2", "vyre.report/1");
  for (const char* const key : {"\"labels\"", "\"executor\":\"cpu\"}", "\"work\"", "\"process\"",
                                "\"queueing\"", "\"sum_ns\":null", "\"buckets\":null"}) {
    const auto at = text.find(key);
    if (at != std::string::npos) text.replace(at + 1, 1, "?");  // a key that no reader knows
  }
  const auto read = from_json(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->ops[0].latency->max_ns, 300u);
  EXPECT_FALSE(read->ops[0].latency->buckets.has_value());
  EXPECT_FALSE(read->ops[0].queueing.has_value());
  EXPECT_TRUE(read->run.labels.empty());
  EXPECT_FALSE(read->work.has_value());
  EXPECT_FALSE(read->process.has_value());
}

TEST(ReportJson, BucketsThatContradictTheirQuantilesOrBoundsAreRefused) {
  const Document d = everything_measured();  // 100, 200 and 300 ns
  expect_error(edited(d, "{\"up_to_ns\":103,", "{\"up_to_ns\":102,"), Errc::mismatch, "102 ns");
  expect_error(edited(d, "{\"up_to_ns\":103,", "{\"up_to_ns\":303,"), Errc::mismatch, "above");
  expect_error(edited(d, "{\"up_to_ns\":103,\"count\":1}", "{\"up_to_ns\":103,\"count\":0}"),
               Errc::mismatch, "0 values");
  expect_error(edited(d, "{\"up_to_ns\":103,\"count\":1}", "{\"up_to_ns\":103,\"count\":9}"),
               Errc::mismatch, "p50");
  expect_error(edited(d, "{\"up_to_ns\":103,\"count\":1}",
                      "{\"up_to_ns\":103,\"count\":18446744073709551615}"),
               Errc::mismatch, "values");
  expect_error(edited(d, "\"sum_ns\":600", "\"sum_ns\":null"), Errc::mismatch, "both or none");
}

TEST(ReportRun, ACommandIsSpelledOutUpToItsBoundAndTheRestIsCounted) {
  RunInfo run;
  set_command(run, std::vector<std::string>(kMaxReportedWords + 5, std::string(5'000, 'x')));
  EXPECT_EQ(run.command.size(), kMaxReportedWords);
  EXPECT_EQ(run.command_rest, 5u);
  EXPECT_EQ(run.command[0], std::string(kMaxReportedWordBytes, 'x') + "...");
}

TEST(ReportRun, ALabelHasANameAndAValueAndIsGivenOnce) {
  RunInfo run;
  ASSERT_TRUE(add_label(run, "job=a=b c"));
  ASSERT_TRUE(add_label(run, "_2="));
  EXPECT_EQ(run.labels.at("job"), "a=b c");
  const std::pair<std::string, const char*> wrong[]{
      {"job=x", "twice"},      {"job", "no '='"},    {"=x", "letters"},
      {"2a=x", "digit first"}, {"a-b=x", "letters"}, {"v=" + std::string(257, 'x'), "257 bytes"}};
  for (const auto& [label, why] : wrong) {
    const Status refused = add_label(run, label);
    ASSERT_FALSE(refused) << label;
    EXPECT_NE(refused.error().message.find(why), std::string::npos) << refused.error().message;
  }
  while (run.labels.size() < kMaxLabels)
    ASSERT_TRUE(add_label(run, "n" + std::to_string(run.labels.size()) + "=x"));
  EXPECT_FALSE(add_label(run, "more=x"));
}

TEST(ReportLatency, MergedBucketsAreThoseOfAllValues) {
  std::mt19937_64 random(3);
  std::vector<std::uint64_t> a, b;
  for (int i = 0; i < 300; ++i) (i % 3 == 0 ? a : b).push_back(random() >> (random() % 64));
  std::vector<std::uint64_t> all = a;
  all.insert(all.end(), b.begin(), b.end());
  const auto one = test::latency_of_values(a);
  const auto other = test::latency_of_values(b);
  const auto both = merged(one, other);
  const LatencySummary expected = test::latency_of_values(all);
  ASSERT_TRUE(both);
  ASSERT_TRUE(check_latency(*both, "both"));
  EXPECT_EQ(both->p50_ns, expected.p50_ns);
  EXPECT_EQ(both->p99_ns, expected.p99_ns);
  EXPECT_EQ(both->max_ns, expected.max_ns);
  EXPECT_EQ(both->sum_ns, expected.sum_ns);
  EXPECT_EQ(values_of(*both), 300u);
  EXPECT_FALSE(merged(one, LatencySummary{1, 2, 3})) << "no quantile of both is known";
}

TEST(ReportJson, BrokenIdentityIsAnErrorThatNamesItsTerms) {
  const Document d = everything_measured();
  expect_error(edited(d, "\"items_processed\":9", "\"items_processed\":8"), Errc::mismatch,
               "items_processed (8)");
  expect_error(edited(d, "\"items_processed\":9", "\"items_processed\":18446744073709551615"),
               Errc::mismatch, "items_processed");
  expect_error(edited(d, "\"bytes_moved\":1024", "\"bytes_moved\":1025"), Errc::mismatch,
               "bytes_moved (1025)");
  expect_error(edited(d, "\"faults_total\":4", "\"faults_total\":0"), Errc::mismatch, "faults");
  expect_error(edited(d, "\"faults_rest\":3", "\"faults_rest\":2"), Errc::mismatch,
               "faults_rest (2)");
  expect_error(edited(d, "\"occupancy_proxy_bps\":10000", "\"occupancy_proxy_bps\":10001"),
               Errc::mismatch, "10000");
}

TEST(ReportJson, HostileTextIsAnErrorAndNeverACrash) {
  expect_error(std::string(1'000'000, '['), Errc::limit_exceeded, "nests");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  expect_error(objects, Errc::limit_exceeded, "nests");
  expect_error("", Errc::malformed, "JSON");
  expect_error("\xFF\xFE{}", Errc::malformed, "JSON");
  expect_error("{\"schema\":\"\xC3\x28\"}", Errc::malformed, "JSON");
  expect_error("{\"schema\":\"\\ud800\"}", Errc::malformed, "JSON");
  expect_error(std::string("{\0}", 3), Errc::malformed, "JSON");
  expect_error("{\"schema\":\"vyre.report/1\"} x", Errc::malformed, "JSON");
  const std::string text = to_json(everything_measured(), -1);
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    EXPECT_FALSE(from_json(text.substr(0, cut))) << cut;
}

TEST(ReportJson, BytesThatAreNotUtf8AreWrittenAsReplacementCharacters) {
  Document d = nothing_measured();
  d.run.command = {"vyre", std::string("\xFF\xC0 file")};
  const auto read = from_json(to_json(d));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_NE(read->run.command[1].find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(JsonGuard, CountsBracketsOutsideStringsOnly) {
  EXPECT_EQ(json_shape(R"({"a":"[[[\"[["})").depth, 1u);
  EXPECT_TRUE(json_shape(R"({"a":"[[[\"[["})").complete);
  EXPECT_FALSE(json_shape(R"({"a":"[)").complete);
  EXPECT_FALSE(json_shape("  \n").complete);
  EXPECT_EQ(json_shape("{} {}").first_end, 2u);
}

}  // namespace
}  // namespace vyre::report
