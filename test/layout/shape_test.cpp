// Every text file fits its width and its length, and no wrapped line of a page becomes a list.
#include <gtest/gtest.h>

#include "shape.hpp"
#include "tree.hpp"

namespace vyre::layout {
namespace {

std::vector<TextFile> files_of_the_tree() {
  return text_files(VYRE_SOURCE_DIR, {""},
                    {".md", ".hpp", ".h", ".cpp", ".cu", ".cuh", ".inl", ".sh", ".py", ".cmake",
                     "CMakeLists.txt"});
}

TEST(Shape, EveryLineOfTheTreeHasAtMostAHundredColumns) {
  const std::vector<TextFile> files = files_of_the_tree();
  EXPECT_GT(files.size(), 300u);
  for (const TextFile& file : files) {
    for (const std::string& line : wide_lines(file.path, file.text)) ADD_FAILURE() << line;
  }
}

TEST(Shape, NoLineOfAPageIsAnItemOfAListByAccident) {
  const std::vector<TextFile> pages = text_files(VYRE_SOURCE_DIR, {""}, {".md"});
  EXPECT_GT(pages.size(), 50u);
  for (const TextFile& page : pages) {
    for (const std::string& line : lines_read_as_items(page.path, page.text)) ADD_FAILURE() << line;
  }
}

TEST(Shape, EveryLongFileOfTheTreeSaysWhy) {
  std::vector<std::string> problems;
  const std::filesystem::path root{VYRE_SOURCE_DIR};
  const LongFiles list = parse_long_files(read_text(root / "docs/long-files.txt"), problems);
  std::map<std::string, int> lines;
  for (const TextFile& file : files_of_the_tree()) {
    if (file.path != "CHANGELOG.md")
      lines[file.path] = static_cast<int>(lines_of(file.text).size());
  }
  for (const std::string& problem : problems) ADD_FAILURE() << problem;
  for (const std::string& problem : wrong_lengths(lines, list)) ADD_FAILURE() << problem;
}

TEST(Shape, EveryFileThatACommentNamesIsInTheTree) {
  const std::vector<TextFile> files =
      text_files(VYRE_SOURCE_DIR, {"include", "host", "cuda", "tools", "test", "bench"},
                 {".hpp", ".cpp", ".cu", ".cuh", ".inl"});
  std::set<std::string, std::less<>> names;
  for (const TextFile& file : files)
    names.insert(std::filesystem::path{file.path}.filename().string());
  for (const TextFile& file : files) {
    if (file.path.rfind("test/layout/", 0) == 0) continue;  // examples
    for (const std::string& problem : missing_files(file.path, file.text, names))
      ADD_FAILURE() << problem;
  }
}

TEST(Shape, CommentsThatNameFilesWhichAreGoneAreFound) {
  const std::set<std::string, std::less<>> names{"here.hpp", "here.cu"};
  EXPECT_EQ(missing_files("a.cpp", "// See here.hpp and host/here.cu, *_rules.cpp.\n", names),
            std::vector<std::string>{});
  EXPECT_EQ(
      missing_files("a.cpp", "int a;\nint b;  // as in room/gone.cpp\n", names),
      std::vector<std::string>{"a.cpp:2: a comment names gone.cpp, and there is no such file"});
  EXPECT_TRUE(missing_files("a.cpp", "#include \"gone.hpp\"\n", names).empty());
}

TEST(Shape, WideLinesAreFound) {
  const std::string fits(100, 'x');
  EXPECT_TRUE(wide_lines("a.cpp", fits + "\n" + fits).empty());
  EXPECT_EQ(wide_lines("a.cpp", "\n" + fits + "x\n"),
            std::vector<std::string>{"a.cpp:2: 101 columns, at most 100 are allowed"});
  EXPECT_EQ(wide_lines("a.md", "| " + fits + " |\n").size(), 1u) << "tables, too";
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\u00e4";
  EXPECT_TRUE(wide_lines("a.md", umlauts).empty()) << "characters count, not bytes";
}

TEST(Shape, FencedCodeAndUrlsMayBeWider) {
  const std::string wide(101, 'x');
  EXPECT_TRUE(wide_lines("a.md", "```sh\n" + wide + "\n```\n").empty());
  EXPECT_EQ(wide_lines("a.md", "```sh\n```\n" + wide + "\n").size(), 1u);
  EXPECT_TRUE(wide_lines("a.md", "See [it](https://example.org/" + wide + ").\n").empty());
  EXPECT_EQ(wide_lines("a.md", wide + " (https://example.org/)\n").size(), 1u);
  EXPECT_EQ(wide_lines("a.cpp", "```\n" + wide + "\n```\n").size(), 1u) << "in Markdown only";
}

TEST(Shape, NumbersThatWrappingPutAtTheBeginningOfALineAreFound) {
  EXPECT_EQ(lines_read_as_items("a.md", "A full disk is code\n4. The same input\n"),
            std::vector<std::string>{"a.md:2: begins with '4.' inside a paragraph, which reads as "
                                     "the item of a list: wrap the paragraph elsewhere"});
  EXPECT_EQ(lines_read_as_items("a.md", "so the phase is\n1. Word 0 is 5\n").size(), 1u);
  EXPECT_EQ(lines_read_as_items("a.md", "1. one\n   and a half,\n   7. of it\n2. two\n").size(), 2u)
      << "inside an item, and the item that it pushes out of order";
  EXPECT_TRUE(lines_read_as_items("a.md", "List:\n\n1. one\n   wrapped\n2. two\n\n3. x\n").empty());
  EXPECT_TRUE(lines_read_as_items("a.md", "# Title\n1. one\n").empty());
  EXPECT_TRUE(lines_read_as_items("a.md", "It took\n1.5 s, and\n2048 more\n").empty());
  EXPECT_TRUE(lines_read_as_items("a.md", "```\ncode\n4. of it\n```\n").empty());
}

TEST(Shape, FilesThatAreTooLongOrGiveNoReasonAreFound) {
  std::vector<std::string> problems;
  const LongFiles list = parse_long_files(
      "# a comment\na.cpp: one subject\nshort.cpp: was long\nlong.cpp: really\nt.cpp: table: "
      "ops\nno reason\n",
      problems);
  EXPECT_EQ(problems, std::vector<std::string>{"not `path: reason`: no reason"});
  const auto wrong = wrong_lengths({{"a.cpp", 401},
                                    {"b.cpp", 401},
                                    {"c.cpp", 400},
                                    {"long.cpp", 601},
                                    {"short.cpp", 400},
                                    {"t.cpp", 900}},
                                   list);
  ASSERT_EQ(wrong.size(), 3u);
  EXPECT_NE(wrong[0].find("b.cpp has 401 lines"), std::string::npos);
  EXPECT_NE(wrong[1].find("long.cpp has 601 lines, more than 600: split it"), std::string::npos);
  EXPECT_NE(wrong[2].find("short.cpp is not longer"), std::string::npos);
}

}  // namespace
}  // namespace vyre::layout
