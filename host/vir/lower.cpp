#include "vyre/vir/lower.hpp"
namespace vyre::vir {
Result<core::Image> lower(const Program&, const LowerOptions&) {
  return fail(Errc::unsupported, "lowering is not built yet");
}
std::string disassemble_image(const core::Image&) { return {}; }
}  // namespace vyre::vir
