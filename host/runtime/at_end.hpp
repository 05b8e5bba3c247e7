// Something that is done at the end of a scope, however it is left. Host only.
#pragma once

#include <utility>

namespace vyre::runtime {

template <class Action>
class AtEnd {
 public:
  explicit AtEnd(Action action) : action_(std::move(action)) {}
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;
  ~AtEnd() { action_(); }

 private:
  Action action_;
};

}  // namespace vyre::runtime
