// What a plan says of one item: see run_plan.hpp.
#include <algorithm>
#include <limits>

#include "base/message.hpp"
#include "run_plan.hpp"
#include "shell.hpp"
#include "size_expression.hpp"

namespace vyre::cli {

Bytes seen_number(std::uint64_t seen, std::size_t bytes) {
  Bytes number;
  append_le(number, seen);
  number.resize(bytes);  // chunks are smaller than 4 GiB
  return number;
}

Status RunPlan::size_outputs(std::vector<std::uint64_t>& bytes) const {
  if (target.builtin == nullptr) return {};
  const std::size_t inputs = target.builtin->info.inputs.size();
  VYRE_ASSIGN(const auto sizes, target.output_sizes(std::span(bytes).first(inputs), param));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sources[inputs + i].kind == SourceKind::zeros) continue;
    bytes[inputs + i] = sizes[i].bytes;
    // How much match.literals writes, the text decides: room for a hit in 16 bytes of it.
    if (sizes[i].kind == v0::OutputSize::Kind::unknown && inputs != 0)
      bytes[inputs + i] += bytes[0];
  }
  return {};
}

Status RunPlan::check_reach(const std::string& name, std::uint64_t item_bytes,
                            std::uint32_t invocations) const {
  if (target.builtin != nullptr) return {};  // an op is no grid
  // No element is smaller than a bit.
  if (invocations != 0 || item_bytes <= std::numeric_limits<std::uint32_t>::max() / 8) return {};
  const auto bytes = buffer_bytes(item_bytes);
  if (!bytes) return {};  // said when the item starts
  const auto grid = taken(target.program->grid(*bytes));
  if (grid || grid.error().code != Errc::limit_exceeded) return {};
  return fail(Errc::limit_exceeded,
              message("'{}' has {} bytes, too many for one item: {}; --chunk BYTES cuts it into "
                      "items (docs/chunks.md says for which programs)",
                      shown(name), item_bytes, grid.error().message));
}

bool RunPlan::reduces_all() const {
  return std::all_of(wanted.begin(), wanted.end(),
                     [](const WantedOutput& one) { return one.reduce != Reduce::none; });
}

bool RunPlan::has_total() const {
  return std::any_of(wanted.begin(), wanted.end(),
                     [](const WantedOutput& one) { return one.total; });
}

bool RunPlan::items_share_inputs() const {
  if (item_buffer == kNoBuffer) return false;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].kind == SourceKind::seen) return false;
    if (buffers[i].role == v0::Role::read_write || sources[i].sized_by_item) return false;
  }
  return true;
}

Result<std::vector<std::uint64_t>> RunPlan::buffer_bytes(std::uint64_t item_bytes) const {
  std::vector<std::uint64_t> bytes(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    bytes[i] = sources[i].kind == SourceKind::item    ? item_bytes
               : sources[i].kind == SourceKind::bound ? sources[i].bound.size()
               : sources[i].kind == SourceKind::seen  ? buffers[i].element_bytes
                                                      : buffers[i].least_bytes;
  }
  const auto size_of = [&](std::string_view name, bool in_elements) -> Result<std::uint64_t> {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (buffers[i].name != name) continue;
      if (sources[i].kind == SourceKind::zeros && buffers[i].least_bytes == 0) break;
      return in_elements ? buffers[i].length_of(bytes[i]) : bytes[i];
    }
    return fail(Errc::invalid_argument,
                message("'{}' is no buffer with a size of its own", shown(name)));
  };
  std::vector<std::uint64_t> result = bytes;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].kind != SourceKind::zeros ||
        (sources[i].count.empty() && !sources[i].follows_item))
      continue;
    std::uint64_t elements = 0;
    if (sources[i].follows_item) {
      elements = buffers[item_buffer].length_of(item_bytes);
    } else {
      VYRE_ASSIGN(elements, evaluate_size(sources[i].count, size_of));
    }
    if (__builtin_mul_overflow(elements, buffers[i].element_bytes, &result[i])) {
      return fail(Errc::limit_exceeded,
                  message("buffer '{}' with {} elements is beyond 64 bits of bytes",
                          shown(buffers[i].name), elements));
    }
  }
  VYRE_TRY(size_outputs(result));
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (!buffers[i].takes_bytes() || result[i] >= buffers[i].least_bytes) continue;
    return fail(Errc::invalid_argument,
                message("buffer '{}' gets {} bytes; it needs at least {}", shown(buffers[i].name),
                        result[i], buffers[i].least_bytes));
  }
  return result;
}

}  // namespace vyre::cli
