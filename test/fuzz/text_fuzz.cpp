// Text form under hostile bytes: assemble answers or refuses with a place, and what it accepts
// prints and parses back to the same program.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vir/text/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto program = vyre::vir::assemble(text);
  if (!program) {
    if (program.error().line == 0 || program.error().column == 0) std::abort();
    return 0;
  }
  const auto again = vyre::vir::assemble(vyre::vir::disassemble(*program));
  if (!again || !vyre::vir::same_program(*program, *again)) std::abort();
  return 0;
}
