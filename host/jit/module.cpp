// The head of a function, modules, and what people read.
#include <algorithm>
#include <cstddef>

#include "base/message.hpp"
#include "emitter.hpp"

namespace vyre::jit {

namespace {

constexpr std::string_view kTarget{".version 8.0\n.target sm_80\n.address_size 64\n"};
constexpr const char* kFunctions[]{"sin",  "cos",  "tan", "asin", "acos", "atan", "sinh",
                                   "cosh", "tanh", "exp", "exp2", "log",  "log2"};

std::string declare(const char* type, const char* name, std::uint64_t count) {
  return count == 0 ? std::string{} : message("  .reg .{} %{}<{}>;\n", type, name, count);
}

}  // namespace

std::string Emitter::head() const {
  Text text = message(
      ".visible .func (.param .b32 p_answer) {}(\n"
      "  .param .b64 p_buffers, .param .b64 p_scratch, .param .b64 p_first, .param .b64 p_count,\n"
      "  .param .b32 p_grid_x, .param .b32 p_grid_y, .param .b32 p_grid_z,\n"
      "  .param .b64 p_fuel, .param .b64 p_stop)\n{{\n",
      name_);
  text += declare("b32", "v", u64{image_.vector_registers} * copies_);
  if (copies_ > 1) {
    for (const char* const place :
         {"group_x", "group_y", "group_z", "local_x", "local_y", "local_z"})
      text += declare("b32", place, copies_);
  }
  text += declare("b32", "s", image_.scalar_registers);
  text += declare("b32", "t", words_) + declare("b64", "d", wides_);
  text += declare("pred", "p", predicates_);
  text += declare("b64", "b", used_.size()) + declare("b32", "n", used_.size()) +
          declare("b64", "z", used_.size());
  for (const char* const mask : {"m", "e", "o"}) text += declare("b32", mask, u64{deepest_} + 1);
  text += declare("b32", "copy_at", analysis_.copies.size()) +
          declare("b64", "copy_size", analysis_.copies.size());
  text +=
      "  .reg .b32 %answer, %lane, %l, %row, %row_end, %slice, %dead, %turns, %rounds, %ticks;\n"
      "  .reg .b32 %share, %grid_x, %grid_y, %grid_z, %group_x, %group_y, %group_z;\n"
      "  .reg .b32 %local_x, %local_y, %local_z;\n"
      "  .reg .b64 %table, %scratch, %memory, %lane_state, %first, %count, %group, %group_end;\n"
      "  .reg .b64 %stop, %fuel, %elements;\n"
      "  .reg .pred %alive, %line, %large;\n"
      "  ld.param.u64 %table, [p_buffers];\n"
      "  ld.param.u64 %scratch, [p_scratch];\n"
      "  ld.param.u64 %first, [p_first];\n"
      "  ld.param.u64 %count, [p_count];\n"
      "  ld.param.u32 %grid_x, [p_grid_x];\n"
      "  ld.param.u32 %grid_y, [p_grid_y];\n"
      "  ld.param.u32 %grid_z, [p_grid_z];\n"
      "  ld.param.u64 %fuel, [p_fuel];\n"
      "  ld.param.u64 %stop, [p_stop];\n"
      "  mov.u32 %lane, %laneid;\n"
      "  mov.b32 %answer, 0;\n"
      "  mov.b32 %ticks, 0;\n"
      "  or.b32 %l, %grid_y, %grid_z;\n"
      "  setp.eq.u32 %line, %l, 1;\n";
  // A lane that stays within its share of the fuel cannot be the one that goes over.
  text += message("  div.u64 %fuel, %fuel, {};\n", image_.lanes());
  text += "  min.u64 %fuel, %fuel, 0xFFFFFFFE;\n  cvt.u32.u64 %share, %fuel;\n";
  text += message("  add.u64 %memory, %scratch, {};\n", scratch_bytes_);
  return text;
}

/// Address, bytes, and how many elements, of each buffer that the code names.
std::string Emitter::buffers_text() const {
  Text text;
  u64 memory = 0;
  for (u32 b = 0; b < used_.size(); ++b) {
    const core::BufferFacts& facts = image_.buffers[b];
    if (used_[b] && facts.is_workgroup != 0) {
      text += message("  add.u64 %b{}, %memory, {};\n", b, memory);
      text += message("  mov.u64 %z{}, {};\n", b, facts.workgroup_bytes);
    } else if (used_[b]) {
      const u64 entry = u64{b} * sizeof(core::BoundBuffer);
      text +=
          message("  ld.u64 %b{}, [%table+{}];\n", b, entry + offsetof(core::BoundBuffer, data));
      text += message("  cvta.to.global.u64 %b{}, %b{};\n", b, b);
      text +=
          message("  ld.u64 %z{}, [%table+{}];\n", b, entry + offsetof(core::BoundBuffer, bytes));
    }
    if (used_[b]) {
      // An index has 32 bits. A unit with more elements is left to the interpreter.
      text += message("  div.u64 %elements, %z{}, {};\n", b, std::max(facts.stride, 1u));
      text += "  setp.gt.u64 %large, %elements, 0xFFFFFFFF;\n  @%large bra RUN_AGAIN;\n";
      text += message("  cvt.u32.u64 %n{}, %elements;\n", b);
    }
    if (facts.is_workgroup != 0) memory += (u64{facts.workgroup_bytes} + 15) / 16 * 16;
  }
  return text;
}

Function emit_function(const core::Image& image, std::string_view name) {
  const Analysis analysis(image);
  return Emitter(image, analysis, name).run();
}

std::string emit_module(std::span<const Function> functions) {
  std::string text{kTarget};
  for (const char* const name : kFunctions) {
    const std::string call = message("vyre_f32_{},", name);
    const bool called = std::any_of(functions.begin(), functions.end(), [&](const Function& f) {
      return f.text.find(call) != std::string::npos;
    });
    if (called)
      text += message(".extern .func (.param .b32 y) vyre_f32_{}(.param .b32 x);\n", name);
  }
  for (const Function& function : functions) text.append("\n").append(function.text);
  return text;
}

std::string emit_loadable(std::span<const Function> functions) {
  std::string text = emit_module(functions);
  std::string names;
  std::string calls;
  for (const Function& function : functions) {
    names += (names.empty() ? "" : ", ") + function.name;
    calls += message(
        "  call (%r), {}, (%d, %d, %d, %d, %r, %r, %r, %d, %d);\n"
        "  add.u32 %sum, %sum, %r;\n",
        function.name);
  }
  text += message("\n.visible .global .align 8 .u64 {}[{}] = {{{}}};\n", kTableName,
                  functions.size(), names);
  text += message(
      "\n.visible .entry {}(.param .u64 p_to)\n{{\n"
      "  .reg .b64 %d;\n  .reg .b32 %r, %sum;\n"
      "  ld.param.u64 %d, [p_to];\n  mov.b32 %r, 0;\n  mov.b32 %sum, 0;\n{}"
      "  st.global.u32 [%d], %sum;\n  ret;\n}}\n",
      kStackName, calls);
  return text;
}

bool calls_own_functions(std::string_view text) {
  return text.find(".extern .func (.param .b32 y) vyre_f32_") != std::string_view::npos;
}

char letter(Class kind) {
  return "ABC"[static_cast<std::size_t>(kind)];
}

std::string print_verdict(const Verdict& verdict, std::string_view begin) {
  std::string text = message("{}class {}\n", begin, std::string(1, letter(verdict.kind)));
  for (const Reason& reason : verdict.reasons) {
    if (reason.statement == kWholeProgram) {
      text += message("{}{}\n", begin, reason.text);
    } else {
      text += message("{}statement {}: {}\n", begin, reason.statement, reason.text);
    }
  }
  return text;
}

std::string print(const core::Image& image) {
  const Analysis analysis(image);
  std::string text = print_verdict(analysis.verdict, "// ");
  if (analysis.verdict.kind == Class::c) return text;
  const Function function = Emitter(image, analysis, "vyre_program").run();
  text += message("// scratch: {} bytes a warp\n", function.scratch_bytes);
  return text + emit_module({&function, 1});
}

}  // namespace vyre::jit
