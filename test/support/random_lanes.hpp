// Random flat programs that mostly touch the lane's own elements, as text: material for regions
// that run as one image. Every program validates, and no two lanes write one element. Test
// support, host only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "choice.hpp"

namespace vyre::test {

struct LaneKnobs {
  std::uint32_t workgroup{64};
  std::uint32_t elements{64};  // of outputs, more or less
  bool faults{false};          // a few lanes may trap
  std::uint32_t strays{8};     // one in so many accesses is not the lane's own
};

struct LaneProgram {
  struct Output {
    std::string type;
    std::uint32_t count;
  };
  std::string text;
  std::vector<std::string> inputs;  // element types
  std::vector<Output> outputs;
};

[[nodiscard]] std::uint32_t lane_type_bytes(const std::string& type);
[[nodiscard]] std::string random_lane_type(Choice& choice);
[[nodiscard]] LaneProgram random_lane_program(Choice& choice, const LaneKnobs& knobs);

}  // namespace vyre::test
