#include <cuda_runtime.h>

#include <algorithm>
#include <vector>

#include "support/polynomial.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint32_t kThreads{256};

template <int kOrder>
__device__ float horner(float x, const float* c) {
  float sum = c[kOrder];
#pragma unroll
  for (int k = kOrder - 1; k >= 0; --k) sum = sum * x + c[k];
  return sum;
}

template <int kOrder>
__global__ void __launch_bounds__(kThreads)
    fused_kernel(const float4* __restrict__ x, const float* __restrict__ coefficients,
                 float4* __restrict__ y, std::uint64_t quads) {
  float c[kOrder + 1];
#pragma unroll
  for (int k = 0; k <= kOrder; ++k) c[k] = coefficients[k];
  const std::uint64_t i = std::uint64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= quads) return;
  const float4 v = x[i];
  y[i] = make_float4(horner<kOrder>(v.x, c), horner<kOrder>(v.y, c), horner<kOrder>(v.z, c),
                     horner<kOrder>(v.w, c));
}

enum class Where : std::uint8_t { column, literal, intermediate };
enum class Type : std::uint8_t { i32, u32, f32, f64 };
enum class Action : std::uint8_t { add, sub, mul, div, min, max, less, equal };

struct Operand {
  Where where;
  Type type;
  std::uint16_t index;
};

}  // namespace

struct RowInterpreter::Operator {
  Action action;
  Operand left;
  Operand right;
  Operand result;  // column 0: the output
};

struct RowInterpreterKernel {
  using Operator = RowInterpreter::Operator;

  template <class T>
  static __device__ T get(const Operand& operand, const T* const* columns,
                          const std::uint64_t* literals, const std::uint64_t* mine,
                          std::uint64_t row) {
    std::uint64_t bits = 0;
    switch (operand.where) {
      case Where::column:
        return columns[operand.index][row];
      case Where::literal:
        bits = literals[operand.index];
        break;
      case Where::intermediate:
        bits = mine[operand.index];
        break;
    }
    T value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }

  template <class T>
  static __device__ T act(Action action, T a, T b) {
    switch (action) {
      case Action::add:
        return a + b;
      case Action::sub:
        return a - b;
      case Action::mul:
        return a * b;
      case Action::div:
        return b != T{0} ? a / b : T{0};
      case Action::min:
        return a < b ? a : b;
      case Action::max:
        return a < b ? b : a;
      case Action::less:
        return static_cast<T>(a < b);
      case Action::equal:
        return static_cast<T>(a == b);
    }
    return T{0};
  }

  template <class T>
  static __device__ void step(const Operator& op, const void* const* columns, void* output,
                              const std::uint64_t* literals, std::uint64_t* mine,
                              std::uint64_t row) {
    const T* const* typed = reinterpret_cast<const T* const*>(columns);
    const T a = get<T>(op.left, typed, literals, mine, row);
    const T b = get<T>(op.right, typed, literals, mine, row);
    const T value = act<T>(op.action, a, b);
    if (op.result.where == Where::column) {
      static_cast<T*>(output)[row] = value;
    } else {
      std::uint64_t bits = 0;
      memcpy(&bits, &value, sizeof value);
      mine[op.result.index] = bits;
    }
  }

  static __device__ void run(const Operator* operators, std::uint32_t count,
                             const std::uint64_t* literals, std::uint32_t intermediates,
                             const void* const* columns, void* output, std::uint64_t rows) {
    extern __shared__ std::uint64_t slots[];
    std::uint64_t* mine = slots + threadIdx.x * intermediates;
    const std::uint64_t stride = std::uint64_t{gridDim.x} * blockDim.x;
    for (std::uint64_t row = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; row < rows;
         row += stride) {
      for (std::uint32_t i = 0; i < count; ++i) {
        const Operator op = operators[i];
        switch (op.left.type) {
          case Type::i32:
            step<std::int32_t>(op, columns, output, literals, mine, row);
            break;
          case Type::u32:
            step<std::uint32_t>(op, columns, output, literals, mine, row);
            break;
          case Type::f32:
            step<float>(op, columns, output, literals, mine, row);
            break;
          case Type::f64:
            step<double>(op, columns, output, literals, mine, row);
            break;
        }
      }
    }
  }

  struct Columns {
    const void* column[1];
  };
  static __host__ Status launch(const RowInterpreter& self, const float* x, float* y,
                                std::uint64_t count, cudaStream_t stream);
};

