// A call that a caller asked for, and that is made once, when no lock is held. Host only.
#pragma once

#include <vector>

namespace vyre::runtime {

struct DoneCall {
  void (*function)(void*){nullptr};
  void* context{nullptr};
};

inline void make_calls(const std::vector<DoneCall>& calls) {
  for (const DoneCall& call : calls) call.function(call.context);
}

}  // namespace vyre::runtime
