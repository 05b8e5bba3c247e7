// The validator's two doors: all violations, or the first one as an error.
#include "vir/validate/validate.hpp"

#include "base/message.hpp"
#include "checker.hpp"
#include "vir/program/given_up.hpp"

namespace vyre::vir {

namespace {

std::vector<Diagnostic> found_in(const Program& program, Interrupt* interrupt) {
  Form form = check_form(program, interrupt);
  if (!form.broken.empty()) return std::move(form.broken);
  return Checker(program, form, interrupt).run();
}

}  // namespace

std::vector<Diagnostic> diagnose(const Program& program, Interrupt* interrupt) {
  return found_in(program, interrupt);
}

Status validate(const Program& program, Interrupt* interrupt) {
  const std::vector<Diagnostic> found = found_in(program, interrupt);
  if (is_over(interrupt)) return given_up("validated");
  if (found.empty()) return {};
  const Diagnostic& first = found.front();
  std::string text = message("{}: {}", first.code, first.message);
  if (first.statement != kNone) text += message(" (statement {})", first.statement);
  if (found.size() > 1) text += message("; {} more violations", found.size() - 1);
  const int code = std::stoi(first.code.substr(1));
  return tl::unexpected<Error>(Error{Errc::refused, std::move(text), kNoOffset, 0, 0, code});
}

}  // namespace vyre::vir
