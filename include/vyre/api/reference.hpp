// Reference: one program on the reference executor, the judge of all others. Slow, without threads:
// items run one after another on the caller's thread. One thread at a time; another gets
// Code::busy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/api/program.hpp"
#include "vyre/api/report_options.hpp"
#include "vyre/api/timeout.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// Zero means the default, as in vyre_reference_options.
struct ReferenceOptions {
  std::string name{};  // of the program, in messages and reports
  std::uint64_t fuel{0};
  std::uint32_t param{0};
  bool check_races{false};  // items whose lanes race for memory have no results
};

class Reference {
 public:
  /// Verifies the program.
  [[nodiscard]] static Result<Reference> of(const Program& program,
                                            const ReferenceOptions& options = {},
                                            Timeout timeout = {}) {
    vyre_reference_options c = VYRE_INIT(vyre_reference_options);
    if (!options.name.empty()) c.name = options.name.c_str();
    c.fuel = options.fuel;
    c.param = options.param;
    c.check_races = options.check_races ? 1 : 0;
    vyre_reference* made = nullptr;
    const detail::Failed failed{vyre_reference_new(program.get(), &c, timeout.ns(), &made)};
    if (failed) return failed.error();
    return Reference(made);
  }

  /// Runs an item on the bytes of each buffer that takes some, in declaration order. Gives the
  /// results in that order, which are views until the next run. A fault is Code::faulted, and so is
  /// a race where they are looked for; last() has its place.
  [[nodiscard]] Result<std::vector<std::span<const std::uint8_t>>> run(
      std::span<const std::span<const std::uint8_t>> inputs, Timeout timeout = {}) {
    std::vector<vyre_span> c;
    c.reserve(inputs.size());
    for (const auto& input : inputs) c.push_back({input.data(), input.size()});
    last_ = VYRE_INIT(vyre_reference_result);
    const detail::Failed failed{
        vyre_reference_run(reference_.get(), c.data(), c.size(), timeout.ns(), &last_)};
    if (failed) return failed.error();
    std::vector<std::span<const std::uint8_t>> outputs;
    outputs.reserve(last_.output_count);
    for (std::size_t i = 0; i < last_.output_count; ++i) {
      outputs.emplace_back(static_cast<const std::uint8_t*>(last_.outputs[i].data),
                           static_cast<std::size_t>(last_.outputs[i].size));
    }
    return outputs;
  }
  /// How the last item ended.
  [[nodiscard]] const vyre_reference_result& last() const noexcept { return last_; }

  /// What the items came to, as Session::report_json() says it.
  [[nodiscard]] Result<Blob> report_json(const ReportOptions& options) const {
    return detail::report_json(options, [this](const vyre_report_options* c, vyre_blob** json) {
      return vyre_reference_report(reference_.get(), c, json);
    });
  }

 private:
  explicit Reference(vyre_reference* owned) : reference_(owned) {}

  detail::Owner<vyre_reference, vyre_reference_free> reference_;
  vyre_reference_result last_ = VYRE_INIT(vyre_reference_result);
};

}  // namespace vyre::VYRE_V0
