// Instructions, registers and constants of an image under construction. Knows nothing of programs.
// Host only, private to lowering. Spec: docs/internals/image.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "core/image.hpp"
#include "kinds.hpp"
#include "protocol/completion.hpp"

namespace vyre::vir::lowering {

/// A value in registers: `kind.words()` consecutive registers from `reg`, one word a lane (vector)
/// or one word a frame (scalar). `temp`: the code that consumes it frees it.
struct Value {
  Kind kind{};
  bool scalar{false};
  bool temp{false};
  bool changing{
      false};  // the registers of a variable that is assigned to: a second name needs a copy
  std::uint16_t reg{0};
  [[nodiscard]] bool never() const noexcept { return kind.tag == Kind::Tag::never; }
};

class Emitter {
 public:
  explicit Emitter(bool optimise) : optimise_(optimise) {}

  // Scalar registers with this bit are constants until finish() numbers the scalar file.
  static constexpr std::uint16_t kConstantBit{0x8000};

  [[nodiscard]] Value constant(std::uint32_t bits, Kind kind);
  [[nodiscard]] std::optional<std::uint32_t> constant_of(const Value& value) const;

  [[nodiscard]] Value new_vector(Kind kind);
  [[nodiscard]] Value new_scalar(Kind kind);
  /// Registers that nothing before in the code has used: for values that the prologue sets.
  [[nodiscard]] std::uint16_t fresh_vector();
  [[nodiscard]] std::uint16_t fresh_scalar();
  void release(const Value& value);

  std::uint32_t emit(core::Instruction instruction);
  void emit_prologue(core::Instruction instruction);
  /// Scalar work that holds for a whole run, before the first frame's prologue.
  void emit_once(core::Instruction instruction);
  /// dst = op(a, b, c) with the operands' forms; a scalar result where all are scalar. Frees the
  /// operands.
  [[nodiscard]] Value emit_pure(core::Opcode op, Kind result, const Value& a);
  [[nodiscard]] Value emit_pure(core::Opcode op, Kind result, const Value& a, const Value& b);
  [[nodiscard]] Value emit_pure(core::Opcode op, Kind result, const Value& a, const Value& b,
                                const Value& c);
  /// The same for instructions that may fault: always a vector result.
  [[nodiscard]] Value emit_checked(core::Opcode op, FaultCode code, Kind result, const Value& a,
                                   const Value* b = nullptr);
  void emit_fault(FaultCode code);

  /// The value one word a lane, in registers that no other value has.
  [[nodiscard]] Value as_vector(const Value& value);
  [[nodiscard]] Value owned_copy(const Value& value);
  /// If the last instruction is the atomic that gave `value`: nothing will read it.
  void forget_old(const Value& value);
  /// Copies words without regard to the mask.
  void copy_into(const Value& to, const Value& from);
  /// If the last instruction computes exactly `value`, lets it write to `to` instead.
  [[nodiscard]] bool retarget_last(const Value& value, const Value& to);

  [[nodiscard]] std::uint32_t position() const { return static_cast<std::uint32_t>(code_.size()); }
  void patch(std::uint32_t at, std::uint32_t target) { code_[at].imm = target; }
  /// If the last instruction computes `value` as vector register `left` < scalar, takes it out of
  /// the code.
  [[nodiscard]] std::optional<core::Instruction> take_last_compare(const Value& value,
                                                                   std::uint16_t left);
  /// Drops the code from `from` on if it cannot fault or touch memory for writing. True if it did.
  bool drop_if_pure(std::uint32_t from);

  void set_statement(std::uint32_t statement) { statement_ = statement; }
  [[nodiscard]] std::uint32_t statement() const { return statement_; }
  void refuse(std::string why) { stop({Errc::unsupported, std::move(why), kNoOffset, 0, 0, 0}); }
  /// The first error is kept; nothing comes of the image.
  void stop(Error error) {
    if (error_) return;
    error_ = std::move(error);
    stopped_at_ = statement_;
  }
  /// The statement of the error that was kept.
  [[nodiscard]] std::optional<std::uint32_t> stopped_at() const { return stopped_at_; }
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] bool optimise() const { return optimise_; }

  /// Prologue before code, targets moved, scalar registers numbered.
  [[nodiscard]] Result<core::Image> finish(core::Image image);

 private:
  std::uint16_t take(std::map<std::uint32_t, std::vector<std::uint16_t>>& pool, std::uint32_t words,
                     std::uint32_t& next, std::uint32_t limit, const char* what);
  void chain_sums();
  [[nodiscard]] std::vector<core::TallyFacts> tallies(std::size_t buffers) const;
  Value finish_pure(core::Instruction i, Kind result, bool scalar, bool foldable);

  bool optimise_;
  std::uint32_t statement_{0};
  std::vector<core::Instruction> code_;
  std::vector<std::uint32_t> statements_;
  std::vector<core::Instruction> prologue_;
  std::vector<core::Instruction> once_;
  std::vector<std::uint32_t> constants_;
  std::unordered_map<std::uint32_t, std::uint16_t> constant_index_;
  std::map<std::uint32_t, std::vector<std::uint16_t>> free_vectors_;
  std::map<std::uint32_t, std::vector<std::uint16_t>> free_scalars_;
  std::uint32_t next_vector_{0};
  std::uint32_t next_scalar_{0};
  std::optional<Error> error_;
  std::optional<std::uint32_t> stopped_at_;
};

/// The result word of a pure instruction on constant words (host, by the interpreter core itself).
[[nodiscard]] std::uint32_t fold(core::Opcode op, std::uint32_t a, std::uint32_t b,
                                 std::uint32_t c);

}  // namespace vyre::vir::lowering
