// Buffer roles, sizes and the dispatch grid. All arithmetic on lengths is checked: counts and
// sizes come from untrusted programs.
#include "vir/program/dispatch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "vir/program/buffer_names.hpp"
#include "vir/program/quote.hpp"
#include "vir/program/statements.hpp"

namespace vyre::vir {
namespace {

constexpr std::uint64_t kMaxU32{std::numeric_limits<std::uint32_t>::max()};

/// Elements as the grid rule counts them: by packed bits, else by whole elements.
std::uint64_t grid_elements(const Program& program, const BufferDecl& buffer, std::uint64_t bytes) {
  const auto bits = packed_bits(program, buffer.element);
  if (bits && *bits != 0) {
    std::uint64_t all_bits = 0;
    if (__builtin_mul_overflow(bytes, std::uint64_t{8}, &all_bits)) return bytes / *bits * 8;
    return all_bits / *bits;
  }
  const std::uint64_t size = size_bytes(program, buffer.element);
  return size == 0 ? bytes : bytes / size;
}

/// A quirk of the reference: graph programs size their dispatch by this buffer's declaration.
bool is_pg_nodes(const Program& program, const BufferDecl& buffer) {
  return buffer.binding == 0 && buffer.name < program.names.size() &&
         program.name(buffer.name) == "pg_nodes";
}

bool contains_atomic(const Program& program) {
  return any_expression(program, [&](const Expr& expr) {
    return expr.tag == ExprTag::Atomic && !is_watch_name(program, expr.name);
  });
}

Result<Grid> shape_grid(const Program& program, std::uint64_t elements) {
  std::uint64_t lanes = 1;
  unsigned active = 0;
  for (const std::uint32_t size : program.workgroup) {
    if (size == 0) {
      return fail(Errc::refused, "a workgroup dimension is 0; every dimension must be at least 1");
    }
    if (__builtin_mul_overflow(lanes, std::uint64_t{size}, &lanes)) {
      return fail(Errc::limit_exceeded, "the workgroup has more than 2^64 lanes");
    }
    active += size > 1 ? 1u : 0u;
  }
  const std::uint64_t n = std::max<std::uint64_t>(1, elements);
  const std::uint64_t total = n / lanes + (n % lanes != 0 ? 1 : 0);
  if (total > kMaxU32) {
    return fail(Errc::limit_exceeded,
                message("the dispatch needs {} workgroups; the limit is 4294967295, use larger "
                        "workgroups or smaller buffers",
                        total));
  }
  if (active == 0) return Grid{static_cast<std::uint32_t>(total), 1, 1};
  // The root is taken in f64 as upstream does: cube roots may come out one ulp off, and the ceiling
  // of that is part of the meaning.
  const double root = std::pow(static_cast<double>(total), 1.0 / active);
  const auto base = static_cast<std::uint32_t>(std::ceil(root));
  Grid grid{1, 1, 1};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (program.workgroup[axis] > 1) grid[axis] = base;
    if (std::uint64_t{grid[axis]} * program.workgroup[axis] - 1 > kMaxU32) {
      return fail(Errc::limit_exceeded,
                  message("axis {} has more invocations than a u32 id can name", axis));
    }
  }
  return grid;
}

}  // namespace

BufferRole role_of(const BufferDecl& buffer) noexcept {
  if (buffer.access == Access::Workgroup) return BufferRole::workgroup;
  if (buffer.is_output || buffer.access == Access::WriteOnly ||
      (buffer.pipeline_live_out && buffer.access == Access::ReadWrite)) {
    return BufferRole::allocated;
  }
  return buffer.access == Access::ReadWrite ? BufferRole::read_write : BufferRole::read;
}

std::uint64_t element_stride(const Program& program, TypeId type) {
  switch (program.types[type].tag) {
    case TypeTag::Bytes:
    case TypeTag::Array:
    case TypeTag::Tensor:
    case TypeTag::TensorShaped:
    case TypeTag::SparseCsr:
    case TypeTag::SparseCoo:
    case TypeTag::SparseBsr:
    case TypeTag::DeviceMesh:
    case TypeTag::Opaque:
      return 0;
    default:
      return size_bytes(program, type);
  }
}

