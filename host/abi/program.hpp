// The program object: a decoded VIR0 program that never changes. Host only; any thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "object.hpp"
#include "vir/lower/watch.hpp"
#include "vir/program/program.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {

class Bound;

/// Where the statements of a program's text lie, by number.
struct StatementPlaces {
  vir::SourceMap map;  // files and calls alone
  std::vector<vir::SourcePlace> statements;

  [[nodiscard]] vir::SourcePlace of(std::uint32_t statement) const noexcept {
    return statement < statements.size() ? statements[statement] : vir::SourcePlace{};
  }
  /// The place and the calls of fns that led there; none where it is not known.
  [[nodiscard]] std::optional<std::string> words_of(std::uint32_t statement,
                                                    std::string_view unnamed = {}) const;
};

/// What a program that is watched writes down (vyre_program_watch()).
struct WatchTable {
  vir::Watched watched;
  std::vector<vir::Watch> watches;
  std::vector<std::string> texts;                // of each watch, as it was given
  std::vector<std::vector<std::string>> places;  // of each, of each of its statements, in words
};

}  // namespace vyre::abi

struct vyre_program {
  explicit vyre_program(vyre::vir::Program read, vyre::vir::SourceMap where = {},
                        std::shared_ptr<const vyre::abi::WatchTable> watched = nullptr)
      : program(std::move(read)), places(std::move(where)), watches(std::move(watched)) {}

  vyre::abi::Counted counted;
  const vyre::vir::Program program;
  const vyre::vir::SourceMap places;  // of its text; empty where it has none
  const std::shared_ptr<const vyre::abi::WatchTable> watches;  // null: it is not watched

  /// Made once, for those who outlive the program too; null where it has no text.
  [[nodiscard]] std::shared_ptr<const vyre::abi::StatementPlaces> statements() const;

 private:
  mutable std::once_flag placed_;
  mutable std::shared_ptr<const vyre::abi::StatementPlaces> statements_;
};

namespace vyre::abi {

/// The place of a finding about the program; line 0: it is not known.
[[nodiscard]] vir::SourcePlace place_of(const vyre_program& program, const vir::Diagnostic& found);
/// The error with the place that it is about, where the program has a text: of a program that was
/// prepared, validated or lowered and refused.
[[nodiscard]] Error placed(const vyre_program& program, Error error);
template <class T>
[[nodiscard]] Result<T> placed(const vyre_program& program, Result<T> result) {
  if (result) return result;
  return tl::unexpected<Error>(placed(program, std::move(result).error()));
}
/// `text` with the place in front, if that is known and its file has a name, and behind it the
/// calls of fns that led there. `unnamed` stands for a text without a name.
[[nodiscard]] std::string behind(const vir::SourceMap& map, vir::SourcePlace place,
                                 std::string text, std::string_view unnamed = {});
/// The program as it runs, or why it does not.
[[nodiscard]] Result<vir::Program> checked(const vir::Program& program, Bound& bound);

using ProgramReference = Reference<vyre_program, vyre_program_free>;

}  // namespace vyre::abi
