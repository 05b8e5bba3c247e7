// What the validator says of a small program: the codes of its violations, and a stage with one
// buffer of every kind so that a test is one statement long.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "support/program_builder.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::test {

/// Codes in order, each once: "" for a program that may run.
inline std::string codes(const vir::Program& program) {
  std::vector<std::string> seen;
  std::string text;
  for (const vir::Diagnostic& found : vir::diagnose(program)) {
    if (std::find(seen.begin(), seen.end(), found.code) != seen.end()) continue;
    seen.push_back(found.code);
    text += (text.empty() ? "" : " ") + found.code;
  }
  return text;
}

/// Buffers: u i f b u64 i64 u8 f16 f64 v2 v4 bytes are read-only; out (u32), out_i, out_f, out_b
/// are read_write; wo is write-only u32; uni uniform u32; wg workgroup u32; free bytes with
/// extraction. 16 elements each.
class Stage : public ProgramBuilder {
 public:
  Stage() {
    lanes(32);
    read_only("u", TypeTag::U32, 16);
    read_only("i", TypeTag::I32, 16);
    read_only("f", TypeTag::F32, 16);
    read_only("b", TypeTag::Bool, 16);
    read_only("u64", TypeTag::U64, 16);
    read_only("i64", TypeTag::I64, 16);
    read_only("u8", TypeTag::U8, 16);
    read_only("f16", TypeTag::F16, 16);
    read_only("f64", TypeTag::F64, 16);
    read_only("v2", TypeTag::Vec2U32, 16);
    read_only("v4", TypeTag::Vec4U32, 16);
    read_only("bytes", TypeTag::Bytes, 16);
    read_write("out", TypeTag::U32, 16);
    read_write("out_i", TypeTag::I32, 16);
    read_write("out_f", TypeTag::F32, 16);
    read_write("out_b", TypeTag::Bool, 16);
    read_write("free", TypeTag::Bytes, 16).bytes_extraction = true;
    buffer("wo", Access::WriteOnly, TypeTag::U32, 16);
    buffer("uni", Access::Uniform, TypeTag::U32, 16);
    workgroup("wg", TypeTag::U32, 16);
  }

  /// A value of the named buffer's element type.
  ExprId from(std::string_view name) { return load(name, u32(0)); }
};

/// Codes of a stage whose root Region holds what `make` returns.
template <class Make>
std::string of(Make make) {
  Stage s;
  const std::vector<NodeId> nodes = make(s);
  s.body(nodes);
  return codes(s.program);
}

/// Codes of `let x = <what make returns>`.
template <class Make>
std::string of_value(Make make) {
  return of([&](Stage& s) { return std::vector<NodeId>{s.let("x", make(s))}; });
}

using Nodes = std::vector<NodeId>;

}  // namespace vyre::test
