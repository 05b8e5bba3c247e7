// The shared vector files on every executor of this build, where they lie beside the source;
// skipped elsewhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>

#include "conformance/conformance.hpp"

namespace vyre::conformance {
namespace {

/// Files of programs: of executions, and of verdicts of the decoder.
constexpr std::initializer_list<const char*> kPrograms{"vir0-", "upstream-", "decoder"};
/// Files of the planner, whose lines no executor sees.
constexpr std::initializer_list<const char*> kPlanner{"policy", "lineage", "plan-items"};

std::vector<std::string> shared_files(std::initializer_list<const char*> prefixes) {
  std::vector<std::string> files;
  std::error_code missing;
  for (const auto& entry :
       std::filesystem::directory_iterator(VYRE_SOURCE_DIR "/../shared/vectors", missing)) {
    const std::string name = entry.path().filename().string();
    const bool wanted = std::any_of(prefixes.begin(), prefixes.end(),
                                    [&](const char* prefix) { return name.starts_with(prefix); });
    if (wanted && name.find(".jsonl") != std::string::npos) files.push_back(entry.path().string());
  }
  return files;
}

void run_on(Executor executor, std::initializer_list<const char*> prefixes = kPrograms) {
  const auto files = shared_files(prefixes);
  if (files.empty()) GTEST_SKIP() << "no vector files beside the source";
  const Options options{executor, 50};
  const auto summary = run_files(files, options, nullptr);
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_EQ(summary->failed, 0u) << to_json(*summary, options);
  EXPECT_EQ(summary->files, files.size());
  EXPECT_EQ(summary->passed, summary->cases);
  EXPECT_EQ(summary->decoder_passed, summary->decoder_verdicts);
  EXPECT_GT(summary->cases + summary->decoder_verdicts, 0u);
}

TEST(SharedVectors, AllPassOnTheReference) {
  run_on(Executor::reference);
}
TEST(SharedVectors, AllPassOnTheCpuBackend) {
  run_on(Executor::cpu);
}
TEST(SharedVectors, AllOfThePlannerPass) {
  run_on(Executor::reference, kPlanner);
}

}  // namespace
}  // namespace vyre::conformance
