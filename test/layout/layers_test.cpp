// The floors of the house: every #include of the tree against docs/layers.txt.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "layers.hpp"

namespace vyre::layout {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Layers house() {
  std::vector<std::string> problems;
  Layers layers = parse_layers(read(VYRE_SOURCE_DIR "/docs/layers.txt"), problems);
  EXPECT_TRUE(problems.empty()) << problems.front();
  return layers;
}

TEST(Layers, FloorsGoDownAndNoRoomsAreInACycle) {
  EXPECT_GT(house().size(), 10u);
}

TEST(Layers, EveryIncludeOfTheTreeIsAllowed) {
  const Layers layers = house();
  const std::filesystem::path root{VYRE_SOURCE_DIR};
  int files = 0;
  for (const char* top : {"include", "host", "cuda", "tools"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top)) {
      const auto extension = entry.path().extension();
      if (extension != ".hpp" && extension != ".cpp" && extension != ".cu" && extension != ".cuh" &&
          extension != ".def" && extension != ".inl") {
        continue;
      }
      ++files;
      const std::string path = std::filesystem::relative(entry.path(), root).generic_string();
      for (const auto& problem : broken_rules(layers, path, read(entry.path())))
        ADD_FAILURE() << problem;
    }
  }
  EXPECT_GT(files, 20);
}

TEST(Layers, EveryRoomOnDiskHasALineAndAFolder) {
  const Layers layers = house();
  for (const char* top : {"include/vyre", "host"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string{VYRE_SOURCE_DIR "/"} + top)) {
      if (!entry.is_directory()) continue;
      EXPECT_EQ(layers.count(entry.path().filename().string()), 1u) << entry.path();
    }
  }
}

TEST(Layers, WayUpAndCycleAndUnknownRoomAreFound) {
  std::vector<std::string> problems;
  (void)parse_layers("0 low: high\n1 high:\n", problems);
  EXPECT_EQ(problems.size(), 1u);
  problems.clear();
  (void)parse_layers("1 a: b\n1 b: a\n", problems);
  EXPECT_EQ(problems.size(), 1u);
  problems.clear();
  (void)parse_layers("1 a: nowhere\nnonsense\n1 a:\n", problems);
  EXPECT_EQ(problems.size(), 3u);
}

TEST(Layers, ForbiddenIncludesAreFound) {
  std::vector<std::string> none;
  const Layers layers =
      parse_layers("0 base:\n1 core: base\n2 cpu: core base\n2 cuda: core\n5 tools: cpu\n", none);
  const auto count = [&](std::string_view path, std::string_view source) {
    return broken_rules(layers, path, source).size();
  };
  EXPECT_EQ(count("host/cpu/a.cpp",
                  "#include \"vyre/core/x.hpp\"\n#include \"local.hpp\"\n#include <vector>\n"),
            0u);
  EXPECT_EQ(count("host/core/a.cpp", "#include \"vyre/cpu/x.hpp\"\n"), 1u);
  EXPECT_EQ(count("cuda/a.cu", "#include \"vyre/cpu/x.hpp\"\n"), 1u);
  EXPECT_EQ(count("include/vyre/core/a.hpp", "  #  include <vyre/cpu/x.hpp>\n"), 1u);
  EXPECT_EQ(count("host/cpu/a.cpp", "#include \"../core/secret.hpp\"\n"), 1u);
  EXPECT_EQ(count("include/vyre/core/a.hpp", "#include \"secret.hpp\"\n"), 1u);
  EXPECT_EQ(count("host/cpu/a.cpp", "#include <liburing.h>\n"), 1u);
  EXPECT_EQ(count("include/vyre/cuda/a.hpp", "#include <cuda_runtime.h>\n"), 1u);
  EXPECT_EQ(count("cuda/a.cu", "#include <cuda_runtime.h>\n"), 0u);
  EXPECT_EQ(count("host/garage/a.cpp", ""), 1u);
  EXPECT_EQ(count("host/cpu/a.cpp", "// #include \"vyre/tools/x.hpp\"\n"), 0u);
}

}  // namespace
}  // namespace vyre::layout
