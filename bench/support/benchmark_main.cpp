// main() of the Google Benchmark binaries: what every report says of the build and the machine.
#include <benchmark/benchmark.h>

#include "platform/host_info.hpp"

int main(int argc, char** argv) {
  benchmark::AddCustomContext("build", vyre::platform::build_description());
  benchmark::AddCustomContext("cpu", vyre::platform::cpu_model());
  benchmark::AddCustomContext("kernel", vyre::platform::kernel_release());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
