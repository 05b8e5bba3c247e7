// See session_tags.hpp.
#include "session_tags.hpp"

#include <bitset>
#include <mutex>

#include "base/message.hpp"
#include "numbers.hpp"

namespace vyre::abi {
namespace {

struct Tags {
  std::mutex mutex;
  std::bitset<kMaxTag + 1> taken;
  std::uint32_t last{0};
};
Tags& tags() {
  static Tags all;
  return all;
}

}  // namespace

Result<std::uint32_t> take_session_tag() {
  Tags& all = tags();
  const std::lock_guard lock(all.mutex);
  for (std::uint32_t tried = 0; tried < kMaxTag; ++tried) {
    all.last = all.last % kMaxTag + 1;
    if (all.taken[all.last]) continue;
    all.taken[all.last] = true;
    return all.last;
  }
  return fail(
      Errc::limit_exceeded,
      message("this process has {} sessions, as many as handles can name; free some", kMaxTag));
}

void give_back_session_tag(std::uint32_t tag) noexcept {
  Tags& all = tags();
  const std::lock_guard lock(all.mutex);
  all.taken[tag] = false;
}

}  // namespace vyre::abi
