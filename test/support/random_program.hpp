// Random verified programs with their inputs: race-free by construction, so that every executor
// must give the same bytes. Distinct lanes write distinct locations; what lanes share is read-only,
// atomic and order-independent, or separated by barriers. Test support, host only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "choice.hpp"
#include "vir/program/program.hpp"

namespace vyre::test {

struct RandomKnobs {
  std::uint32_t statements{24};  // budget of the whole program
  std::uint32_t expression_depth{4};
  std::uint32_t nesting{3};
  bool mixed_kinds{
      false};  // variables change between kinds of one static type; what uses them may fault
  bool faulting{false};     // exactly one statement that may fault, reached by some lanes or none
  bool many_faults{false};  // statements that may fault everywhere
};

struct RandomCase {
  vir::Program program;
  std::vector<Bytes> inputs;
};

[[nodiscard]] RandomCase random_case(Choice& choice, const RandomKnobs& knobs = {});

}  // namespace vyre::test
