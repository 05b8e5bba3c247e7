// Lines come the same from plain and gzip files, and damage is an error, never a shorter file.
#include "conformance/line_reader.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "unit/conformance/temporary_file.hpp"

namespace vyre::conformance {
namespace {
using testing::gzip;
using testing::TemporaryFile;

struct Read {
  std::vector<std::string> lines;
  std::optional<Error> error;
};

Read read_all(const std::string& contents) {
  const TemporaryFile file(contents);
  Read read;
  auto reader = LineReader::open(file.path());
  if (!reader) {
    read.error = reader.error();
    return read;
  }
  std::string line;
  for (;;) {
    const auto more = reader->next(line);
    if (!more) {
      read.error = more.error();
      return read;
    }
    if (!*more) return read;
    read.lines.push_back(line);
    EXPECT_EQ(reader->line_number(), read.lines.size());
  }
}

std::string big_text() {
  std::string text;
  for (int i = 0; i < 3'000; ++i) {
    text += std::string(static_cast<std::size_t>(i % 97) * 7, static_cast<char>('a' + i % 26));
    text += '\n';
  }
  return text + std::string(200'000, 'z');
}

TEST(LineReader, PlainAndGzipGiveTheSameLines) {
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("one"), std::string("one\ntwo\n"),
        std::string("one\n\n\ntwo"), big_text()}) {
    const Read plain = read_all(text);
    const Read packed = read_all(gzip(text));
    EXPECT_FALSE(plain.error);
    EXPECT_FALSE(packed.error);
    EXPECT_EQ(plain.lines, packed.lines);
  }
  EXPECT_EQ(read_all("one\ntwo").lines, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(read_all("one\n\ntwo\n").lines, (std::vector<std::string>{"one", "", "two"}));
  EXPECT_TRUE(read_all("").lines.empty());
}

TEST(LineReader, GzipMembersInARowAreOneText) {
  const Read read = read_all(gzip("one\nt") + gzip("wo\n") + gzip("") + gzip("three"));
  EXPECT_FALSE(read.error);
  EXPECT_EQ(read.lines, (std::vector<std::string>{"one", "two", "three"}));
}

TEST(LineReader, EveryTruncationOfAGzipFileIsAnError) {
  const std::string packed = gzip("one\ntwo\nthree\n");
  for (std::size_t length = 2; length < packed.size(); ++length) {
    const Read read = read_all(packed.substr(0, length));
    ASSERT_TRUE(read.error) << length;
    EXPECT_EQ(read.error->code, Errc::malformed) << length;
  }
}

TEST(LineReader, DamageInAGzipFileIsAnError) {
  const std::string packed = gzip(big_text());
  std::string bad = packed;
  bad[packed.size() / 2] = static_cast<char>(bad[packed.size() / 2] ^ 0x55);
  EXPECT_TRUE(read_all(bad).error);
  EXPECT_TRUE(read_all(packed + "trailing rubbish").error);
  EXPECT_TRUE(read_all("\x1F\x8B not gzip").error);
}

TEST(LineReader, MissingFilesAndDirectoriesAreErrorsThatNameThem) {
  const auto missing = LineReader::open("/nonexistent/vectors.jsonl");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::io);
  EXPECT_NE(missing.error().message.find("/nonexistent/vectors.jsonl"), std::string::npos);
  EXPECT_FALSE(LineReader::open("/"));
}

}  // namespace
}  // namespace vyre::conformance
