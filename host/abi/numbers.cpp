// See numbers.hpp.
#include "numbers.hpp"

#include "base/message.hpp"

namespace vyre::abi {

Error not_of_session(const char* what, std::uint64_t bits, std::uint32_t tag) {
  const Number number = Number::of(bits);
  if (bits == 0 || number.tag == 0) {
    return {Errc::invalid_argument,
            message("the {} is {}, which no call gave out; one is needed here", what, bits)};
  }
  return {Errc::invalid_argument, message("{} {} belongs to session {}, and the call was made on "
                                          "session {}; use it with its own session",
                                          what, number.index, number.tag, tag)};
}

}  // namespace vyre::abi
