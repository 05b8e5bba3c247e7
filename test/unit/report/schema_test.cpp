// docs/report.schema.json against what the writer writes, and against the names and null rule of
// the page.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include <fstream>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "sample.hpp"

namespace vyre::report {
namespace {

using Json = nlohmann::json;

class ReportSchema : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(VYRE_SOURCE_DIR "/docs/report.schema.json");
    ASSERT_TRUE(file);
    document_ = Json::parse(file);
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(document_), schema_);
  }

  /// Empty when valid, else the complaints.
  std::string complaints(const Json& json) {
    valijson::Validator validator;
    valijson::ValidationResults results;
    if (validator.validate(schema_, valijson::adapters::NlohmannJsonAdapter(json), &results))
      return {};
    std::string text = "invalid:";
    valijson::ValidationResults::Error error;
    while (results.popError(error)) text += "\n  " + error.description;
    return text;
  }
  std::string complaints(const Document& d) { return complaints(Json::parse(to_json(d))); }

  Json document_;
  valijson::Schema schema_;
};

TEST_F(ReportSchema, EveryWrittenReportIsValid) {
  EXPECT_EQ(complaints(test::nothing_measured()), "");
  EXPECT_EQ(complaints(test::everything_measured()), "");
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    EXPECT_EQ(complaints(test::random_document(seed)), "");
  }
}

TEST_F(ReportSchema, EveryKeyThatIsWrittenIsRequired) {
  // Taking any key of any object away must break the schema: a writer that drops one is caught.
  const Json full = Json::parse(to_json(test::everything_measured()));
  std::size_t tried = 0;
  const std::vector<Json::json_pointer> objects{Json::json_pointer(""),
                                                Json::json_pointer("/run"),
                                                Json::json_pointer("/caps"),
                                                Json::json_pointer("/report"),
                                                Json::json_pointer("/ops/0"),
                                                Json::json_pointer("/report/telemetry"),
                                                Json::json_pointer("/queues/0"),
                                                Json::json_pointer("/ops/0/latency"),
                                                Json::json_pointer("/faults/0"),
                                                Json::json_pointer("/input_failures/0"),
                                                Json::json_pointer("/ingest"),
                                                Json::json_pointer("/ingest/tiers/0"),
                                                Json::json_pointer("/ingest/retries/0"),
                                                Json::json_pointer("/ingest/latency"),
                                                Json::json_pointer("/planner"),
                                                Json::json_pointer("/planner/regions"),
                                                Json::json_pointer("/planner/refused/0"),
                                                Json::json_pointer("/planner/launches"),
                                                Json::json_pointer("/planner/launches/topologies"),
                                                Json::json_pointer("/planner/launches/pressures"),
                                                Json::json_pointer("/planner/launches/modes"),
                                                Json::json_pointer("/planner/launches/acts/0"),
                                                Json::json_pointer("/caches"),
                                                Json::json_pointer("/caches/inputs"),
                                                Json::json_pointer("/lineage"),
                                                Json::json_pointer("/work"),
                                                Json::json_pointer("/process"),
                                                Json::json_pointer("/debug"),
                                                Json::json_pointer("/files"),
                                                Json::json_pointer("/files/rows/0"),
                                                Json::json_pointer("/ops/0/latency/buckets/0"),
                                                Json::json_pointer("/lineage/regions/1")};
  // Documents from before these keys are good ones.
  const std::set<std::string> later{
      "/planner",        "/ops/0/deduped",      "/faults/0/member",       "/faults/0/stands_for",
      "/caches",         "/planner/launches",   "/planner/launches/acts", "/lineage",
      "/ops/0/queueing", "/ops/0/running",      "/ops/0/program",         "/run/command_rest",
      "/run/labels",     "/run/executor",       "/run/documents",         "/work",
      "/process",        "/faults/0/op_handle", "/faults/0/place",        "/debug",
      "/files"};
  // One of the two alone contradicts itself, which a schema cannot say.
  const std::set<std::string> both_or_none{"/ops/0/latency/sum_ns", "/ops/0/latency/buckets",
                                           "/ingest/latency/sum_ns", "/ingest/latency/buckets"};
  for (const auto& pointer : objects) {
    const Json object = full.at(pointer);
    for (const auto& [key, value] : object.items()) {
      Json without = full;
      without.at(pointer).erase(key);
      const std::string place = pointer.to_string() + "/" + key;
      EXPECT_EQ(complaints(without) == "", later.contains(place) || both_or_none.contains(place))
          << place;
      EXPECT_EQ(from_json(without.dump()).has_value(), later.contains(place)) << place;
      ++tried;
    }
  }
  EXPECT_GT(tried, 110u);
}

TEST_F(ReportSchema, SeedNamesAreThereAndNullIsAllowedExactlyWhereNothingMayBeInvented) {
  const Json& report = document_["properties"]["report"];
  const Json& telemetry = report["properties"]["telemetry"];
  for (const char* name : {"items_processed", "items_remaining", "wall_time_ns", "queue_plan_ns",
                           "queue_publish_ns", "backend_dispatch_ns", "lineage_ns", "deduped_items",
                           "published_items", "lineage_items", "telemetry", "region_lineage"}) {
    EXPECT_TRUE(report["properties"].contains(name)) << name;
  }
  EXPECT_EQ(telemetry["required"].size(), 17u);
  Json all_null = Json::parse(to_json(test::everything_measured()));
  for (const auto& name : telemetry["required"])
    all_null["report"]["telemetry"][name.get<std::string>()] = nullptr;
  EXPECT_EQ(complaints(all_null), "");
  EXPECT_TRUE(from_json(all_null.dump()));
  for (const char* name :
       {"items_processed", "items_remaining", "published_items", "deduped_items", "wall_time_ns"}) {
    Json bad = all_null;
    bad["report"][name] = nullptr;
    EXPECT_NE(complaints(bad), "") << name;
    EXPECT_FALSE(from_json(bad.dump())) << name;
  }
}

TEST_F(ReportSchema, UnknownKeysAreValid) {
  Json json = Json::parse(to_json(test::everything_measured()));
  json["later"] = 1;
  json["report"]["telemetry"]["later"] = "x";
  EXPECT_EQ(complaints(json), "");
}

}  // namespace
}  // namespace vyre::report
