// The resident kernel beside its baselines:
//   megakernel_bench [--only=a,c,native] [--out=FILE] [--limit=30] [--backend=cpu] [--quick]
// support/runner.hpp runs the sections, each in a process of its own. Exit code 1: a section failed
// or was killed. Spec: docs/internals/benchmarking.md.
#include <cstdlib>

#include "megakernel/sections.hpp"
#include "support/device.hpp"
#include "support/runner.hpp"

int main(int argc, char** argv) {
  using namespace vyre::bench;
  // A kernel that is loaded when it is first launched would wait for the resident one for ever.
  ::setenv("CUDA_MODULE_LOADING", "EAGER", 1);
  Settings settings;
  BenchPlan plan;
  plan.program = "megakernel_bench";
  plan.sections = [&settings] {
    std::vector<BenchSection> sections;
    for (const Section& section : kSections) {
      sections.push_back(
          {std::string(section.letter), std::string(section.name),
           [&settings, run = section.run](const RowSink& sink) { return run(settings, sink); }});
    }
    return sections;
  };
  plan.argument = [&settings](const std::string& name, const std::string& value) {
    if (name == "--backend" && (value == "cpu" || value == "cuda")) {
      settings.cpu = value == "cpu";
    } else if (name == "--quick" && value.empty()) {
      settings.quick = true;
    } else {
      return false;
    }
    return true;
  };
  plan.facts = [&settings] {
    std::vector<std::pair<std::string, std::string>> facts{
        {"backend", settings.cpu ? "cpu" : "cuda"}};
    if (settings.quick) facts.emplace_back("quick", "yes: no number here is a claim");
    return facts;
  };
  plan.describe = [](const RowSink& sink) {
    const auto names = device_names();
    if (!names) return;
    sink.fact("device", names->device);
    sink.fact("driver_cuda", names->driver);
  };
  return run_bench(plan, argc, argv);
}
