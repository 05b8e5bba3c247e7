// Rules about the program as a whole: sizes, buffers, the root. Each is one function and one row.
#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "base/message.hpp"
#include "checker.hpp"
#include "protocol/limits.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/quote.hpp"

namespace vyre::vir {
namespace {

void nesting_is_bounded(Checker& c, const char* code) {
  if (c.form.nesting <= kMaxNesting) return;
  c.report_at(
      code, c.form.deepest,
      message("statements are nested {} deep; the limit is {}, flatten blocks or split the program",
              c.form.nesting, kMaxNesting));
}

void statement_count_is_bounded(Checker& c, const char* code) {
  if (c.form.order.size() <= kMaxStatements) return;
  c.report_at(code, kNone,
              message("the program has {} statements; the limit is {}, split it",
                      c.form.order.size(), kMaxStatements));
}

void expression_depth_is_bounded(Checker& c, const char* code) {
  for (ExprId id = 0; id < c.form.expr_depth.size(); ++id) {
    const std::uint32_t depth = c.form.expr_depth[id];
    if (depth <= kMaxExpressionDepth) continue;
    return c.report_at(
        code, kNone,
        message("an expression is {} levels deep; the limit is {}, bind parts of it with let",
                depth, kMaxExpressionDepth),
        id);
  }
}

void workgroup_dimensions_are_positive(Checker& c, const char* code) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (c.program.workgroup[axis] != 0) continue;
    c.report_buffer(code, kWorkgroupSize,
                    message("workgroup dimension {} is 0; every dimension is at least 1", axis));
  }
}

void workgroup_lanes_are_bounded(Checker& c, const char* code) {
  std::uint64_t lanes = 1;
  for (const std::uint32_t size : c.program.workgroup) {
    // Stop while the product still fits: one factor more is at most 2^32.
    if (lanes <= kMaxWorkgroupLanes) lanes *= size;
    if (size == 0) return;  // V003 says so
  }
  if (lanes <= kMaxWorkgroupLanes) return;
  const auto& w = c.program.workgroup;
  c.report_buffer(code, kWorkgroupSize,
                  message("a workgroup of {} x {} x {} lanes is larger than the limit of {}; use "
                          "smaller workgroups, the grid grows by itself",
                          w[0], w[1], w[2], kMaxWorkgroupLanes));
}

void workgroup_memory_is_bounded(Checker& c, const char* code) {
  if (const auto bytes = workgroup_bytes(c.program); !bytes) {
    const auto& all = c.program.buffers;
    const auto first = std::find_if(all.begin(), all.end(), [](const BufferDecl& buffer) {
      return role_of(buffer) == BufferRole::workgroup;
    });
    c.report_buffer(code, static_cast<std::size_t>(first - all.begin()), bytes.error().message);
  }
}

void element_width_is_bounded(Checker& c, const char* code) {
  for (std::size_t i = 0; i < c.program.buffers.size(); ++i) {
    const BufferDecl& buffer = c.program.buffers[i];
    const std::uint64_t stride = element_stride(c.program, buffer.element);
    if (stride <= kMaxElementBytes) continue;
    c.report_buffer(code, i,
                    message("buffer {} has elements of {} bytes; the limit is {}, declare more and "
                            "narrower elements",
                            c.name(buffer.name), stride, kMaxElementBytes));
  }
}

void buffer_names_are_unique(Checker& c, const char* code) {
  std::unordered_set<Symbol> seen;
  for (std::size_t i = 0; i < c.program.buffers.size(); ++i) {
    const BufferDecl& buffer = c.program.buffers[i];
    if (seen.insert(buffer.name).second) continue;
    c.report_buffer(
        code, i,
        message("buffer name {} is declared twice; rename one of them", c.name(buffer.name)));
  }
}

