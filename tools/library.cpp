#include "library.hpp"

#include <algorithm>
#include <stdexcept>

#include "base/message.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {

Error error_of(const v0::Error& error) {
  if (error.code == v0::Code::cancelled && platform::stop_asked())
    return platform::interrupted().value();
  // Both number the same codes, the library from 1.
  return {static_cast<Errc>(static_cast<std::int32_t>(error.code) - 1),
          error.message,
          error.offset,
          error.line,
          error.column,
          error.detail};
}

Status taken(const v0::Result<void>& result) {
  if (!result) return tl::unexpected<Error>(error_of(result.error()));
  return {};
}

v0::Timeout left_until(Deadline deadline) {
  if (deadline == Deadline::max()) return v0::Timeout::forever();
  return v0::Timeout(deadline - Clock::now());
}

std::uint64_t limit(std::string_view name) {
  const auto all = v0::limits().value();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const v0::Limit& one) { return one.name == name; });
  if (found == all.end()) throw std::out_of_range(message("the library has no limit '{}'", name));
  return found->value;
}

std::string to_string(const v0::TextPlace& place) {
  return message("{}:{}:{}", place.file, place.line, place.column);
}

Error error_of(const v0::ItemResult& result, const std::optional<v0::Program>& program) {
  if (result.status != v0::ItemStatus::faulted)
    return {Errc::cancelled, result.code_name(), kNoOffset, 0, 0, 0};
  // No lane of a program met these: the item did not run.
  const bool at_lane = program && result.code != VYRE_FAULT_BAD_BINDING &&
                       result.code != VYRE_FAULT_UNKNOWN_OP &&
                       result.code != VYRE_FAULT_UNKNOWN_HANDLE;
  if (!at_lane) return {Errc::faulted, result.code_name(), kNoOffset, 0, 0, 0};
  Error error{Errc::faulted,
              message("{} at workgroup {}, lane {}, statement {}", result.code_name(),
                      result.workgroup, result.lane, result.statement),
              kNoOffset,
              0,
              0,
              0};
  const auto found = program->place(result.statement);
  if (!found || !*found) return error;
  const v0::TextPlace& place = **found;
  error.message = message("{}: {}", to_string(place), error.message);
  error.line = place.line;
  error.column = place.column;
  return error;
}

Result<v0::Executor> executor_of(const std::string& name, std::string_view what,
                                 std::string_view others) {
  for (const auto& [text, executor] :
       {std::pair{"reference", v0::Executor::reference}, std::pair{"cpu", v0::Executor::cpu},
        std::pair{"cuda", v0::Executor::cuda}, std::pair{"jit", v0::Executor::jit}}) {
    if (name == text) return executor;
  }
  return fail(Errc::invalid_argument,
              message("{} '{}' is unknown; use {}reference, cpu, cuda or jit", what, name, others));
}

}  // namespace vyre::cli
