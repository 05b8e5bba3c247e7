#include "support/polynomial.hpp"

namespace vyre::bench {

std::string polynomial_program(int order) {
  std::string text =
      "workgroup 256, 1, 1;\n"
      "buffer x: f32[] read_only;\n"
      "buffer c: f32[] read_only;\n"
      "buffer y: f32[] read_write;\n"
      "region \"polynomial\" {\n"
      "let v = x[gid.x];\n"
      "let sum = c[" +
      std::to_string(order) + "];\n";
  for (int k = order - 1; k >= 0; --k) text += "sum = sum * v + c[" + std::to_string(k) + "];\n";
  return text + "y[gid.x] = sum;\n}\n";
}

float polynomial_input(std::uint64_t i) {
  return static_cast<float>(i % 4096) / 4096.0f - 0.5f;
}

std::array<float, 16> polynomial_coefficients() {
  std::array<float, 16> c{};
  for (std::size_t k = 0; k < c.size(); ++k) c[k] = 1.0f / static_cast<float>(k + 3);
  return c;
}

}  // namespace vyre::bench
