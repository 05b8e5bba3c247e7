// This binary contains object files that include one header alone; that it links is the test. A
// header of host/ with a .cpp file of its own is compiled alone there, as the first include. What
// is left to check here is that none was forgotten.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

/// Whether the .cpp file beside a header begins with it.
bool first_in_its_source(std::filesystem::path header) {
  const std::string name = header.filename().string();
  std::ifstream source{header.replace_extension(".cpp")};
  for (std::string line; std::getline(source, line);) {
    if (line.rfind("#include", 0) != 0) continue;
    const std::string end = name + '"';
    return line.size() > end.size() && line.compare(line.size() - end.size(), end.size(), end) == 0;
  }
  return false;
}

TEST(Headers, EveryHeaderOfIncludeAndHostIsCompiledAlone) {
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
      if (entry.path().extension() == ".hpp" && !first_in_its_source(entry.path())) {
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
