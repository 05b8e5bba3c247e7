// Sentences of errors, diagnostics and reports are patterns with values, not joined texts.
#include "sentences.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string_view>

#include "tree.hpp"

namespace vyre::layout {
namespace {

/// Files that join texts because no sentence comes of it.
const std::map<std::string_view, std::string_view> kExceptions{
    {"host/vir/text/print.cpp", "writes programs in their grammar"},
};

TEST(Sentences, EverySentenceOfTheTreeIsAPatternWithValues) {
  const std::vector<TextFile> files =
      text_files(VYRE_SOURCE_DIR, {"host", "cuda", "tools"}, {".hpp", ".cpp", ".cu", ".cuh"});
  EXPECT_GT(files.size(), 300u);
  for (const TextFile& file : files) {
    const std::vector<std::string> found = joined_sentences(file.path, file.text);
    if (kExceptions.contains(file.path)) {
      EXPECT_FALSE(found.empty()) << file.path << " needs no exception any more";
      continue;
    }
    for (const std::string& line : found) ADD_FAILURE() << line;
  }
}

TEST(Sentences, ALiteralBesideAPlusIsFound) {
  EXPECT_EQ(joined_sentences("a.cpp", "\nfail(code, \"cannot read '\" + path + \"'\");\n"),
            std::vector<std::string>{"a.cpp:2: joins \"cannot read '\" with +: let message() of "
                                     "base/message.hpp put it into a pattern"});
  EXPECT_EQ(joined_sentences("a.cpp", "fail(code, name + \" is \" \"unknown\");").size(), 1u);
  EXPECT_EQ(joined_sentences("a.cpp", "text += \"of \" + name;").size(), 1u);
  EXPECT_EQ(joined_sentences("a.cpp", "x(R\"-(a word)-\" + name);").size(), 1u);
}

TEST(Sentences, ANumberBesideAPlusIsFound) {
  EXPECT_EQ(joined_sentences("a.cpp", "x = std::to_string(f(a, b)) + y;").size(), 1u);
  EXPECT_EQ(joined_sentences("a.cpp", "x = y + std::to_string(1'000);").size(), 1u);
}

TEST(Sentences, AnOperandWithinBracketsIsFound) {
  EXPECT_EQ(joined_sentences("a.cpp", "x = std::string(\"no op \") + name;").size(), 1u);
  EXPECT_EQ(joined_sentences("a.cpp", "x = name + (is ? \" and more\" : \"\") + rest;").size(), 1u);
  EXPECT_EQ(joined_sentences("a.cpp", "return (is ? \"\" : \"no op \") + rest;").size(), 1u);
}

TEST(Sentences, WhatIsNoOperandOrNoSentenceIsNotFound) {
  EXPECT_TRUE(joined_sentences("a.cpp", "x = message(\"{} of {}\", a + b, c);").empty());
  EXPECT_TRUE(joined_sentences("a.cpp", "x = name(\"of this\") + y;").empty());
  EXPECT_TRUE(joined_sentences("a.cpp", "text += \"and more\"; ++text;").empty());
  EXPECT_TRUE(joined_sentences("a.cpp", "path = folder + \"/events.bin\";").empty());
  EXPECT_TRUE(joined_sentences("a.cpp", "json = \"{\\\"a key\\\": \" + value;").empty());
  EXPECT_TRUE(joined_sentences("a.cpp", "x = std::to_string(a + b);").empty());
  EXPECT_TRUE(joined_sentences("a.cpp", "// \"of this\" + that\n/* \"of this\" + that */").empty());
}

}  // namespace
}  // namespace vyre::layout