Result<std::uint64_t> required_bytes(const Program& program, const BufferDecl& buffer) {
  if (buffer.count == 0) return 0;
  std::uint64_t total = 0;
  bool overflow = false;
  if (const auto bits = packed_bits(program, buffer.element)) {
    overflow = __builtin_mul_overflow(std::uint64_t{buffer.count}, *bits, &total);
    total = total / 8 + (total % 8 != 0 ? 1 : 0);
  } else if (has_size(program, buffer.element)) {
    overflow = __builtin_mul_overflow(std::uint64_t{buffer.count},
                                      size_bytes(program, buffer.element), &total);
  } else {
    return fail(Errc::refused, message("buffer {} has {} elements of a type without a size; "
                                       "declare count 0 or a sized element",
                                       quote_symbol(program, buffer.name), buffer.count));
  }
  if (overflow) {
    return fail(Errc::limit_exceeded,
                message("buffer {} needs more than 2^64 bits", quote_symbol(program, buffer.name)));
  }
  return total;
}

std::uint64_t length_bits(const Program& program, const BufferDecl& buffer) {
  if (packed_bits(program, buffer.element) == 4) return 4;
  const std::uint64_t stride = element_stride(program, buffer.element);
  std::uint64_t bits = 0;
  if (__builtin_mul_overflow(std::max<std::uint64_t>(stride, 1), std::uint64_t{8}, &bits))
    return ~std::uint64_t{7};  // longer than any buffer
  return bits;
}

std::uint64_t element_count(const Program& program, const BufferDecl& buffer,
                            std::uint64_t byte_length) {
  const std::uint64_t bits = length_bits(program, buffer);
  return bits == 4 ? byte_length * 2 : byte_length / (bits / 8);
}

Result<std::uint64_t> workgroup_bytes(const Program& program) {
  std::uint64_t total = 0;
  for (const BufferDecl& buffer : program.buffers) {
    if (role_of(buffer) != BufferRole::workgroup) continue;
    VYRE_ASSIGN(const std::uint64_t bytes, required_bytes(program, buffer));
    if (__builtin_add_overflow(total, bytes, &total) || total > kMaxWorkgroupBytes) {
      return fail(Errc::limit_exceeded,
                  message("workgroup memory up to buffer {} exceeds the limit of {} bytes; declare "
                          "fewer elements",
                          quote_symbol(program, buffer.name), kMaxWorkgroupBytes));
    }
  }
  return total;
}

ByteRange returned_range(const BufferDecl& buffer, std::uint64_t byte_length) noexcept {
  const auto& range = buffer.output_byte_range;
  if (range && range->start <= range->end && range->end <= byte_length) return *range;
  return {0, byte_length};
}

Result<Grid> infer_grid(const Program& program, std::span<const std::uint64_t> byte_lengths) {
  if (byte_lengths.size() != program.buffers.size()) {
    return fail(Errc::invalid_argument,
                message("infer_grid needs one byte length per declared buffer: {}, got {}",
                        program.buffers.size(), byte_lengths.size()));
  }
  std::uint64_t max_out = 0;
  std::uint64_t max_in = 1;
  std::uint64_t pg_nodes = 0;
  bool any_returned = false;
  bool any_workgroup = false;
  for (std::size_t i = 0; i < program.buffers.size(); ++i) {
    const BufferDecl& buffer = program.buffers[i];
    const BufferRole role = role_of(buffer);
    if (is_watch_name(program, buffer.name)) continue;
    if (is_pg_nodes(program, buffer)) {
      pg_nodes = std::max<std::uint64_t>(pg_nodes, buffer.count);
    }
    if (role == BufferRole::workgroup) {
      any_workgroup = true;
      continue;
    }
    const std::uint64_t elements = grid_elements(program, buffer, byte_lengths[i]);
    if (is_returned(role)) {
      any_returned = true;
      max_out = std::max(max_out, elements);
    } else {
      max_in = std::max(max_in, elements);
    }
  }
  std::uint64_t n = std::max({std::uint64_t{1}, max_out, pg_nodes});
  if (!any_returned || any_workgroup || contains_atomic(program)) n = std::max(n, max_in);
  return shape_grid(program, n);
}

Result<Grid> grid_for(const Program& program, std::uint64_t elements) {
  return shape_grid(program, elements);
}

