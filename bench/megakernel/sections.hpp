// The sections of megakernel_bench. Each runs in a process of its own and adds its rows to the
// sink; an error ends the section, not the bench. Spec: docs/internals/benchmarking.md.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "support/rows.hpp"

namespace vyre::bench {

struct Settings {
  bool cpu{false};    // the CPU backend: to try the bench itself where there is no device
  bool quick{false};  // a hundredth of the work: numbers without meaning
  [[nodiscard]] std::uint64_t scaled(std::uint64_t work) const noexcept {
    return quick ? (work + 99) / 100 : work;
  }
};

[[nodiscard]] Status round_trip_section(const Settings&, const RowSink&);
[[nodiscard]] Status no_op_section(const Settings&, const RowSink&);
[[nodiscard]] Status tiny_section(const Settings&, const RowSink&);
[[nodiscard]] Status polynomial_section(const Settings&, const RowSink&);
[[nodiscard]] Status scaling_section(const Settings&, const RowSink&);
[[nodiscard]] Status copy_section(const Settings&, const RowSink&);
[[nodiscard]] Status first_result_section(const Settings&, const RowSink&);
[[nodiscard]] Status idle_section(const Settings&, const RowSink&);
[[nodiscard]] Status compiled_section(const Settings&, const RowSink&);
[[nodiscard]] Status builtin_section(const Settings&, const RowSink&);

struct Section {
  std::string_view letter;
  std::string_view name;
  Status (*run)(const Settings&, const RowSink&);
};
inline constexpr std::array<Section, 10> kSections{{
    {"a", "round_trip", round_trip_section},
    {"b", "no_op", no_op_section},
    {"c", "tiny", tiny_section},
    {"d", "polynomial", polynomial_section},
    {"e", "scaling", scaling_section},
    {"f", "copy", copy_section},
    {"g", "first_result", first_result_section},
    {"h", "idle", idle_section},
    {"i", "native", builtin_section},
    {"j", "compiled", compiled_section},
}};

}  // namespace vyre::bench
