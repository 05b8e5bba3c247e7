// Runs the sections of a bench, each in a child process, so that one that hangs is killed and costs
// no other its numbers; gathers their rows, writes the JSON, prints a short table last. Host only.
// Arguments of every such bench, as --name=value or --name value:
//   --only=LETTER_OR_NAME,...  --out=FILE  --limit=SECONDS (of a section)
// Spec: docs/internals/benchmarking.md.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "support/rows.hpp"

namespace vyre::bench {

struct BenchSection {
  std::string letter;
  std::string name;
  std::function<Status(const RowSink&)> run;  // in the child; an error ends the section only
};

struct BenchPlan {
  std::string program;
  std::function<std::vector<BenchSection>()> sections;  // asked once the arguments are known
  int limit_seconds{30};
  /// Takes an argument of the bench's own; the value is empty where it has none. False: unknown.
  /// Those taken reach the children too.
  std::function<bool(const std::string& name, const std::string& value)> argument;
  std::function<std::vector<std::pair<std::string, std::string>>()> facts;
  std::function<void(const RowSink&)> describe;  // in each child, before its section; may be empty
  /// In the parent, before the first child: makes what these sections share. What it gives are
  /// further arguments for the children. May be empty, as clean_up, which always follows.
  std::function<Result<std::vector<std::string>>(const std::vector<std::string>& names)> prepare;
  std::function<void()> clean_up;
};

/// What main() returns: 1 if a section failed or was killed, 2 for a wrong argument.
[[nodiscard]] int run_bench(const BenchPlan& plan, int argc, char** argv);

}  // namespace vyre::bench
