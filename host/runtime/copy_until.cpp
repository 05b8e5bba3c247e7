// See copy_until.hpp.
#include "copy_until.hpp"

namespace vyre::runtime {

Status CopyUntil::go_on(const std::string& what, const std::string& place) const {
  if (told_to_stop()) return fail(Errc::cancelled, what + " was told to stop " + place);
  if (Clock::now() < deadline) return {};
  return fail(Errc::deadline_exceeded,
              what + " was cut at the deadline " + place + "; allow more time");
}

}  // namespace vyre::runtime
