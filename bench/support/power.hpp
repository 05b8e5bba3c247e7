// Board power by NVML, if the machine has it. Host only; the library is opened at run time.
#pragma once

#include <memory>

#include "base/error.hpp"

namespace vyre::bench {

class PowerMeter {
 public:
  [[nodiscard]] static Result<PowerMeter> open();
  PowerMeter(PowerMeter&&) noexcept;
  ~PowerMeter();
  [[nodiscard]] Result<double> watts() const;  // of device 0, as the board reports it now

 private:
  struct Functions;
  PowerMeter();
  std::unique_ptr<Functions> functions_;
};

}  // namespace vyre::bench