Result<GridPlan> grid_rule(const Program& program) {
  GridPlan plan;
  // What shape_grid refuses whatever the lengths are, it refuses of one element too.
  VYRE_ASSIGN([[maybe_unused]] const Grid one, shape_grid(program, 1));
  std::copy(program.workgroup.begin(), program.workgroup.end(), plan.rule.workgroup);
  plan.rule.at_least = 1;
  bool any_returned = false;
  bool any_workgroup = false;
  plan.buffers.reserve(program.buffers.size());
  for (const BufferDecl& buffer : program.buffers) {
    const BufferRole role = role_of(buffer);
    if (is_watch_name(program, buffer.name)) {
      plan.buffers.push_back({0, 0, 0});
      continue;
    }
    if (is_pg_nodes(program, buffer)) {
      plan.rule.at_least = std::max<std::uint64_t>(plan.rule.at_least, buffer.count);
    }
    any_workgroup = any_workgroup || role == BufferRole::workgroup;
    any_returned = any_returned || is_returned(role);
    if (role == BufferRole::workgroup) {
      plan.buffers.push_back({0, 0, 0});
      continue;
    }
    const auto bits = packed_bits(program, buffer.element);
    const bool in_bits = bits && *bits != 0;
    const std::uint64_t unit =
        in_bits ? *bits : std::max<std::uint64_t>(1, size_bytes(program, buffer.element));
    if (unit > kMaxU32) {
      return fail(
          Errc::unsupported,
          message("an element of buffer {} has {}{}; the limit is 4294967295, use smaller elements",
                  quote_symbol(program, buffer.name), unit, (in_bits ? " bits" : " bytes")));
    }
    plan.buffers.push_back({static_cast<std::uint32_t>(unit),
                            static_cast<std::uint16_t>(in_bits ? 1 : 0),
                            static_cast<std::uint16_t>(is_returned(role) ? 1 : 0)});
  }
  plan.rule.all_buffers = !any_returned || any_workgroup || contains_atomic(program) ? 1 : 0;
  return plan;
}

std::vector<BufferReach> buffer_reach(const Program& program) {
  std::vector<BufferReach> reach(program.buffers.size());
  const std::vector<std::uint32_t> by_name = buffers_by_name(program);
  const auto find = [&](Symbol name) -> BufferReach* {
    return name >= by_name.size() || by_name[name] == kNone ? nullptr : &reach[by_name[name]];
  };
  const auto touch = [&](Symbol name) {
    if (BufferReach* buffer = find(name)) buffer->plain = true;
  };
  bool opaque = false;  // may do anything with any buffer
  for (const NodeId id : statements_in_order(program)) {
    const Node& node = program.nodes[id];
    switch (node.tag) {
      case NodeTag::AsyncLoad:
      case NodeTag::AsyncStore:
        if (BufferReach* source = find(node.name)) source->copied_from = true;
        touch(node.name2);
        break;
      case NodeTag::Store:
      case NodeTag::IndirectDispatch:
      case NodeTag::AllReduce:
      case NodeTag::AllGather:
      case NodeTag::ReduceScatter:
      case NodeTag::Broadcast:
        touch(node.name);
        touch(node.name2);
        break;
      case NodeTag::Opaque:
        opaque = true;
        break;
      default:  // names of variables, regions and tags
        break;
    }
  }
  (void)any_expression(program, [&](const Expr& expr) {
    if (expr.tag == ExprTag::Load || expr.tag == ExprTag::Atomic || expr.tag == ExprTag::BufferRef)
      touch(expr.name);
    return false;
  });
  if (opaque) {
    for (BufferReach& buffer : reach) buffer.plain = true;
  }
  return reach;
}

Result<BufferPlan> plan_buffers(const Program& program,
                                std::span<const std::uint64_t> input_lengths) {
  BufferPlan plan;
  const std::size_t count = program.buffers.size();
  plan.roles.reserve(count);
  std::size_t logical = 0;
  std::size_t legacy = 0;
  for (const BufferDecl& buffer : program.buffers) {
    plan.roles.push_back(role_of(buffer));
    logical += takes_input(plan.roles.back()) ? 1 : 0;
    legacy += plan.roles.back() != BufferRole::workgroup ? 1 : 0;
  }
  if (input_lengths.size() != logical && input_lengths.size() != legacy) {
    return fail(
        Errc::invalid_argument,
        message("the program takes {} inputs (or {} with ignored values for its outputs), got {}",
                logical, legacy, input_lengths.size()));
  }
  const bool with_ignored = input_lengths.size() != logical;
  VYRE_ASSIGN(plan.workgroup_bytes, workgroup_bytes(program));
  plan.byte_lengths.resize(count);
  plan.input_index.assign(count, kNone);
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const BufferDecl& buffer = program.buffers[i];
    const BufferRole role = plan.roles[i];
    VYRE_ASSIGN(const std::uint64_t required, required_bytes(program, buffer));
    plan.byte_lengths[i] = required;
    if (role == BufferRole::allocated && with_ignored) ++next;
    if (!takes_input(role)) continue;
    const std::uint64_t given = input_lengths[next];
    if (given < required) {
      return fail(Errc::invalid_argument,
                  message("input {} for buffer {} has {} bytes; it needs at least {}", next,
                          quote_symbol(program, buffer.name), given, required));
    }
    plan.byte_lengths[i] = given;  // longer is kept whole: BufLen and the grid see the real length
    plan.input_index[i] = next++;
  }
  return plan;
}

}  // namespace vyre::vir
