#include "vyre/cpu/interpreter.hpp"
namespace vyre::cpu {
class Interpreter::Impl {};
Interpreter::Interpreter() = default;
Interpreter::~Interpreter() = default;
Interpreter::Interpreter(Interpreter&&) noexcept = default;
Interpreter& Interpreter::operator=(Interpreter&&) noexcept = default;
core::RunResult Interpreter::run(const core::Image&, std::span<const core::BufferView>, const core::Grid&,
                                 core::WorkgroupSpan, std::uint64_t) {
  core::RunResult r;
  r.fault.code = FaultCode::bad_operation;
  return r;
}
std::string_view Interpreter::variant() { return "baseline"; }
}  // namespace vyre::cpu
