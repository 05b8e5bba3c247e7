// Finds data races among the accesses of one dispatch as the reference executor makes them. Host
// only, one thread, one object a dispatch. It is told of accesses and barriers and knows nothing of
// values, so that it can be tested alone. Spec: docs/internals/vir0-semantics.md, "Data races".
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "races.hpp"

namespace vyre::reference {

/// What the detector has to know of the memory behind one declared buffer.
struct Watched {
  std::uint32_t memory{0};   // buffers with the same number share their bytes
  std::uint32_t granule{1};  // every access begins and ends at a multiple of so many bytes
  bool in_workgroup{false};  // begins anew with every workgroup
  bool watched{true};        // false: nothing writes it, and it is passed over
};

class RaceDetector {
 public:
  /// `buffers` by declaration index. Notes at most `max_shadow_bytes`.
  explicit RaceDetector(std::vector<Watched> buffers, std::uint64_t max_shadow_bytes);

  /// Workgroups run one after another; each has another number.
  void begin_workgroup(std::uint32_t linear);
  /// All lanes that have not ended wait at a barrier: what they did is ordered before what they do.
  void pass_barrier();
  /// `bytes` may be 0. Out-of-bounds accesses touch nothing and are not told.
  void touch(std::uint32_t buffer, std::uint64_t offset, std::uint64_t bytes, const Access& access);

  [[nodiscard]] const Races& races() const { return found_; }

 private:
  /// One access as a cell remembers it. `site` is 0 where there is none.
  struct Mark {
    std::uint32_t workgroup{0};
    std::uint32_t site{0};
    std::uint16_t lane{0};
    AccessKind kind{AccessKind::read};
  };
  /// What one lane did to a cell since the last barrier: its last read, and its last write or
  /// atomic (a write stays when an atomic follows: it conflicts with more).
  struct Party {
    Mark read;
    Mark change;
  };
  /// The history of one granule, as far as an access to come can race with it. As long as no race
  /// was found here, this little is exact:
  /// - another workgroup: the first read, and the first change, where a write replaces an atomic.
  ///   Workgroups run one after another, so the first one's stands for all earlier ones;
  /// - another lane of this workgroup: what the first two lanes did since the last barrier. If a
  ///   third lane did something too, then all three only read, or only had atomics.
  struct Cell {
    Mark read;
    Mark change;
    Party first;
    Party second;
    std::uint64_t epoch{0};  // when `first` and `second` are from
  };
  static constexpr std::size_t kCellsPerBlock{64};
  struct Block {
    Cell cells[kCellsPerBlock];
  };
  struct Memory {
    std::uint32_t granule{0};
    bool in_workgroup{false};
    std::unordered_map<std::uint64_t, std::unique_ptr<Block>> blocks;
    std::uint64_t last_number{~std::uint64_t{0}};  // the block that was asked for last
    Block* last{nullptr};
  };

  [[nodiscard]] Block* block(Memory& memory, std::uint64_t number);
  void touch_cell(Cell& cell, const Memory& memory, std::uint32_t buffer, std::uint64_t offset,
                  const Mark& mark);
  [[nodiscard]] const Mark* conflict(const Cell& cell, const Memory& memory,
                                     const Mark& mark) const;
  void note(Cell& cell, const Mark& mark) const;
  void report(std::uint32_t buffer, std::uint64_t offset, const Mark& earlier, const Mark& later);
  [[nodiscard]] std::uint32_t site_of(const Access& access, std::uint32_t buffer);
  [[nodiscard]] Access access_of(const Mark& mark) const;

  struct Site {
    vir::NodeId node;
    vir::ExprId expr;
    std::uint32_t buffer;
  };

  std::vector<Watched> buffers_;
  std::vector<Memory> memories_;  // by Watched::memory
  const std::uint64_t max_shadow_bytes_;
  std::uint64_t shadow_bytes_{0};
  std::uint64_t epoch_{0};  // of workgroups and barriers; 0: before the first
  std::uint32_t workgroup_{0};
  std::vector<Site> sites_;  // a mark's site is the index here plus 1
  std::map<std::tuple<vir::NodeId, vir::ExprId, std::uint32_t>, std::uint32_t> site_numbers_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> pairs_;  // sites to `found_.list`
  Races found_;
};

}  // namespace vyre::reference