namespace {

__global__ void __launch_bounds__(kThreads)
    row_kernel(const void* operators, std::uint32_t count, const std::uint64_t* literals,
               std::uint32_t intermediates, RowInterpreterKernel::Columns columns, void* output,
               std::uint64_t rows) {
  RowInterpreterKernel::run(static_cast<const RowInterpreterKernel::Operator*>(operators), count,
                            literals, intermediates, columns.column, output, rows);
}

}  // namespace

Status RowInterpreterKernel::launch(const RowInterpreter& self, const float* x, float* y,
                                    std::uint64_t count, cudaStream_t stream) {
  const std::size_t shared = std::size_t{8} * kThreads * self.intermediates_;
  const auto blocks = static_cast<std::uint32_t>(
      std::min<std::uint64_t>((count + kThreads - 1) / kThreads, 132 * 64));
  row_kernel<<<blocks, kThreads, shared, stream>>>(self.operators_.get(), self.count_,
                                                   self.literals_.get(), self.intermediates_,
                                                   Columns{{x}}, y, count);
  return check(cudaGetLastError(), "launching the row interpreter");
}

Result<RowInterpreter> RowInterpreter::make(int order) {
  RowInterpreter made;
  std::vector<Operator> operators;
  std::vector<std::uint64_t> literals;
  for (const float c : polynomial_coefficients()) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &c, sizeof c);
    literals.push_back(bits);
  }
  const Operand x{Where::column, Type::f32, 0};
  const auto literal = [](int k) {
    return Operand{Where::literal, Type::f32, static_cast<std::uint16_t>(k)};
  };
  // Two slots are enough for Horner's rule: an operator may write the slot that it reads.
  const Operand product{Where::intermediate, Type::f32, 0};
  const Operand sum{Where::intermediate, Type::f32, 1};
  for (int k = order - 1; k >= 0; --k) {
    operators.push_back({Action::mul, k == order - 1 ? literal(order) : sum, x, product});
    const Operand result = k == 0 ? Operand{Where::column, Type::f32, 0} : sum;
    operators.push_back({Action::add, product, literal(k), result});
  }
  void* memory = nullptr;
  VYRE_TRY(check(cudaMalloc(&memory, operators.size() * sizeof(Operator)), "a row program"));
  made.operators_.reset(static_cast<Operator*>(memory));
  VYRE_TRY(check(cudaMemcpy(memory, operators.data(), operators.size() * sizeof(Operator),
                            cudaMemcpyHostToDevice),
                 "a row program"));
  VYRE_ASSIGN(made.literals_, device_memory<std::uint64_t>(literals.size()));
  VYRE_TRY(check(cudaMemcpy(made.literals_.get(), literals.data(), literals.size() * 8,
                            cudaMemcpyHostToDevice),
                 "a row program's literals"));
  VYRE_TRY(check(cudaDeviceSynchronize(), "a row program"));
  made.count_ = static_cast<std::uint32_t>(operators.size());
  made.intermediates_ = 2;
  return made;
}

Status RowInterpreter::launch(const float* x, float* y, std::uint64_t count,
                              cudaStream_t stream) const {
  return RowInterpreterKernel::launch(*this, x, y, count, stream);
}

Status launch_fused_polynomial(int order, const float* x, const float* c, float* y,
                               std::uint64_t count, cudaStream_t stream) {
  const std::uint64_t quads = count / 4;
  const auto blocks = static_cast<std::uint32_t>((quads + kThreads - 1) / kThreads);
  const auto* from = reinterpret_cast<const float4*>(x);
  auto* to = reinterpret_cast<float4*>(y);
  switch (order) {
    case 1:
      fused_kernel<1><<<blocks, kThreads, 0, stream>>>(from, c, to, quads);
      break;
    case 5:
      fused_kernel<5><<<blocks, kThreads, 0, stream>>>(from, c, to, quads);
      break;
    case 10:
      fused_kernel<10><<<blocks, kThreads, 0, stream>>>(from, c, to, quads);
      break;
    default:
      return fail(Errc::invalid_argument,
                  "no fused kernel of order " + std::to_string(order) + "; there are 1, 5 and 10");
  }
  return check(cudaGetLastError(), "launching a fused polynomial");
}

}  // namespace vyre::bench
