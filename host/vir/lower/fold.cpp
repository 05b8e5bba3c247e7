// Constant folding by the interpreter core itself, on a frame without lanes: one meaning, no second
// table.
#include "core/machine.hpp"
#include "emitter.hpp"

namespace vyre::vir::lowering {
namespace {

struct FoldPolicy {
  static constexpr bool kSequential{true};
  static constexpr bool kBulk{false};
  static constexpr bool kAsync{false};
  static float fadd(float a, float b) { return core::f32::add(a, b); }
  static float fsub(float a, float b) { return core::f32::sub(a, b); }
  static float fmul(float a, float b) { return core::f32::mul(a, b); }
  static float fdiv(float a, float b) { return core::f32::div(a, b); }
  static std::uint32_t keep_f32(std::uint32_t bits) { return core::f32::canonical_bits(bits); }
  static std::uint32_t leave_f32(std::uint32_t bits) { return core::f32::canonical_bits(bits); }
  static float fmul_add(float a, float b, float c) { return fadd(fmul(a, b), c); }
  static const core::Instruction& fetch(const core::Instruction* at) { return *at; }
  static void prefetch(const void*, std::uint32_t, std::uint64_t) {}
  static void prefetch_for_writing(const void*, std::uint32_t) {}
  static std::uint32_t atomic(core::AtomicCode, std::uint32_t*, std::uint32_t, std::uint32_t) {
    return 0;
  }
  [[nodiscard]] std::uint32_t width() const { return 0; }
  template <class F>
  void each(F) const {}
  template <class F>
  void each_rarely(F) const {}
  template <class F>
  void each_in_order(F) const {}
  template <class F>
  void each_slice(std::uint32_t, F) const {}
  [[nodiscard]] bool any(bool x) const { return x; }
  [[nodiscard]] std::uint32_t min(std::uint32_t x) const { return x; }
  [[nodiscard]] std::uint32_t sum(std::uint32_t x) const { return x; }
  [[nodiscard]] std::uint64_t sum64(std::uint64_t x) const { return x; }
  void sync() const {}
  void store_scalar(std::uint32_t* to, std::uint32_t value) const { *to = value; }
  void plain_floats(bool) const {}
  [[nodiscard]] bool stop_requested() const { return false; }
  [[nodiscard]] bool look_at_stop() const { return false; }
  void begin_loops() const {}
  void pass_member(std::uint32_t, std::uint64_t) const {}
  [[nodiscard]] std::uint64_t iterations_before(std::uint32_t) const { return 0; }
  [[nodiscard]] std::uint32_t fold(std::uint32_t, std::uint32_t) const { return 0; }
  static constexpr bool has_copies() { return false; }
};

}  // namespace

std::uint32_t fold(core::Opcode op, std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  const std::uint8_t form = core::kScalarA | core::kScalarB | core::kScalarC | core::kScalarResult;
  const core::Instruction code[2] = {{op, form, 0, 3, 0, 1, 2, 0},
                                     {core::Opcode::end, 0, 0, 0, 0, 0, 0, 0}};
  const std::uint32_t statements[2] = {0, 0};
  const std::uint32_t constants[3] = {a, b, c};
  std::uint32_t scalars[4] = {};
  std::uint32_t lanes[1] = {};
  core::Active active[1] = {};
  core::Machine<FoldPolicy> machine;
  machine.image.code = code;
  machine.image.code_count = 2;
  machine.image.statements = statements;
  machine.image.constants = constants;
  machine.image.constant_count = 3;
  machine.scalars = scalars;
  machine.vectors = lanes;
  machine.masks = lanes;
  machine.live = lanes;
  machine.iterations = lanes;
  machine.mask_active = active;
  machine.load_constants();
  machine.start();
  (void)machine.run();
  return scalars[3];
}

}  // namespace vyre::vir::lowering
