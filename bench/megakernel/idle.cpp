// What waiting costs: processor seconds of this process a second, and board power, five seconds
// each: with nothing but a context, with the kernel resident and idle, and parked. Power comes from
// NVML, of the whole board, whoever else uses it.
#include <sys/resource.h>

#include <thread>

#include "megakernel/machine.hpp"
#include "support/device.hpp"
#include "support/power.hpp"

namespace vyre::bench {
namespace {

constexpr std::chrono::milliseconds kLook{100};

double cpu_seconds() {
  rusage usage{};
  (void)::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Idle {
  double cpu{0};  // seconds a second
  Result<double> watts{0.0};
};

Idle watch(const Settings& settings, const Result<PowerMeter>& meter) {
  // The first second settles clocks and power.
  std::this_thread::sleep_for(std::chrono::seconds{1});
  std::vector<double> watts;
  Idle found;
  const double cpu = cpu_seconds();
  const auto start = Clock::now();
  const double wanted = settings.quick ? 0.5 : 5;
  while (seconds_since(start) < wanted) {
    std::this_thread::sleep_for(kLook);
    if (!meter) continue;
    if (const auto now = meter->watts()) {
      watts.push_back(*now);
    } else {
      found.watts = tl::unexpected<Error>(now.error());
    }
  }
  found.cpu = (cpu_seconds() - cpu) / seconds_since(start);
  if (!meter) found.watts = tl::unexpected<Error>(meter.error());
  if (!watts.empty()) found.watts = median(watts);
  return found;
}

}  // namespace

Status idle_section(const Settings& settings, const RowSink& sink) {
  const Result<PowerMeter> meter = PowerMeter::open();
  if (!settings.cpu) VYRE_TRY(check(cudaFree(nullptr), "making a context"));
  const Idle context = watch(settings, meter);
  const auto add = [&](const std::string& name, const Idle& found) {
    Row row;
    row.section = "idle";
    row.less_is_better = true;
    row.name = name + "/host_cpu";
    row.unit = "s/s";
    row.ours = Number(name, found.cpu);
    row.baselines = {Number("a context only", context.cpu)};
    sink.add(row);
    row.name = name + "/board_power";
    row.unit = "W";
    row.ours = Number(name, found.watts);
    row.baselines = {Number("a context only", context.watts)};
    sink.add(row);
  };
  for (const bool parks : {false, true}) {
    MachineOptions options;
    options.park_after = std::chrono::milliseconds{parks ? 100 : 0};  // 0: never
    VYRE_ASSIGN(const auto machine, Machine::open(settings, options));
    VYRE_TRY(machine->run({0, 0, 0, 0}));
    add(parks ? "parked" : "resident", watch(settings, meter));
    VYRE_TRY(machine->run({0, 0, 0, 0}));  // it still answers
  }
  return {};
}

}  // namespace vyre::bench
