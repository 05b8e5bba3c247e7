// What an op is to its callers: its buffers, and how large its outputs have to be. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// One buffer of an op.
struct OpBuffer {
  std::string name;
  std::uint64_t least_bytes{0};   // 0: its size is decided at run time
  bool read_write{false};         // an input that the program writes in place
  std::uint64_t result_begin{0};  // the part of an output that holds results; both 0: all of it
  std::uint64_t result_end{0};
  std::uint32_t element{0};  // VYRE_ELEMENT_... of a built-in op's buffer; 0 for a program
};
struct OpInfo {
  std::string name;
  bool builtin{false};
  std::vector<OpBuffer> inputs;
  std::vector<OpBuffer> outputs;
  std::string meaning{};  // what a built-in op does, a sentence; empty for a program
  std::string param{};    // what an item's param means to it; empty: it must be 0, or is ignored
};

/// How large an output has to be.
struct OutputSize {
  enum class Kind : std::uint32_t {
    exact = VYRE_SIZE_EXACT,      // so many bytes are needed and filled
    at_most = VYRE_SIZE_AT_MOST,  // so many bytes always suffice; data decides how many are used
    unknown = VYRE_SIZE_UNKNOWN,  // the op takes a buffer of any size from so many bytes on
  };
  std::uint64_t bytes{0};
  Kind kind{Kind::exact};
};

}  // namespace vyre::VYRE_V0
