// See fused_programs.hpp.
#include "fused_programs.hpp"

#include <algorithm>
#include <utility>

#include "core/image.hpp"

namespace vyre::runtime {
namespace {

std::vector<std::uint64_t> key_of(const FusedRecipe& recipe) {
  std::vector<std::uint64_t> key{recipe.ops.size(), recipe.handed.size()};
  key.insert(key.end(), recipe.ops.begin(), recipe.ops.end());
  const auto add = [&key](const vir::HandOver::Place& place) {
    key.push_back(std::uint64_t{place.member} << 32 | place.buffer);
  };
  for (const vir::HandOver& one : recipe.handed) {
    add(one.writer);
    key.push_back(one.readers.size() << 3 | (one.all_inside ? 4u : 0u) | (one.longer ? 2u : 0u) |
                  (one.stored ? 1u : 0u));
    for (const vir::HandOver::Place& reader : one.readers) add(reader);
  }
  for (const vir::HandOver::Place& one : recipe.covered) add(one);
  return key;  // `elements` are those that the writer's program declares
}

std::shared_ptr<const backend::FusedProgram> make(const FusedRecipe& recipe,
                                                  const std::vector<const FusionFacts*>& facts) {
  std::vector<const core::Image*> images;
  for (const FusionFacts* const one : facts) images.push_back(one->program.image.get());
  auto image = vir::fuse(images, recipe.handed);
  if (!image) return nullptr;
  auto made = std::make_shared<backend::FusedProgram>();
  backend::ProgramOp& program = made->program;
  program.image = std::make_shared<const core::Image>(std::move(*image));
  std::vector<std::uint32_t> first;  // buffer of each member
  for (const FusionFacts* const one : facts) {
    first.push_back(static_cast<std::uint32_t>(program.buffers.size()));
    program.name += (program.name.empty() ? "" : " + ") + one->program.name;
    program.buffers.insert(program.buffers.end(), one->program.buffers.begin(),
                           one->program.buffers.end());
  }
  program.grid_rule = facts[0]->program.grid_rule;
  program.grid_buffers = facts[0]->program.grid_buffers;
  program.grid_buffers.resize(program.buffers.size(), {});  // those of other members do not count
  made->ops = recipe.ops;
  made->unzeroed.assign(program.buffers.size(), false);
  for (const vir::HandOver& one : recipe.handed) {
    const std::uint32_t writer = first[one.writer.member] + one.writer.buffer;
    made->unzeroed[writer] = !one.stored;
    if (one.all_inside) made->most_lanes = std::min(made->most_lanes, one.elements);
    for (const vir::HandOver::Place& reader : one.readers)
      made->handed.push_back({writer, first[reader.member] + reader.buffer, one.longer});
  }
  for (const vir::HandOver::Place& one : recipe.covered) {
    const std::uint32_t buffer = first[one.member] + one.buffer;
    made->unzeroed[buffer] = true;
    made->least_lanes = std::max(made->least_lanes, program.buffers[buffer].min_bytes /
                                                        program.image->buffers[buffer].stride);
  }
  return made;
}

}  // namespace

std::optional<FusedPrograms::Kept> FusedPrograms::find(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return std::nullopt;
  found->second.used = ++uses_;
  return found->second;
}

void FusedPrograms::keep(Key key, Kept made) {
  const std::lock_guard lock(mutex_);
  made.used = ++uses_;
  const auto [at, fresh] = kept_.try_emplace(std::move(key), made);
  if (!fresh) return;  // another thread made the same
  instructions_ += made.instructions;
  while (kept_.size() > 1 && (kept_.size() > kPrograms || instructions_ > kInstructions)) {
    const auto oldest = std::min_element(
        kept_.begin(), kept_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    instructions_ -= oldest->second.instructions;
    kept_.erase(oldest);
  }
}

bool FusedPrograms::keeps(const FusedRecipe& recipe) {
  return find(key_of(recipe)).has_value();
}

std::shared_ptr<const backend::FusedProgram> FusedPrograms::get(
    const FusedRecipe& recipe, const std::vector<const FusionFacts*>& facts) {
  Key key = key_of(recipe);
  if (auto kept = find(key)) return std::move(kept->program);
  auto made = make(recipe, facts);
  keep(std::move(key), {made, made ? made->program.image->code.size() : 0, 0});
  return made;
}

}  // namespace vyre::runtime
