// How values flow through the registers of a flat image, as far as fusing asks: what runs once with
// all lanes on, and up to where a register keeps what an instruction left in it. Host only, private
// to lowering. Spec: docs/internals/image.md, "Fused images".
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/image.hpp"

namespace vyre::vir::lowering {

class MemberFlow {
 public:
  /// Of a finished image, whose words of values are never part of another value.
  explicit MemberFlow(const core::Image& image);

  /// In front of `straight_end`, every instruction of a frame runs once, with all lanes on.
  [[nodiscard]] bool is_straight(std::uint32_t at) const noexcept { return at < straight_end_; }
  /// The register that one straight instruction sets to the lane's id, and nothing else writes.
  [[nodiscard]] std::optional<std::uint16_t> lane_id() const noexcept { return lane_id_; }
  /// `at` sets one word, `reg`, on every lane. The last instruction that may read it, where what
  /// lies behind reads another value; nullopt: that is not known.
  [[nodiscard]] std::optional<std::uint32_t> last_read(std::uint32_t at, std::uint16_t reg) const;
  /// The instruction that set the word which the straight instruction `at` reads, on every lane.
  [[nodiscard]] std::optional<std::uint32_t> set_by(std::uint32_t at, std::uint16_t reg) const;

 private:
  struct Writes {
    std::uint32_t count{0};
    std::uint32_t last{0};
  };
  [[nodiscard]] bool writes(std::uint32_t at, std::uint16_t reg) const noexcept;

  const core::Image& image_;
  std::uint32_t straight_end_{0};
  std::optional<std::uint16_t> lane_id_;
  std::vector<bool> joins_;     // by instruction: another one than that before it may come first
  std::vector<Writes> writes_;  // by vector register
};

}  // namespace vyre::vir::lowering
