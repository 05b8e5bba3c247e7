// Programs: text and wire forms, verdicts, fingerprints. See program.hpp.
#include "program.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "blob.hpp"
#include "guard.hpp"
#include "session.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::abi {
namespace {

Result<vir::Profile> profile_of(std::uint32_t profile) {
  switch (profile) {
    case VYRE_PROFILE_V4_0_6_3:
      return vir::Profile::v4_0_6_3;
    case VYRE_PROFILE_V4_0_6_4:
      return vir::Profile::v4_0_6_4;
    case VYRE_PROFILE_V6:
      return vir::Profile::v6;
    default:
      return fail(Errc::invalid_argument,
                  message("profile {} is unknown; use a VYRE_PROFILE_ constant", profile));
  }
}

Interrupt until(vyre_ns timeout) {
  const Deadline deadline = deadline_after(timeout, kDefaultTimeout);
  return Interrupt([deadline] { return Clock::now() >= deadline; });
}

/// Everything that is wrong with it, or else everything that is suspicious.
std::vector<vir::Diagnostic> diagnosed(const vir::Program& program) {
  const auto prepared = vir::prepare(program);
  if (!prepared) return {vir::diagnostic_of(prepared.error())};
  auto violations = vir::diagnose(*prepared);
  return violations.empty() ? vir::warnings_of_valid(*prepared) : violations;
}

}  // namespace
}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_program_assemble(const char* text, uint64_t size, vyre_ns timeout,
                                  vyre_program** program) {
  return guarded("vyre_program_assemble", [&]() -> Status {
    VYRE_TRY(given_array(text, size, "text"));
    VYRE_TRY(given(program, "program"));
    Interrupt interrupt = until(timeout);
    VYRE_ASSIGN(vir::Program read,
                vir::assemble(std::string_view(text, size), nullptr, &interrupt));
    *program = new vyre_program(std::move(read));
    return {};
  });
}

vyre_error* vyre_program_decode(const void* wire, uint64_t size, uint32_t profile, vyre_ns timeout,
                                vyre_program** program) {
  return guarded("vyre_program_decode", [&]() -> Status {
    VYRE_TRY(given_array(wire, size, "wire"));
    VYRE_TRY(given(program, "program"));
    VYRE_ASSIGN(const vir::Profile known, profile_of(profile));
    Interrupt interrupt = until(timeout);
    VYRE_ASSIGN(vir::Program read,
                vir::decode({static_cast<const std::uint8_t*>(wire), size}, {known, &interrupt}));
    *program = new vyre_program(std::move(read));
    return {};
  });
}

vyre_error* vyre_program_encode(const vyre_program* program, uint32_t profile, vyre_ns timeout,
                                vyre_blob** wire) {
  return guarded("vyre_program_encode", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(wire, "wire"));
    VYRE_ASSIGN(const vir::Profile known, profile_of(profile));
    Interrupt interrupt = until(timeout);
    VYRE_ASSIGN(const Bytes bytes, vir::encode(program->program, known, &interrupt));
    *wire = make_blob(bytes);
    return {};
  });
}

vyre_error* vyre_program_print(const vyre_program* program, vyre_blob** text) {
  return guarded("vyre_program_print", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(text, "text"));
    *text = make_blob(vir::disassemble(program->program));
    return {};
  });
}

vyre_error* vyre_program_verify(const vyre_program* program, vyre_ns timeout) {
  return guarded("vyre_program_verify", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    Interrupt interrupt = until(timeout);
    VYRE_ASSIGN(const vir::Program prepared, vir::prepare(program->program, &interrupt));
    return vir::validate(prepared, &interrupt);
  });
}

vyre_error* vyre_program_diagnose(const vyre_program* program, vyre_blob** json) {
  return guarded("vyre_program_diagnose", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(json, "json"));
    JsonWriter rows;
    rows.begin_array();
    for (const vir::Diagnostic& d : diagnosed(program->program)) {
      rows.begin_object().member("code", d.code).key("statement");
      if (d.statement != vir::kNone) {
        rows.value(d.statement);
      } else {
        rows.value(nullptr);
      }
      rows.member("message", d.message).end_object();
    }
    *json = make_blob(std::move(rows.end_array()).text());
    return {};
  });
}

vyre_error* vyre_program_fingerprint(const vyre_program* program, uint32_t profile, vyre_ns timeout,
                                     uint8_t* fingerprint) {
  return guarded("vyre_program_fingerprint", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(fingerprint, "fingerprint"));
    VYRE_ASSIGN(const vir::Profile known, profile_of(profile));
    Interrupt interrupt = until(timeout);
    VYRE_ASSIGN(const Digest digest, vir::fingerprint(program->program, known, &interrupt));
    std::copy(digest.bytes.begin(), digest.bytes.end(), fingerprint);
    return {};
  });
}

vyre_program* vyre_program_retain(vyre_program* program) {
  if (program != nullptr) program->counted.retain();
  return program;
}

void vyre_program_free(vyre_program* program) {
  if (program != nullptr && program->counted.release()) delete program;
}
