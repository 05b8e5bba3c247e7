// What the instructions of PTX that host/jit prints compute, thread by thread. Floats as the
// hardware has them: results that are NaN are 7FFFFFFF. Test support, host only.
#pragma once

#include <array>
#include <cstdint>

#include "support/ptx/module.hpp"

namespace vyre::test::ptx {

[[nodiscard]] std::uint32_t bits_of(Type type);
/// Of an atomic or a reduction.
[[nodiscard]] std::uint32_t combine(Op op, std::uint32_t a, std::uint32_t b);
/// Of an instruction without memory, flow or other threads.
[[nodiscard]] std::uint64_t compute(const Instruction& i, const std::array<std::uint64_t, 3>& in);

}  // namespace vyre::test::ptx
