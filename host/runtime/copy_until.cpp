// See copy_until.hpp.
#include "copy_until.hpp"

#include "base/message.hpp"

namespace vyre::runtime {

Status CopyUntil::go_on(const std::string& what, const std::string& place) const {
  if (told_to_stop()) return fail(Errc::cancelled, message("{} was told to stop {}", what, place));
  if (Clock::now() < deadline) return {};
  return fail(Errc::deadline_exceeded,
              message("{} was cut at the deadline {}; allow more time", what, place));
}

}  // namespace vyre::runtime
