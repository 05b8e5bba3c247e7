// See numbers.hpp.
#include "numbers.hpp"

#include "base/message.hpp"

namespace vyre::abi {
namespace {

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::op:
      return "op";
    case Kind::buffer:
      return "buffer";
    case Kind::queue:
      return "queue of the ticket";
    case Kind::none:
      break;
  }
  return "number";
}

}  // namespace

Error not_a(Kind kind, std::uint64_t bits, std::uint32_t tag) {
  const Number number = Number::of(bits);
  const char* needed = name_of(kind);
  if (number.tag == 0 || number.kind == Kind::none) {
    return {Errc::invalid_argument,
            message("the {} is {}, which no call gave out; one is needed here", needed, bits)};
  }
  if (number.kind == kind) {
    return {Errc::invalid_argument, message("{} {} belongs to session {}, and the call was made on "
                                            "session {}; use it with its own session",
                                            needed, number.index, number.tag, tag)};
  }
  return {Errc::invalid_argument,
          message("{} {} of session {} was given where {} {} of session {} is needed",
                  name_of(number.kind), number.index, number.tag, kind == Kind::op ? "an" : "a",
                  needed, tag)};
}

}  // namespace vyre::abi
