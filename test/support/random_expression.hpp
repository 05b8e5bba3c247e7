// Random expressions of a wanted kind. The validator's static types and the kinds of run-time
// values differ in places (i32 & i32 is typed u32 but stays i32 at run time); `Kind` names the
// combinations that we build on purpose. None of them can fault. Test support, host only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "choice.hpp"
#include "program_builder.hpp"

namespace vyre::test {

enum class Kind : std::uint8_t {
  u32,
  i32,
  boolean,
  f32,
  u64,
  bool_word,   // typed bool, a u32 at run time: a load from a bool buffer
  i32_as_u32,  // typed u32, an i32 at run time
  u64_as_u32,  // typed u32, a u64 at run time
  f64,         // a float that is not rounded to f32 until it is used
  u8,          // raw bytes, as all kinds below
  u16,
  i8,
  i16,
  i64,
  f16,
  bf16,
  vec2,
  vec4,
};

/// The element type of a buffer that holds the kind, and its bytes.
[[nodiscard]] TypeTag type_of(Kind kind);
[[nodiscard]] std::uint32_t bytes_of(Kind kind);

struct Readable {  // any index may be read at any time
  std::string buffer;
  Kind kind;
};
struct Own {  // a lane may touch elements variable * slots + 0 .. slots - 1 and no others
  std::string buffer;
  Kind kind;
  std::string variable;
  std::uint32_t slots;
};
struct Variable {
  std::string name;
  Kind kind;
  bool is_mutable;
};

class ExpressionGenerator {
 public:
  ExpressionGenerator(Choice& choice, ProgramBuilder& builder) : choice_(choice), b_(builder) {}

  [[nodiscard]] ExprId make(Kind kind, std::uint32_t depth);
  /// Never a literal, so that no rule about literal divisors applies.
  [[nodiscard]] ExprId not_literal(Kind kind, std::uint32_t depth);
  /// Uniform by the validator's rule, and the same in all iterations of a loop.
  [[nodiscard]] ExprId uniform_bool();
  [[nodiscard]] ExprId literal(Kind kind);
  [[nodiscard]] ExprId own_index(const Own& one);
  /// Kinds that need a buffer to come from are only made where there is one.
  [[nodiscard]] bool can_make(Kind kind) const;

  /// Whether expressions may be subgroup operations: then whatever flow they are in, all lanes that
  /// evaluate one do so together.
  bool groups{false};

  std::vector<Readable> readable;
  std::vector<Own> own;
  std::vector<Variable> variables;

 private:
  ExprId make_u32(std::uint32_t depth);
  ExprId cast_to_u32(std::uint32_t depth);
  ExprId make_i32(std::uint32_t depth);
  ExprId group_u32(std::uint32_t depth);
  ExprId make_bool(std::uint32_t depth);
  ExprId compare(std::uint32_t depth);
  ExprId make_f32(std::uint32_t depth);
  ExprId make_u64(std::uint32_t depth);
  ExprId make_i32_as_u32(std::uint32_t depth);
  ExprId make_u64_as_u32(std::uint32_t depth);
  ExprId make_raw(Kind kind, std::uint32_t depth);
  ExprId leaf(Kind kind);
  ExprId index(std::uint32_t depth);
  ExprId small_positive_i32(std::uint32_t depth);
  std::optional<ExprId> variable_of(Kind kind);
  std::optional<ExprId> load_of(Kind kind, std::uint32_t depth);
  ExprId two(BinOp op, Kind kind, std::uint32_t depth) {
    const ExprId left = make(kind, depth);
    return b_.bin(op, left, make(kind, depth));
  }
  ExprId choose(Kind kind, std::uint32_t depth) {
    const ExprId condition = make(Kind::boolean, depth);
    const ExprId yes = make(kind, depth);
    return b_.select(condition, yes, make(kind, depth));
  }

  Choice& choice_;
  ProgramBuilder& b_;
};

/// Values that sit on edges, for literals and for input buffers.
[[nodiscard]] std::uint32_t edge_word(Choice& choice);
[[nodiscard]] std::uint32_t edge_f32(Choice& choice);

}  // namespace vyre::test
