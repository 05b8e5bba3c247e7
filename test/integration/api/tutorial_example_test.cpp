// The C++ example of docs/tutorial.md over a folder whose words are known. Where the page prints,
// the test compares.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/folder_fixture.hpp"
#include "vyre/builtin/literals.hpp"
#include "vyre/runtime/session.hpp"
#include "vyre/runtime/stream.hpp"

namespace {

using namespace std::chrono_literals;

class TutorialExample : public vyre::test::InAFolder {};

TEST_F(TutorialExample, CountsWordsThatCrossTheBoundariesOfChunksOnce) {
  const std::vector<std::string_view> words{"ERROR", "timeout", "INFO"};
  std::vector<std::uint64_t> expected(words.size());
  for (int file = 0; file < 3; ++file) {
    std::ofstream out(folder_ / (std::to_string(file) + ".log"));
    for (int line = 0; line < 40'000; ++line) {
      const bool bad = line % 7 == 0;
      out << line << (bad ? " ERROR timeout\n" : " INFO request\n");
      ++expected[bad ? 0 : 2];
      if (bad) ++expected[1];
    }
  }

  std::vector<vyre::ByteSpan> patterns;
  for (const std::string_view word : words)
    patterns.push_back({reinterpret_cast<const std::uint8_t*>(word.data()), word.size()});

  auto session = vyre::runtime::Session::open({}).value();
  const vyre::Bytes blob = vyre::builtin::compile_literals(patterns).value();
  const auto literals = session.upload(blob).value();
  const auto op = session.find_op("match.literals").value();

  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_))
    if (entry.is_regular_file()) files.push_back(entry.path().string());

  vyre::runtime::StreamOptions how;
  how.chunk_bytes = 64 << 10;  // the page: 1 << 20
  how.overlap_bytes = 16;
  how.inputs = {vyre::runtime::Handle{}, literals};
  how.outputs = {{16 + 16 * 100'000, {}}};
  auto stream = session.stream(files, op, how).value();

  std::vector<std::uint64_t> counts(words.size());
  while (const auto* result = stream.next(vyre::after(60s)).value()) {
    ASSERT_FALSE(result->error) << result->error->message;
    ASSERT_EQ(result->status, vyre::CompletionStatus::done);
    const vyre::ByteSpan out = result->outputs[0];
    const auto hits = vyre::load_le<std::uint64_t>(out, 0);
    const auto records = vyre::load_le<std::uint64_t>(out, 8);
    ASSERT_EQ(hits, records);
    for (std::uint64_t i = 0; i < records; ++i) {
      const auto end = vyre::load_le<std::uint64_t>(out, 16 + 16 * i);
      const auto pattern = vyre::load_le<std::uint32_t>(out, 16 + 16 * i + 8);
      if (end > result->chunk.seen_bytes) ++counts[pattern];
    }
  }
  EXPECT_EQ(counts, expected);
}

}  // namespace
