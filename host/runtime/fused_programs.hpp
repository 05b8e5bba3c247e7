// The images of regions that run in one: made from what registered programs bring along, and kept
// for the next plan with a region of the same kind. Host only.
//
// Lock: owns a mutex, under which nothing is made; it is taken with no other lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backend/backend.hpp"
#include "fusion_facts.hpp"
#include "vir/lower/fuse.hpp"

namespace vyre::runtime {

/// What one image depends on.
struct FusedRecipe {
  std::vector<std::uint32_t> ops;
  std::vector<vir::HandOver> handed;
  /// Outputs of which the lanes of the grid store every byte.
  std::vector<vir::HandOver::Place> covered{};
};

class FusedPrograms {
 public:
  /// What is kept at most. What is forgotten is made anew.
  static constexpr std::size_t kPrograms{64};
  static constexpr std::uint64_t kInstructions{std::uint64_t{1} << 20};

  /// `facts`: of the recipe's ops. Null: the programs together are more than an image may be.
  [[nodiscard]] std::shared_ptr<const backend::FusedProgram> get(
      const FusedRecipe& recipe, const std::vector<const FusionFacts*>& facts);
  /// get() makes nothing.
  [[nodiscard]] bool keeps(const FusedRecipe& recipe);

 private:
  using Key = std::vector<std::uint64_t>;
  struct Kept {
    std::shared_ptr<const backend::FusedProgram> program;  // null: there is none
    std::uint64_t instructions{0};
    std::uint64_t used{0};  // of uses_, when it was asked for last
  };
  [[nodiscard]] std::optional<Kept> find(const Key& key);
  void keep(Key key, Kept made);

  std::mutex mutex_;
  std::map<Key, Kept> kept_;
  std::uint64_t instructions_{0};  // of all
  std::uint64_t uses_{0};
};

}  // namespace vyre::runtime
