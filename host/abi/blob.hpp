// Bytes and text that the library gives to a caller. Host only.
#pragma once

#include <string>

#include "base/bytes.hpp"
#include "vyre/vyre.h"

struct vyre_blob {
  std::string bytes;  // has a zero byte at its end
};

namespace vyre::abi {

[[nodiscard]] inline vyre_blob* make_blob(std::string text) {
  return new vyre_blob{std::move(text)};
}
[[nodiscard]] inline vyre_blob* make_blob(ByteSpan bytes) {
  return new vyre_blob{{reinterpret_cast<const char*>(bytes.data()), bytes.size()}};
}

}  // namespace vyre::abi
