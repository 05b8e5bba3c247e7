// See session_life.hpp.
#include "session_life.hpp"

#include <algorithm>

namespace vyre::runtime {

Error SessionLife::closed() const {
  // A backend that is lost closes its queues too.
  auto lost = backend_.lost();
  if (!lost || closing()) return Error{Errc::closed, "the session is closed"};
  lost->message.resize(std::min(lost->message.find('\n'), lost->message.size()));  // not the dump
  return *lost;
}

}  // namespace vyre::runtime
