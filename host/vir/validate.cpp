// The validator's two doors: all violations, or the first one as an error.
#include "vyre/vir/validate.hpp"

#include "given_up.hpp"
#include "validate_checker.hpp"

namespace vyre::vir {

std::vector<Diagnostic> diagnose(const Program& program) {
  Form form = check_form(program);
  if (!form.broken.empty()) return std::move(form.broken);
  return Checker(program, form).run();
}

Status validate(const Program& program, Interrupt* interrupt) {
  const Form form = check_form(program, interrupt);
  const std::vector<Diagnostic> found =
      form.broken.empty() ? Checker(program, form, interrupt).run() : form.broken;
  if (is_over(interrupt)) return given_up("validated");
  if (found.empty()) return {};
  const Diagnostic& first = found.front();
  std::string message = first.code + ": " + first.message;
  if (first.statement != kNone) message += " (statement " + std::to_string(first.statement) + ")";
  if (found.size() > 1) message += "; " + std::to_string(found.size() - 1) + " more violations";
  const int code = std::stoi(first.code.substr(1));
  return tl::unexpected<Error>(Error{Errc::refused, std::move(message), kNoOffset, 0, 0, code});
}

}  // namespace vyre::vir
