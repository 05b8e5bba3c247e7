// match.literals over a large text, cut into units that several workers search side by side. A unit
// is read from as many bytes earlier as the longest pattern has, less one, and counts what ends
// behind its own first byte: so each hit is found once, and the hits of the units behind each other
// are those of the whole text in their order. Host only. Spec: docs/internals/builtin-ops.md,
// "Pieces".
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "builtin/literals_layout.hpp"
#include "literal_search.hpp"
#include "split_ops.hpp"

namespace vyre::cpu {

class LiteralUnits final : public SplitOp {
 public:
  /// Null: the text is short, the blob breaks its rules, or there is no memory. `search`: of the
  /// blob, where its bytes never change; may be null.
  [[nodiscard]] static std::unique_ptr<LiteralUnits> of(std::span<const builtin::Buffer> inputs,
                                                        std::span<const builtin::Buffer> outputs,
                                                        builtin::LiteralMatcher* search,
                                                        const builtin::StopWord& stop) noexcept;

  [[nodiscard]] std::uint32_t phases() const noexcept override { return 3; }
  [[nodiscard]] std::uint64_t units(std::uint32_t phase) const noexcept override {
    return phase == 1 ? 1 : found_.size();
  }
  void run(std::uint32_t phase, std::uint64_t unit) noexcept override;

  /// A unit has too many hits, or there was no memory for them. Nothing was written then.
  [[nodiscard]] bool gave_up() const noexcept { return gave_up_.load(std::memory_order_relaxed); }
  /// That of a unit: the blob breaks a rule, or it was stopped. Nothing was written then.
  [[nodiscard]] FaultCode fault() const noexcept { return fault_.load(std::memory_order_relaxed); }

 private:
  struct Found {
    std::vector<builtin::LiteralHit> hits;
    std::uint64_t before{0};  // hits of the units before
  };

  LiteralUnits(ByteSpan text, ByteSpan blob, MutableByteSpan out, builtin::LiteralMatcher* search,
               const builtin::StopWord& stop, std::uint64_t longest);
  void find(std::uint64_t unit);
  void add_up() noexcept;
  void put(const Found& found) noexcept;

  const ByteSpan text_;
  const ByteSpan blob_;
  const MutableByteSpan out_;
  builtin::LiteralMatcher* const search_;
  const builtin::StopWord stop_;
  const std::uint64_t longest_;
  const std::uint64_t unit_bytes_;
  std::vector<Found> found_;  // by unit
  // Relaxed: what units left is read when their phase is over.
  std::atomic<bool> gave_up_{false};
  std::atomic<FaultCode> fault_{FaultCode::none};
};

}  // namespace vyre::cpu
