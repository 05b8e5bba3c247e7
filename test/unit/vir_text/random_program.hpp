// Random programs that use every construct of the text form, well-formed as trees and nothing more.
// Test code; a seed gives the same program everywhere.
#pragma once

#include <cstdint>

#include "vir/program/program.hpp"

namespace vyre::test {
[[nodiscard]] vir::Program random_program(std::uint64_t seed);
}  // namespace vyre::test
