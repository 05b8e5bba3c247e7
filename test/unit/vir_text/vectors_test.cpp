// Every program of the shared vectors keeps its meaning through the text form. Skips where the
// vectors are absent.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "vir/text/text.hpp"
#include "vir/wire/wire.hpp"

namespace vyre {
namespace {

/// Calls `use` with each line of a gzip file.
template <class Use>
void for_each_line(const std::string& path, const Use& use) {
  const std::string command = "gzip -dc '" + path + "'";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  ASSERT_NE(pipe, nullptr);
  std::string line;
  std::array<char, 1 << 16> block{};
  while (std::fgets(block.data(), block.size(), pipe.get()) != nullptr) {
    line += block.data();
    if (line.back() != '\n') continue;
    use(line);
    line.clear();
  }
  if (!line.empty()) use(line);
}

std::string wire_of(const std::string& line) {
  const std::string key = "\"wire\":\"";
  const std::size_t at = line.find(key);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + key.size();
  return line.substr(begin, line.find('"', begin) - begin);
}

class SharedVectors : public testing::TestWithParam<const char*> {};

TEST_P(SharedVectors, EveryProgramRoundTripsThroughText) {
  const std::string path = std::string(VYRE_SOURCE_DIR "/../shared/vectors/") + GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  std::size_t programs = 0;
  for_each_line(path, [&](const std::string& line) {
    const auto blob = from_hex(wire_of(line));
    ASSERT_TRUE(blob.has_value());
    const auto program = vir::decode(*blob);
    if (!program) return;  // a few lines are refusals of the decoder
    const std::string text = vir::disassemble(*program);
    const auto back = vir::assemble(text);
    ASSERT_TRUE(back.has_value()) << to_string(back.error()) << "\n" << text;
    ASSERT_TRUE(vir::same_program(*program, *back)) << text;
    ++programs;
  });
  EXPECT_GT(programs, 5u);
}

INSTANTIATE_TEST_SUITE_P(Files, SharedVectors,
                         testing::Values("vir0-ops.jsonl.gz", "vir0-random.jsonl.gz",
                                         "vir0-synthetic.jsonl.gz", "upstream-ops-half.jsonl.gz",
                                         "decoder.jsonl.gz"),
                         [](const auto& parameter) {
                           std::string name;
                           for (const char* c = parameter.param; *c != '\0' && *c != '.'; ++c) {
                             name.push_back(*c == '-' ? '_' : *c);
                           }
                           return name;
                         });

}  // namespace
}  // namespace vyre
