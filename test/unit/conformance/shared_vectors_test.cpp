// The shared vector files on every executor of this build, where they lie beside the source;
// skipped elsewhere.
#include <gtest/gtest.h>

#include <filesystem>

#include "vyre/conformance/conformance.hpp"

namespace vyre::conformance {
namespace {

/// Files of programs: of executions, and of verdicts of the decoder. The planner's are others.
bool has_programs(const std::string& name) {
  for (const char* const prefix : {"vir0-", "upstream-", "decoder"}) {
    if (name.rfind(prefix, 0) == 0) return true;
  }
  return false;
}

std::vector<std::string> shared_files() {
  std::vector<std::string> files;
  std::error_code missing;
  for (const auto& entry :
       std::filesystem::directory_iterator(VYRE_SOURCE_DIR "/../shared/vectors", missing)) {
    const std::string path = entry.path().string();
    if (path.find(".jsonl") != std::string::npos && has_programs(entry.path().filename().string()))
      files.push_back(path);
  }
  return files;
}

void run_on(Executor executor) {
  const auto files = shared_files();
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

}  // namespace
}  // namespace vyre::conformance
