// This binary contains one object file a header, each of which includes that header alone; that it
// links is the test. What is left to check here is that none was forgotten.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

TEST(Headers, EveryHeaderOfIncludeAndHostWasCompiledAlone) {
  std::vector<std::string> compiled;
  std::ifstream list{VYRE_HEADER_LIST};
  ASSERT_TRUE(list) << VYRE_HEADER_LIST;
  for (std::string line; std::getline(list, line);) {
    if (!line.empty()) compiled.push_back(line);
  }
  std::vector<std::string> present;
  const std::filesystem::path root{VYRE_SOURCE_DIR};
  for (const char* top : {"include", "host"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top)) {
      if (entry.path().extension() == ".hpp") {
        present.push_back(std::filesystem::relative(entry.path(), root).generic_string());
      }
    }
  }
  std::sort(compiled.begin(), compiled.end());
  std::sort(present.begin(), present.end());
  EXPECT_GT(present.size(), 10u);
  EXPECT_EQ(compiled, present) << "run cmake again: the list of headers is from an older configure";
}

}  // namespace
