#include "base/error.hpp"

#include "base/message.hpp"

namespace vyre {

std::string_view errc_name(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::malformed:
      return "malformed";
    case Errc::version_mismatch:
      return "version_mismatch";
    case Errc::limit_exceeded:
      return "limit_exceeded";
    case Errc::refused:
      return "refused";
    case Errc::unsupported:
      return "unsupported";
    case Errc::not_found:
      return "not_found";
    case Errc::io:
      return "io";
    case Errc::out_of_memory:
      return "out_of_memory";
    case Errc::queue_full:
      return "queue_full";
    case Errc::deadline_exceeded:
      return "deadline_exceeded";
    case Errc::closed:
      return "closed";
    case Errc::faulted:
      return "faulted";
    case Errc::cancelled:
      return "cancelled";
    case Errc::mismatch:
      return "mismatch";
    case Errc::device_lost:
      return "device_lost";
    case Errc::internal:
      return "internal";
    case Errc::wall_time:
      return "wall_time";
    case Errc::busy:
      return "busy";
  }
  return "unknown";
}

std::string to_string(const Error& error) {
  std::string text{errc_name(error.code)};
  text += ": ";
  text += error.message;
  if (error.line != 0) {
    // A message that begins with FILE:LINE:COLUMN says it already.
    const std::string place = message(":{}:{}: ", error.line, error.column);
    if (error.message.find(place) == std::string::npos)
      text += message(" (line {}, column {})", error.line, error.column);
  } else if (error.offset != kNoOffset) {
    text += message(" (at offset {})", error.offset);
  }
  return text;
}

}  // namespace vyre
