// The f32 polynomial of the benches by Horner's rule, a multiply and an add an order, each rounded:
// as VIR0 text, as a fused compiled kernel (no fma), and run by an interpreter of the shape that
// data-frame libraries use (one row a thread). Host interface of polynomial.cu. Spec:
// docs/internals/benchmarking.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "support/device.hpp"

namespace vyre::bench {

inline constexpr std::uint32_t kMaxOrder{10};
inline constexpr std::array<int, 3> kOrders{1, 5, 10};

/// x, c read only, y read and written; one lane an element, 256 lanes a workgroup, no bounds guard.
[[nodiscard]] std::string polynomial_program(int order);
/// Exact in f32 and the same for all benches: x[i] and c[k].
[[nodiscard]] float polynomial_input(std::uint64_t i);
[[nodiscard]] std::array<float, 16> polynomial_coefficients();

/// y[i] for i < count; count a multiple of 4, x and y aligned to 16 bytes. c: 16 words.
[[nodiscard]] Status launch_fused_polynomial(int order, const float* x, const float* c, float* y,
                                             std::uint64_t count, cudaStream_t stream);

/// The same program as a list of operators in evaluation order, walked by every thread for its row:
/// operands are found by a switch on where they lie and on their type, operators by a switch;
/// intermediates lie in shared memory, one slot a thread.
class RowInterpreter {
 public:
  [[nodiscard]] static Result<RowInterpreter> make(int order);
  [[nodiscard]] Status launch(const float* x, float* y, std::uint64_t count,
                              cudaStream_t stream) const;

 private:
  struct Operator;
  struct OperatorFree {
    void operator()(Operator* operators) const noexcept { (void)cudaFree(operators); }
  };
  std::unique_ptr<Operator, OperatorFree> operators_;
  DeviceMemory<std::uint64_t> literals_;
  std::uint32_t count_{0};
  std::uint32_t intermediates_{0};
  friend struct RowInterpreterKernel;
};

}  // namespace vyre::bench