void bindings_are_unique(Checker& c, const char* code) {
  std::unordered_set<std::uint32_t> seen;
  for (std::size_t i = 0; i < c.program.buffers.size(); ++i) {
    const BufferDecl& buffer = c.program.buffers[i];
    if (buffer.access == Access::Workgroup || seen.insert(buffer.binding).second) continue;
    c.report_buffer(
        code, i,
        message("binding {} of buffer {} is taken by an earlier buffer; give it another number",
                buffer.binding, c.name(buffer.name)));
  }
}

void one_output_at_most(Checker& c, const char* code) {
  unsigned outputs = 0;
  for (std::size_t i = 0; i < c.program.buffers.size(); ++i) {
    const BufferDecl& buffer = c.program.buffers[i];
    if (!buffer.is_output || ++outputs < 2) continue;
    c.report_buffer(
        code, i,
        message("buffer {} is a second output; only one buffer may be one, make it read_write",
                c.name(buffer.name)));
  }
}

void outputs_have_a_plain_type(Checker& c, const char* code) {
  for (std::size_t i = 0; i < c.program.buffers.size(); ++i) {
    const BufferDecl& buffer = c.program.buffers[i];
    if (!buffer.is_output) continue;
    const TypeTag tag = c.program.types[buffer.element].tag;
    if (tag != TypeTag::Array && tag != TypeTag::Tensor && tag != TypeTag::TensorShaped) continue;
    c.report_buffer(
        code, i,
        message("output buffer {} has elements of type {}; outputs need a scalar or vector element",
                c.name(buffer.name), type_word(c.type_of_declared(buffer.element))));
  }
}

void workgroup_buffers_have_a_count(Checker& c, const char* code) {
  for (std::size_t i = 0; i < c.program.buffers.size(); ++i) {
    const BufferDecl& buffer = c.program.buffers[i];
    if (buffer.access != Access::Workgroup || buffer.count != 0) continue;
    c.report_buffer(code, i,
                    message("workgroup buffer {} has count 0; workgroup memory is sized when the "
                            "program is written",
                            c.name(buffer.name)));
  }
}

void root_is_regions(Checker& c, const char* code) {
  const auto top = c.program.list(c.program.entry);
  if (top.empty()) {
    return c.report_at(code, kNone, "the program has no statements; it needs a Region");
  }
  for (const NodeId id : top) {
    if (c.program.nodes[id].tag == NodeTag::Region) continue;
    return c.report_at(code, c.form.statements[id],
                       "a statement at the top level is not a Region; wrap the program in one");
  }
}

void self_exclusive_regions_appear_once(Checker& c, const char* code) {
  constexpr std::string_view kSuffix{"#self-exclusive"};
  std::unordered_set<Symbol> seen;
  for (const NodeId id : c.form.order) {
    const Node& node = c.program.nodes[id];
    if (node.tag != NodeTag::Region) continue;
    const std::string& generator = c.program.name(node.name);
    if (!std::string_view(generator).ends_with(kSuffix) || seen.insert(node.name).second) continue;
    c.report_at(
        code, c.form.statements[id],
        message(
            "region {} may not be composed with itself but appears twice; run it in two programs",
            c.name(node.name)));
  }
}

constexpr ProgramRule kProgramRules[] = {
    {"V018", nesting_is_bounded},
    {"V019", statement_count_is_bounded},
    {"V033", expression_depth_is_bounded},
    {"V003", workgroup_dimensions_are_positive},
    {"V140", workgroup_lanes_are_bounded},
    {"V001", buffer_names_are_unique},
    {"V002", bindings_are_unique},
    {"V022", one_output_at_most},
    {"V105", outputs_have_a_plain_type},
    {"V024", workgroup_buffers_have_a_count},
    {"V141", workgroup_memory_is_bounded},
    {"V142", element_width_is_bounded},
    {"V104", root_is_regions},
    {"V106", self_exclusive_regions_appear_once},
};

}  // namespace

std::span<const ProgramRule> program_rules() noexcept {
  return kProgramRules;
}

}  // namespace vyre::vir
