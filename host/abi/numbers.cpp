// See numbers.hpp.
#include "numbers.hpp"

namespace vyre::abi {

Error not_of_session(const char* what, std::uint64_t bits, std::uint32_t tag) {
  const Number number = Number::of(bits);
  if (bits == 0 || number.tag == 0) {
    return {Errc::invalid_argument, "the " + std::string(what) + " is " + std::to_string(bits) +
                                        ", which no call gave out; one is needed here"};
  }
  return {Errc::invalid_argument, std::string(what) + ' ' + std::to_string(number.index) +
                                      " belongs to session " + std::to_string(number.tag) +
                                      ", and the call was made on session " + std::to_string(tag) +
                                      "; use it with its own session"};
}

}  // namespace vyre::abi
