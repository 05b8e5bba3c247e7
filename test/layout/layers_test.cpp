// The floors of the house: every #include of the tree against docs/layers.txt.
#include <gtest/gtest.h>

#include <filesystem>

#include "layers.hpp"
#include "tree.hpp"

namespace vyre::layout {
namespace {

Layers house() {
  std::vector<std::string> problems;
  Layers layers = parse_layers(read_text(VYRE_SOURCE_DIR "/docs/layers.txt"), problems);
  EXPECT_TRUE(problems.empty()) << problems.front();
  return layers;
}

TEST(Layers, FloorsGoDownAndNoRoomsAreInACycle) {
  EXPECT_GT(house().size(), 10u);
}

TEST(Layers, EveryIncludeOfTheTreeIsAllowedAndSpelledByItsRoom) {
  const Layers layers = house();
  Spellings spellings;
  const std::vector<TextFile> files =
      text_files(VYRE_SOURCE_DIR, {"include", "host", "cuda", "tools"},
                 {".hpp", ".cpp", ".cu", ".cuh", ".def", ".inl"});
  for (const TextFile& file : files) {
    for (const auto& problem : broken_rules(layers, file.path, file.text)) ADD_FAILURE() << problem;
    spellings.add(layers, file.path, file.text);
  }
  for (const auto& problem : spellings.problems(layers)) ADD_FAILURE() << problem;
  EXPECT_GT(files.size(), 20u);
}

TEST(Layers, EveryRoomHasAFolderWithItsPage) {
  const std::filesystem::path root{VYRE_SOURCE_DIR};
  for (const auto& [name, room] : house()) {
    const bool top = name == "tools" || name.rfind("cuda/", 0) == 0;
    const auto folder = name == "api" ? root / "include/vyre/api"
                        : top         ? root / name
                                      : root / "host" / name;
    EXPECT_TRUE(std::filesystem::exists(folder / "README.md")) << folder;
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
  const Layers layers = parse_layers(
      "0 base:\n0 api:\n1 core: base\n1 vir/program:\n1 vir/wire: vir/program\n2 cpu: core base\n"
      "2 cuda/door: core\n2 cuda/builtin: core\n5 tools: cpu\n",
      none);
  const auto count = [&](std::string_view path, std::string_view source) {
    return broken_rules(layers, path, source).size();
  };
  EXPECT_EQ(count("host/cpu/a.cpp",
                  "#include \"core/x.hpp\"\n#include \"local.hpp\"\n#include <vector>\n"),
            0u);
  EXPECT_EQ(count("host/core/a.cpp", "#include \"cpu/x.hpp\"\n"), 1u);
  EXPECT_EQ(count("cuda/door/a.cu", "#include \"cpu/x.hpp\"\n"), 1u);
  EXPECT_EQ(count("cuda/door/a.cu", "#include \"cuda/builtin/x.cuh\"\n"), 1u);
  EXPECT_EQ(count("include/vyre/all.hpp", "#include \"base/x.hpp\"\n"), 1u);
  EXPECT_EQ(count("include/vyre/all.hpp", "  #  include <vyre/api/x.hpp>\n"), 0u);
  EXPECT_EQ(count("include/vyre/api/a.hpp", "#include \"vyre/vyre.h\"\n"), 0u);
  EXPECT_EQ(count("host/core/a.cpp", "#include \"vyre/all.h\"\n"), 1u);
  EXPECT_EQ(count("host/core/a.cpp", "  #  include <vyre/all.h>\n"), 1u);
  EXPECT_EQ(count("host/vir/program/a.cpp", "#include \"vir/program/x.def\"\n"), 0u);
  EXPECT_EQ(count("host/vir/program/a.cpp", "#include \"vir/wire/x.hpp\"\n"), 1u);
  EXPECT_EQ(count("host/cpu/a.cpp", "#include \"../core/secret.hpp\"\n"), 1u);
  EXPECT_EQ(count("host/cpu/a.cpp", "#include \"garage/x.hpp\"\n"), 1u);
  EXPECT_EQ(count("include/vyre/api/a.hpp", "#include \"secret.hpp\"\n"), 1u);
  EXPECT_EQ(count("host/cpu/a.cpp", "#include <liburing.h>\n"), 1u);
  EXPECT_EQ(count("include/vyre/api/a.hpp", "#include <cuda_runtime.h>\n"), 1u);
  EXPECT_EQ(count("cuda/door/a.cu", "#include <cuda_runtime.h>\n"), 0u);
  EXPECT_EQ(count("tools/options.cpp", "#include <CLI/CLI.hpp>\n"), 0u);
  EXPECT_EQ(count("tools/a.cpp", "#include <CLI/CLI.hpp>\n"), 1u);
  EXPECT_EQ(count("host/garage/a.cpp", ""), 1u);
  EXPECT_EQ(count("host/cpu/a.cpp", "// #include \"tools/x.hpp\"\n"), 0u);
}

TEST(Layers, UnusedPermissionsAndHeadersOfTwoSpellingsAreFound) {
  std::vector<std::string> none;
  const Layers layers = parse_layers("0 base:\n1 core: base\n1 queue: base\n", none);
  Spellings spellings;
  spellings.add(layers, "host/core/a.cpp", "#include \"base/x.hpp\"\n#include \"own.hpp\"\n");
  spellings.add(layers, "host/base/b.cpp", "#include \"x.hpp\"\n");
  const auto found = spellings.problems(layers);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0],
            "host/base/b.cpp:1: other rooms include host/base/x.hpp, so its own room "
            "spells it with the room, too");
  EXPECT_EQ(found[1], "docs/layers.txt: room queue does not use base");
}

}  // namespace
}  // namespace vyre::layout
