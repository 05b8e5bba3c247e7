// Where the model's decisions come from: a seed, or a systematic search. Both replay exactly.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace vyre::model {

class Chooser {
 public:
  virtual ~Chooser() = default;
  /// One of 0 .. options - 1; 0 is the uneventful choice (go on, read the newest value).
  virtual std::uint32_t thread(std::uint32_t options) = 0;
  virtual std::uint32_t message(std::uint32_t options) = 0;
};

class RandomChooser : public Chooser {
 public:
  explicit RandomChooser(std::uint64_t seed)
      : random_{seed}, switch_one_in_{1 + static_cast<std::uint32_t>(random_() % 4)} {}
  std::uint32_t thread(std::uint32_t options) override {
    return random_() % switch_one_in_ == 0 ? static_cast<std::uint32_t>(random_() % options) : 0;
  }
  std::uint32_t message(std::uint32_t options) override {
    return random_() % 3 == 0 ? static_cast<std::uint32_t>(random_() % options) : 0;
  }

 private:
  std::mt19937_64 random_;
  std::uint32_t switch_one_in_;
};

/// Depth-first through every sequence of decisions with at most `preemptions` switches away from a
/// thread that could go on and at most `stale` reads of an older value.
class SearchChooser : public Chooser {
 public:
  SearchChooser(std::uint32_t preemptions, std::uint32_t stale)
      : preemptions_{preemptions}, stale_{stale} {}

  std::uint32_t thread(std::uint32_t options) override {
    return choose(options, preemptions_left_);
  }
  std::uint32_t message(std::uint32_t options) override { return choose(options, stale_left_); }

  void begin() {
    at_ = 0;
    preemptions_left_ = preemptions_;
    stale_left_ = stale_;
  }
  /// To the next sequence; false when all were tried.
  bool advance() {
    path_.resize(at_);
    while (!path_.empty()) {
      if (++path_.back().taken < path_.back().options) return true;
      path_.pop_back();
    }
    return false;
  }

 private:
  struct Step {
    std::uint32_t taken;
    std::uint32_t options;
  };
  std::uint32_t choose(std::uint32_t options, std::uint32_t& budget) {
    if (options <= 1 || budget == 0) return 0;
    if (at_ == path_.size()) path_.push_back({0, options});
    const std::uint32_t taken = path_[at_++].taken;
    if (taken != 0) --budget;
    return taken;
  }

  std::uint32_t preemptions_;
  std::uint32_t stale_;
  std::uint32_t preemptions_left_{0};
  std::uint32_t stale_left_{0};
  std::vector<Step> path_;
  std::size_t at_{0};
};

}  // namespace vyre::model
