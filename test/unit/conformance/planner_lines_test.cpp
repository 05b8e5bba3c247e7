// Lines of the planner: the committed cases pass, and every kind of wrong line fails or is refused
// by name.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "conformance/conformance.hpp"
#include "unit/conformance/temporary_file.hpp"

namespace vyre::conformance {
namespace {

using Json = nlohmann::json;
using testing::TemporaryFile;

Result<Summary> run(const std::string& text) {
  const TemporaryFile file(text);
  return run_files({file.path()}, Options{Executor::reference, 10}, nullptr);
}

std::string committed(const std::string& name) {
  return VYRE_SOURCE_DIR "/test/cases/planner/" + name + ".jsonl";
}

/// The first committed line that `which` accepts.
Json line_of(const std::string& name, const std::function<bool(const Json&)>& which) {
  std::ifstream file(committed(name));
  std::string text;
  while (std::getline(file, text)) {
    Json line = Json::parse(text);
    if (which(line)) return line;
  }
  ADD_FAILURE() << "no such line in " << name;
  return {};
}

/// Why the only case fails; empty where it passes.
std::string failure(const Json& line) {
  const auto summary = run(line.dump());
  if (!summary) return "refused: " + summary.error().message;
  EXPECT_EQ(summary->cases, 1u);
  EXPECT_EQ(summary->passed + summary->failed, 1u);
  return summary->failures.empty() ? std::string() : summary->failures[0].why;
}

bool has_answer(const Json& line) {
  return line.contains("answer");
}

TEST(PlannerLines, CommittedCasesPassAndAreCounted) {
  for (const std::string name : {"policy", "lineage", "plan-items"}) {
    const auto summary = run_files({committed(name)}, Options{Executor::reference, 10}, nullptr);
    ASSERT_TRUE(summary) << to_string(summary.error());
    EXPECT_GT(summary->cases, 0u) << name;
    EXPECT_EQ(summary->passed, summary->cases) << to_json(*summary, Options{});
    EXPECT_EQ(summary->failed, 0u) << name;
  }
}

TEST(PolicyLines, EveryFieldOfTheAnswerIsJudged) {
  const Json line = line_of("policy", has_answer);
  ASSERT_EQ(failure(line), "");
  int fields = 0;
  for (const auto& [key, value] : line["answer"].items()) {
    Json wrong = line;
    Json& field = wrong["answer"][key];
    if (value.is_boolean()) {
      field = !value.get<bool>();
    } else if (value.is_array()) {
      field[2] = 7;
    } else if (value.is_number()) {
      field = value.get<std::uint64_t>() + 1;
    } else if (key == "topology") {
      field = "fused_dense";
    } else if (key == "pressure") {
      field = "empty";
    } else {
      field = "jit";
    }
    EXPECT_NE(failure(wrong).find(key + ": expected "), std::string::npos) << failure(wrong);
    ++fields;
  }
  EXPECT_EQ(fields, 14);
}

TEST(PolicyLines, AnExpectedErrorMustComeAndNameWhatTheLineNames) {
  const Json over = line_of("policy", [](const Json& one) {
    return one.contains("error") && one["error"]["kind"] == "out_of_memory";
  });
  ASSERT_EQ(failure(over), "");
  Json wrong = over;
  wrong["error"]["available"] = 1;
  EXPECT_NE(failure(wrong).find("expected the error out_of_memory"), std::string::npos);
  wrong = over;
  wrong["error"] = {{"kind", "zero_limit"}, {"limit", "max_workgroup_size_x"}};
  EXPECT_NE(failure(wrong).find("expected the error zero_limit"), std::string::npos);
  wrong["request"]["max_workgroup_size_x"] = 0;
  EXPECT_EQ(failure(wrong), "");
  wrong = line_of("policy", has_answer);
  wrong.erase("answer");
  wrong["error"] = over["error"];
  EXPECT_NE(failure(wrong).find("got a plan"), std::string::npos);
}

TEST(PolicyLines, WhereSlotsAreShortARefusalIsRightToo) {
  Json line = line_of("policy", [](const Json& one) { return one.contains("note"); });
  ASSERT_EQ(failure(line), "");
  line["request"]["requested_hit_capacity"] = 0;  // 2^32 items need more hits than 32 bits count
  EXPECT_EQ(failure(line), "");
  line.erase("note");
  EXPECT_NE(failure(line).find("expected a plan"), std::string::npos);
}

TEST(PolicyLines, EveryMalformedKeyIsNamed) {
  const Json line = line_of("policy", has_answer);
  const auto refused = [&](const char* pointer, const Json& value) {
    Json wrong = line;
    wrong[Json::json_pointer(pointer)] = value;
    return failure(wrong);
  };
  for (const auto& [pointer, value, key] : {
           std::tuple{"/request", Json(1), "request"},
           {"/request/queue_len", Json(-1), "queue_len"},
           {"/request/queue_len", Json(4'294'967'296u), "queue_len"},
           {"/request/frontier_density_bps", Json(65'536), "frontier_density_bps"},
           {"/request/resident_device_bytes", Json(1.5), "resident_device_bytes"},
           {"/previous", Json("warm"), "previous"},
           {"/answer", Json(), "answer"},
           {"/answer/topology", Json("warm"), "topology"},
           {"/answer/promote_hot_opcodes", Json(1), "promote_hot_opcodes"},
           {"/answer/dispatch_grid", Json({1, 1}), "dispatch_grid"},
           {"/error", Json::object(), "answer"},
           {"/kind", Json(1), "kind"},
       }) {
    const std::string why = refused(pointer, value);
    EXPECT_EQ(why.rfind("refused: ", 0), 0u) << pointer << ": " << why;
    EXPECT_NE(why.find(key), std::string::npos) << pointer << ": " << why;
  }
  Json wrong = line;
  wrong["request"].erase("queue_len");
  EXPECT_NE(failure(wrong).find("queue_len"), std::string::npos);
}

/// The failure of a line after one value was changed.
std::string changed(const Json& line, const char* pointer, const Json& value) {
  Json wrong = line;
  wrong[Json::json_pointer(pointer)] = value;
  return failure(wrong);
}

TEST(LineageLines, WrongSetsFailAndMalformedKeysAreNamed) {
  const Json line = line_of("lineage", [](const Json& one) { return one.contains("sets"); });
  ASSERT_EQ(failure(line), "");
  const std::uint32_t bits = line["lineage"][0].get<std::uint32_t>();
  EXPECT_NE(changed(line, "/lineage/0", bits ^ 1u).find("region 0: expected lineage"),
            std::string::npos);
  EXPECT_NE(changed(line, "/sets/0", Json::array({32})).find("region 0: expected rules [32]"),
            std::string::npos);
  for (const auto& [pointer, value, key] : {
           std::tuple{"/regions", Json(4'000'000'000u), "regions"},
           {"/rules", Json(-1), "rules"},
           {"/own", Json::array(), "own"},
           {"/own/0", Json(7), "own"},
           {"/own/0", Json::array({33}), "own"},
           {"/edges", Json(1), "edges"},
           {"/edges/0", Json::array({0, 1}), "edges"},
           {"/edges/0/1", Json(9), "edges"},
           {"/lineage", Json::array(), "lineage"},
           {"/sets/0/0", Json("x"), "sets"},
       }) {
    const std::string why = changed(line, pointer, value);
    EXPECT_EQ(why.rfind("refused: ", 0), 0u) << pointer << ": " << why;
    EXPECT_NE(why.find(key), std::string::npos) << pointer << ": " << why;
  }
}

TEST(PlanItemsLines, WrongAnswersFailAndMalformedKeysAreNamed) {
  const Json line = line_of("plan-items", [](const Json& one) {
    return !one["removed"].empty() && !one["derives"].empty() && one["conflicts"].size() > 1;
  });
  ASSERT_EQ(failure(line), "");
  const std::uint32_t stands = line["removed"][0][1].get<std::uint32_t>();
  EXPECT_NE(changed(line, "/removed", Json::array()).find("removed, expected is the opposite"),
            std::string::npos);
  EXPECT_NE(changed(line, "/removed/0/1", stands + 1).find("stands for it"), std::string::npos);
  EXPECT_NE(changed(line, "/published", 999).find("published items"), std::string::npos);
  EXPECT_NE(changed(line, "/conflicts", Json::array()).find("no conflict"), std::string::npos);
  Json more = line;
  more["events"].push_back(Json::array({"item", 0, 0, 0, 0, 0}));  // conflicts with nothing
  more["published"] = line["published"].get<std::uint64_t>() + 1;
  const std::size_t items = static_cast<std::size_t>(std::count_if(
      more["events"].begin(), more["events"].end(), [](const Json& e) { return e[0] == "item"; }));
  more["conflicts"].push_back(Json::array({0, items - 1, "raw"}));
  EXPECT_NE(failure(more).find("not ordered"), std::string::npos) << failure(more);
  EXPECT_NE(changed(line, "/derives", Json::array()).find("derive"), std::string::npos);
  Json extra = line["derives"];
  extra.push_back(Json::array({0, 1}));
  EXPECT_NE(changed(line, "/derives", extra).find("item 0 does not derive from 1"),
            std::string::npos);
  for (const auto& [pointer, value, key] : {
           std::tuple{"/buffers", Json::array(), "buffers"},
           {"/buffers/1", Json("disk"), "buffers"},
           {"/buffers/x", Json("buffer"), "buffers"},
           {"/sets/900", Json::array({999}), "sets"},
           {"/ops/1024", Json::object(), "inputs"},
           {"/ops/1024/inputs/0", Json("write"), "inputs"},
           {"/ops/1024/pure", Json(), "pure"},
           {"/ops/0", line["ops"]["1024"], "ops"},
           {"/events/0", Json::array({"read"}), "events"},
           {"/events/0", Json::array({"write", 999}), "events"},
           {"/events/0", Json::array({"item", 1'999, 1, 1, 0, 0}), "1999"},
           {"/events/0", Json::array({"item", 1'024, 999, 1, 0, 0}), "999"},
           {"/events/0", Json::array({"item", 1'024, 1, 1, 0, 4}), "flags"},
           {"/removed", Json(), "removed"},
           {"/removed/0", Json::array({1}), "removed"},
           {"/conflicts/0/2", Json("rar"), "conflicts"},
           {"/derives/0/0", Json(99'999), "derives"},
       }) {
    const std::string why = changed(line, pointer, value);
    EXPECT_EQ(why.rfind("refused: ", 0), 0u) << pointer << ": " << why;
    EXPECT_NE(why.find(key), std::string::npos) << pointer << ": " << why;
  }
}

}  // namespace
}  // namespace vyre::conformance
