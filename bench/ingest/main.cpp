// Files on their way into items, beside what reads files without us:
//   ingest_bench [--only=a,small_files] [--out=FILE] [--limit=SECONDS] [--dir=DIR] [--device]
//                [--total=MiB] [--count=FILES] [--laps=N]
// Makes its input under DIR (default /tmp) before the first section and removes it at the end.
// --device adds the sections that need a GPU. support/runner.hpp runs the sections, each in a
// process of its own. Exit code 1: a section failed or was killed. Spec:
// docs/internals/benchmarking.md.
#include <stdlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "ingest/probe.hpp"
#include "ingest/sections.hpp"
#include "support/runner.hpp"

namespace vyre::bench {
namespace {

constexpr double kSetupSeconds{60};
constexpr std::uint64_t kDeviceTotal{4'096 * kMiB};

struct Options {
  Settings settings;
  std::string directory{"/tmp"};
  bool device{false};
  std::string made;  // by us, to be removed
};

std::vector<BenchSection> sections_of(const Options& options) {
  using runtime::BackendKind;
  const Settings& s = options.settings;
  std::vector<BenchSection> sections{
      {"a", "stream_warm", [&s](const RowSink& sink) { return stream_section(s, sink, false); }},
      {"b", "stream_direct", [&s](const RowSink& sink) { return stream_section(s, sink, true); }},
      {"c", "small_files",
       [&s](const RowSink& sink) { return small_files_section(s, sink, BackendKind::cpu); }},
      {"d", "requests",
       [&s](const RowSink& sink) { return requests_section(s, sink, BackendKind::cpu); }},
  };
  if (!options.device) return sections;
  sections.push_back(
      {"e", "device_stream", [&s](const RowSink& sink) { return device_stream_section(s, sink); }});
  sections.push_back({"f", "device_small_files", [&s](const RowSink& sink) {
                        return small_files_section(s, sink, BackendKind::cuda);
                      }});
  sections.push_back({"g", "device_requests", [&s](const RowSink& sink) {
                        return requests_section(s, sink, BackendKind::cuda);
                      }});
  return sections;
}

bool argument(Options& options, const std::string& name, const std::string& value) {
  const std::uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
  if (name == "--dir" && !value.empty()) {
    options.directory = value;
  } else if (name == "--files" && !value.empty()) {  // from the parent
    options.settings.files = value;
  } else if (name == "--device") {
    options.device = true;
    options.settings.total = std::max(options.settings.total, kDeviceTotal);
  } else if (name == "--total" && number > 0) {
    options.settings.total = number * kMiB;
  } else if (name == "--count" && number > 0) {
    options.settings.count = number;
  } else if (name == "--laps" && number > 0 && number < 100) {
    options.settings.laps = static_cast<int>(number);
  } else {
    return false;
  }
  return true;
}

Result<std::vector<std::string>> prepare(Options& options, const std::vector<std::string>& names) {
  std::string pattern = options.directory + "/vyre_ingest_bench.XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr)
    return fail(Errc::io, "no directory can be made in '" + options.directory + "'");
  options.made = pattern;
  options.settings.files = pattern;
  const auto has_small = [](const std::string& name) {
    return name.find("small_files") != name.npos;
  };
  const Contents contents;
  if (!std::all_of(names.begin(), names.end(), has_small))
    VYRE_TRY(make(options.settings.large(), contents, kSetupSeconds));
  if (std::any_of(names.begin(), names.end(), has_small))
    VYRE_TRY(make(options.settings.small(), contents, kSetupSeconds));
  return std::vector<std::string>{"--files=" + pattern};
}

std::vector<std::pair<std::string, std::string>> facts(const Options& options) {
  std::vector<std::pair<std::string, std::string>> facts{
      {"directory", options.directory},
      {"large_files_bytes", std::to_string(options.settings.total)},
      {"small_files", std::to_string(options.settings.count)},
      {"laps", std::to_string(options.settings.laps)}};
  for (const ingest::TierFacts& tier : ingest::probe_tiers(options.directory)) {
    facts.emplace_back("tier_" + std::string(letter(tier.tier)),
                       (tier.available ? "yes: " : "no: ") + tier.reason);
  }
  return facts;
}

}  // namespace
}  // namespace vyre::bench

int main(int argc, char** argv) {
  using namespace vyre::bench;
  // A kernel that is loaded when it is first launched would wait for the resident one for ever.
  ::setenv("CUDA_MODULE_LOADING", "EAGER", 1);
  Options options;
  BenchPlan plan;
  plan.program = "ingest_bench";
  plan.sections = [&] { return sections_of(options); };
  plan.argument = [&](const std::string& name, const std::string& value) {
    return argument(options, name, value);
  };
  plan.facts = [&] { return facts(options); };
  plan.describe = [&](const RowSink& sink) {
    if (options.device) describe_device(sink);
  };
  plan.prepare = [&](const std::vector<std::string>& names) { return prepare(options, names); };
  plan.clean_up = [&] {
    std::error_code ignored;
    if (!options.made.empty()) std::filesystem::remove_all(options.made, ignored);
  };
  return run_bench(plan, argc, argv);
}
