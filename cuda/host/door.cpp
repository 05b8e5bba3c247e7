// Doors that load no code. See door.hpp.
#include "cuda/host/door.hpp"

#include "base/message.hpp"

namespace vyre::cuda {

Result<std::vector<std::uint64_t>> Door::load_code(ByteSpan, std::uint32_t) {
  return fail(Errc::unsupported, "this door to a device loads no code");
}

Status Door::put_word(std::uint8_t*, std::uint64_t) {
  return fail(Errc::unsupported, "this door to a device writes no words");
}

}  // namespace vyre::cuda
