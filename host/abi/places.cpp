// Places in the text of a program: of findings, of errors and of statements. See program.hpp.
#include "base/message.hpp"
#include "bound.hpp"
#include "program.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/statements.hpp"

std::shared_ptr<const vyre::abi::StatementPlaces> vyre_program::statements() const {
  if (places.nodes.empty()) return nullptr;
  std::call_once(placed_, [this] {
    const auto prepared = vyre::vir::prepare(program);
    if (!prepared) return;  // it has no statements then
    auto all = std::make_shared<vyre::abi::StatementPlaces>();
    all->map.files = places.files;
    all->map.calls = places.calls;
    for (const vyre::vir::NodeId id : vyre::vir::numbered_statements(*prepared))
      all->statements.push_back(places.of(id));
    statements_ = std::move(all);
  });
  return statements_;
}

namespace vyre::abi {

std::optional<std::string> StatementPlaces::words_of(std::uint32_t statement,
                                                     std::string_view unnamed) const {
  const vir::SourcePlace place = of(statement);
  if (place.line == 0) return std::nullopt;
  return vir::to_string(map, place, unnamed) + vir::joined_steps(calls_to(map, place, unnamed));
}

namespace {

/// What a program is refused for, if it is.
vir::Diagnostic refusal_of(const vir::Program& program) {
  vir::Diagnostic refusal;
  const auto prepared = vir::prepare(program, nullptr, &refusal);
  if (!prepared) return refusal;
  auto violations = vir::diagnose(*prepared);
  if (!violations.empty()) return std::move(violations.front());
  std::optional<std::uint32_t> refused;
  (void)vir::lower(*prepared, {.refused_at = &refused});
  if (refused) refusal.node = vir::numbered_statements(*prepared)[*refused];
  return refusal;
}

}  // namespace

vir::SourcePlace place_of(const vyre_program& program, const vir::Diagnostic& found) {
  const vir::SourceMap& map = program.places;
  if (found.buffer == vir::kWorkgroupSize) return map.workgroup;
  if (found.buffer < map.buffers.size()) return map.buffers[found.buffer];
  return map.of(found.node, found.expr);
}

Error placed(const vyre_program& program, Error error) {
  const bool about_it = error.code == Errc::refused || error.code == Errc::unsupported;
  if (!about_it || error.line != 0 || program.places.nodes.empty()) return error;
  const vir::SourcePlace place = place_of(program, refusal_of(program.program));
  error.line = place.line;
  error.column = place.column;
  error.message = behind(program.places, place, std::move(error.message));
  return error;
}

Result<vir::Program> checked(const vir::Program& program, Bound& bound) {
  VYRE_ASSIGN(vir::Program prepared, bound.checked(vir::prepare(program, bound.interrupt())));
  VYRE_TRY(bound.checked(vir::validate(prepared, bound.interrupt())));
  return prepared;
}

std::string behind(const vir::SourceMap& map, vir::SourcePlace place, std::string text,
                   std::string_view unnamed) {
  text += vir::joined_steps(calls_to(map, place, unnamed));
  if (place.line == 0 || (map.files[place.file].empty() && unnamed.empty())) return text;
  return message("{}: {}", vir::to_string(map, place, unnamed), text);
}

}  // namespace vyre::abi
