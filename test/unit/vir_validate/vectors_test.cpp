// The verdict on every shared vector: what has outputs is accepted, what upstream's validation
// refuses is refused, and what is accepted but ends in an error does so only when it is run. Skips
// where absent.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "vir/program/dispatch.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace vyre {
namespace {

/// Calls `use` with each line of a gzip file; false if there is no such file.
template <class Use>
bool for_each_line(const std::string& path, Use use) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  std::string text;
  std::vector<char> chunk(std::size_t{1} << 16);
  for (int n = 0; (n = gzread(file, chunk.data(), static_cast<unsigned>(chunk.size()))) > 0;) {
    text.append(chunk.data(), static_cast<std::size_t>(n));
  }
  gzclose(file);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) use(nlohmann::json::parse(text.substr(at, end - at)));
    at = end + 1;
  }
  return true;
}

/// What stops a program before it runs, or "".
std::string refusal(const vir::Program& program) {
  const auto prepared = vir::prepare(program);
  if (!prepared) return prepared.error().message;
  const auto found = vir::diagnose(*prepared);
  return found.empty() ? "" : found.front().code + ": " + found.front().message;
}

std::vector<std::uint64_t> input_lengths(const nlohmann::json& line) {
  std::vector<std::uint64_t> lengths;
  for (const auto& input : line["inputs"]) {
    lengths.push_back(input.get_ref<const std::string&>().size() / 2);
  }
  return lengths;
}

/// Lines whose error comes after validation, by what their program does.
bool fails_only_when_run(const std::string& name, const std::string& tags) {
  if (tags.find("reject-other") != std::string::npos ||
      tags.find("reject-trap") != std::string::npos) {
    return true;
  }
  for (const char* part :
       {"fault.", "bin.MulHigh.i32", "atomic.CompareExchangeWeak", "atomic.FetchNand"}) {
    if (name.find(part) != std::string::npos) return true;
  }
  return false;
}

class SharedVectors : public testing::TestWithParam<const char*> {};

TEST_P(SharedVectors, GetUpstreamsVerdictAndGrid) {
  const bool present = for_each_line(
      std::string(VYRE_SOURCE_DIR "/../shared/vectors/") + GetParam(),
      [](const nlohmann::json& line) {
        const std::string name = line["name"];
        SCOPED_TRACE(name);
        const auto program = vir::decode(from_hex(line["wire"].get<std::string>()).value());
        ASSERT_TRUE(program.has_value());
        const std::string refused = refusal(*program);
        if (line.contains("outputs")) {
          EXPECT_EQ(refused, "");
          const auto prepared = vir::prepare(*program).value();
          const auto plan = vir::plan_buffers(prepared, input_lengths(line));
          ASSERT_TRUE(plan.has_value()) << plan.error().message;
          const auto grid = vir::infer_grid(prepared, plan->byte_lengths);
          ASSERT_TRUE(grid.has_value()) << grid.error().message;
          EXPECT_EQ(*grid, (line["grid"].get<vir::Grid>()));
          return;
        }
        const bool runs = fails_only_when_run(name, line.value("tags", ""));
        // We refuse opaque literals by name where upstream stops when it meets them.
        const bool opaque = name.find("opaque") != std::string::npos;
        if (runs && !opaque) {
          EXPECT_EQ(refused, "");
        } else {
          EXPECT_NE(refused, "");
        }
      });
  if (!present) GTEST_SKIP() << "the shared vectors are not here";
}

INSTANTIATE_TEST_SUITE_P(Files, SharedVectors,
                         testing::Values("vir0-ops.jsonl.gz", "vir0-random.jsonl.gz",
                                         "vir0-synthetic.jsonl.gz", "upstream-ops-half.jsonl.gz"),
                         [](const auto& parameter) {
                           std::string name;
                           for (const char* c = parameter.param; *c != '.'; ++c) {
                             name.push_back(*c == '-' ? '_' : *c);
                           }
                           return name;
                         });

}  // namespace
}  // namespace vyre
