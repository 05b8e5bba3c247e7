// Kinds: which run-time value variant an expression has in the format's reference, worked out
// statically. The validator's types are not enough: a Bool buffer loads as U32, I32 & I32 is typed
// U32 but stays I32. Host only, private to lowering. Spec: docs/internals/image.md, "Kinds".
#pragma once

#include <cstdint>
#include <vector>

#include "base/interrupt.hpp"
#include "core/image.hpp"
#include "vir/program/program.hpp"

namespace vyre::vir::lowering {

/// never: no value, evaluation always faults. word: U32, I32 or Bool, not known which (same bytes).
/// conflict: kinds of different width meet in one variable.
struct Kind {
  enum class Tag : std::uint8_t { never, u32, i32, u64, boolean, f32, f64, bytes, word, conflict };
  Tag tag{Tag::never};
  std::uint32_t size{0};  // bytes: how many
  friend bool operator==(const Kind&, const Kind&) = default;

  [[nodiscard]] std::uint32_t words() const noexcept {
    switch (tag) {
      case Tag::never:
      case Tag::conflict:
        return 0;
      case Tag::u64:
      case Tag::f64:
        return 2;
      case Tag::bytes:
        return (size + 3) / 4;
      default:
        return 1;
    }
  }
  /// Bytes of the value as it is stored: a Float is 8 bytes of binary64.
  [[nodiscard]] std::uint32_t stored_bytes() const noexcept {
    if (tag == Tag::bytes) return size;
    return tag == Tag::u64 || tag == Tag::f64 || tag == Tag::f32 ? 8 : words() * 4;
  }
  [[nodiscard]] bool is_float() const noexcept { return tag == Tag::f32 || tag == Tag::f64; }
  [[nodiscard]] bool is_plain_word() const noexcept {
    return tag == Tag::u32 || tag == Tag::i32 || tag == Tag::boolean || tag == Tag::word;
  }
};

inline constexpr Kind kNever{};
inline constexpr Kind kU32{Kind::Tag::u32, 0};
inline constexpr Kind kI32{Kind::Tag::i32, 0};
inline constexpr Kind kU64{Kind::Tag::u64, 0};
inline constexpr Kind kBool{Kind::Tag::boolean, 0};
inline constexpr Kind kF32{Kind::Tag::f32, 0};
inline constexpr Kind kF64{Kind::Tag::f64, 0};

[[nodiscard]] Kind join(Kind a, Kind b) noexcept;
[[nodiscard]] const char* kind_name(Kind kind) noexcept;

/// What a load of this element gives.
[[nodiscard]] Kind element_kind(const Program& program, TypeId element);

/// How a binary or unary operator is carried out on operands of one kind (f64 is narrowed to f32
/// first). `result.tag == never`: the operator has no meaning there and faults when executed.
struct OperatorPlan {
  core::Opcode op{core::Opcode::end};
  Kind result{};
  bool swap{false};
};
[[nodiscard]] OperatorPlan plan_binary(BinOp op, Kind kind) noexcept;
[[nodiscard]] OperatorPlan plan_unary(UnOp op, Kind kind) noexcept;
[[nodiscard]] bool always_fails(BinOp op) noexcept;
[[nodiscard]] bool always_fails(UnOp op) noexcept;

/// Kind of a binary operation whatever the operands, of a cast, of a subgroup result.
[[nodiscard]] Kind binary_kind(BinOp op, Kind a, Kind b) noexcept;
[[nodiscard]] Kind unary_kind(UnOp op, Kind a) noexcept;
[[nodiscard]] Kind cast_kind(TypeTag target, Kind from) noexcept;

/// What is known of a Let or Loop variable, in order of first mention (pre-order).
struct Variable {
  Kind kind{};
  bool assigned{false};
  bool read{false};
};

struct Inference {
  std::vector<Variable> variables;  // by order of Let and Loop nodes in the walk
  bool uses_groups{false};          // subgroup operations, or a lane's place in its subgroup
  bool uses_workgroup{false};       // barriers or workgroup memory
  bool uses_async{false};
  bool settled{true};  // false: kinds kept changing beyond the bound on passes
};
[[nodiscard]] Inference infer(const Program& program, Interrupt* interrupt = nullptr);

}  // namespace vyre::vir::lowering
