#include "support/power.hpp"

#include <string>

#include "support/shared_object.hpp"

namespace vyre::bench {

/// The part of nvml.h that we call; 0 is success everywhere.
struct PowerMeter::Functions {
  SharedObject object;
  void* device{nullptr};
  int (*init)(){nullptr};
  int (*shutdown)(){nullptr};
  int (*by_index)(unsigned, void**){nullptr};
  int (*power)(void*, unsigned* milliwatts){nullptr};
  bool started{false};

  ~Functions() {
    if (started) (void)shutdown();
  }
};

PowerMeter::PowerMeter() : functions_(std::make_unique<Functions>()) {}
PowerMeter::PowerMeter(PowerMeter&&) noexcept = default;
PowerMeter::~PowerMeter() = default;

Result<PowerMeter> PowerMeter::open() {
  PowerMeter made;
  Functions& f = *made.functions_;
  if (!f.object.open({"libnvidia-ml.so.1"}))
    return fail(Errc::not_found, "libnvidia-ml.so.1 is not on this machine");
  if (!f.object.find(f.init, "nvmlInit_v2") || !f.object.find(f.shutdown, "nvmlShutdown") ||
      !f.object.find(f.by_index, "nvmlDeviceGetHandleByIndex_v2") ||
      !f.object.find(f.power, "nvmlDeviceGetPowerUsage")) {
    return fail(Errc::unsupported, "this NVML lacks a function that we call");
  }
  const int init = f.init();
  f.started = init == 0;
  if (!f.started) return fail(Errc::unsupported, "nvmlInit gives " + std::to_string(init));
  const int found = f.by_index(0, &f.device);
  if (found != 0) return fail(Errc::not_found, "NVML has no device 0: " + std::to_string(found));
  return made;
}

Result<double> PowerMeter::watts() const {
  unsigned milliwatts = 0;
  const int code = functions_->power(functions_->device, &milliwatts);
  if (code != 0) return fail(Errc::unsupported, "NVML gives no power: " + std::to_string(code));
  return milliwatts * 1e-3;
}

}  // namespace vyre::bench
