// From an image to PTX: the class of a program with its reasons, and one device function for a
// program of class A or B. Nothing here runs one. Spec: docs/internals/jit.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/compiled.hpp"
#include "core/image.hpp"

namespace vyre::jit {

/// A: cannot fault, and its fuel is known before a unit. B: may end early, and then the unit runs
/// again in the interpreter, because nothing that it writes is read again. C: stays interpreted.
enum class Class : std::uint8_t { a, b, c };

/// Reason::statement of what is said of the program as a whole.
inline constexpr std::uint32_t kWholeProgram{~std::uint32_t{0}};

struct Reason {
  std::uint32_t statement;
  std::string text;
};

struct Verdict {
  Class kind{Class::a};
  std::vector<Reason> reasons;  // in the order of the statements; never empty
};

using Answer = core::CompiledAnswer;

/// A device function, to be called as a core::CompiledUnit.
struct Function {
  std::string name;
  std::string text;                // PTX, without the head of a module
  std::uint64_t scratch_bytes{0};  // that a warp needs; 16-byte aligned
};

[[nodiscard]] Verdict classify(const core::Image& image);
/// Of an image of class A or B. `name` is an identifier of PTX.
[[nodiscard]] Function emit_function(const core::Image& image, std::string_view name);
/// Functions with the head that they need: version, target, and the declarations of our own sine to
/// logarithm, which are linked.
[[nodiscard]] std::string emit_module(std::span<const Function> functions);
/// Of a module that is loaded: addresses of its functions, 8 bytes each, in their order.
inline constexpr const char* kTableName{"vyre_table"};
/// An entry that calls all functions and is never launched: its stack is what they need.
inline constexpr const char* kStackName{"vyre_stack"};
/// emit_module(), with a table of the functions and the entry.
[[nodiscard]] std::string emit_loadable(std::span<const Function> functions);
/// Whether the text of a module calls our own sine to logarithm.
[[nodiscard]] bool calls_own_functions(std::string_view text);

/// 'A', 'B' or 'C'.
[[nodiscard]] char letter(Class kind);
/// The class and its reasons, a line each, every line behind `begin`.
[[nodiscard]] std::string print_verdict(const Verdict& verdict, std::string_view begin);
/// For people: the verdict as comments, and the module of the image if it is of class A or B.
[[nodiscard]] std::string print(const core::Image& image);

}  // namespace vyre::jit
