// docs/internals/verification.md has a row for every row of the rule tables, with a function and a
// test that exist.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace vyre {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// All matches of the first group of `pattern` in `text`.
std::set<std::string> matches(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), expression), end; it != end; ++it) {
    found.insert((*it)[1]);
  }
  return found;
}

std::string sources_of(const fs::path& folder, const char* begins) {
  std::string all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(begins, 0) == 0 && entry.path().extension() == ".cpp") all += read(entry.path());
  }
  return all;
}

const fs::path kRoot{VYRE_SOURCE_DIR};

TEST(ValidateDocumentation, EveryCodeHasARowAndEveryRowACode) {
  const std::string sources = sources_of(kRoot / "host/vir/validate", "");
  const auto in_code = matches(sources, "\"([VW][0-9]{3})\"");
  const auto in_docs =
      matches(read(kRoot / "docs/internals/verification.md"), "\n\\| ([VW][0-9]{3}) \\|");
  EXPECT_EQ(in_code, in_docs);
  EXPECT_EQ(in_code, matches(read(kRoot / "docs/errors.md"), "\n\\| ([VW][0-9]{3}) \\|"));
  EXPECT_GT(in_code.size(), 40u);
}

TEST(ValidateDocumentation, EveryNamedFunctionAndTestExists) {
  const std::string docs = read(kRoot / "docs/internals/verification.md");
  const std::string sources = sources_of(kRoot / "host/vir/validate", "");
  const std::string tests = sources_of(kRoot / "test/unit/vir_validate", "");
  const std::regex row("\n\\| [VW][0-9]{3} \\|[^\n]*\\| ([^|\n]*) \\| ([^|\n]*) \\|");
  std::size_t rows = 0;
  for (std::sregex_iterator it(docs.begin(), docs.end(), row), end; it != end; ++it, ++rows) {
    for (const std::string& function : matches((*it)[1], "`([A-Za-z_]+)`")) {
      EXPECT_NE(sources.find(function + "("), std::string::npos) << function;
    }
    for (const std::string& test : matches((*it)[2], "(?:[A-Za-z]+\\.)?([A-Za-z0-9]+)")) {
      EXPECT_NE(tests.find(" " + test + ")"), std::string::npos) << test;
    }
  }
  EXPECT_GT(rows, 40u);
}

}  // namespace
}  // namespace vyre
