// A question asked now and then in long work: is it still wanted? Who has a deadline or a stop word
// makes one and lends it to what it calls; this room knows no clock. Host only, one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace vyre {

class Interrupt {
 public:
  /// Steps between two questions: far below a millisecond of any work that counts them.
  static constexpr std::uint32_t kStepsBetweenLooks{1'024};

  explicit Interrupt(std::function<bool()> wanted_no_more) : asked_(std::move(wanted_no_more)) {}

  /// Counts a step of the work. True once the work is not wanted any more; then it stays so.
  [[nodiscard]] bool step() {
    if (over_ || ++steps_ % kStepsBetweenLooks != 0) return over_;
    over_ = asked_();
    return over_;
  }
  [[nodiscard]] bool over() const noexcept { return over_; }

 private:
  std::function<bool()> asked_;
  std::uint32_t steps_{0};
  bool over_{false};
};

}  // namespace vyre
