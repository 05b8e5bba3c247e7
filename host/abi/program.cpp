// Programs: text and wire forms, verdicts, fingerprints. See program.hpp.
#include "program.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "blob.hpp"
#include "bound.hpp"
#include "guard.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::abi {
namespace {

constexpr std::pair<std::uint32_t, vir::Profile> kProfiles[]{
    {VYRE_PROFILE_V4_0_6_3, vir::Profile::v4_0_6_3},
    {VYRE_PROFILE_V4_0_6_4, vir::Profile::v4_0_6_4},
    {VYRE_PROFILE_V6, vir::Profile::v6}};

Result<vir::Profile> profile_of(std::uint32_t profile) {
  for (const auto& [number, known] : kProfiles) {
    if (number == profile) return known;
  }
  return fail(Errc::invalid_argument,
              message("profile {} is unknown; use a VYRE_PROFILE_ constant", profile));
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

const char* vyre_profile_name(uint32_t profile) {
  for (const auto& [number, known] : kProfiles) {
    if (number == profile) return vir::profile_name(known).data();  // a literal, so it ends with 0
  }
  return "unknown";
}

vyre_error* vyre_profile_find(const char* name, uint32_t* profile) {
  return guarded("vyre_profile_find", [&]() -> Status {
    VYRE_TRY(given(name, "name"));
    VYRE_TRY(given(profile, "profile"));
    VYRE_ASSIGN(const vir::Profile found, vir::parse_profile(name));
    for (const auto& [number, known] : kProfiles) {
      if (known == found) *profile = number;
    }
    return {};
  });
}

vyre_error* vyre_program_assemble(const char* text, uint64_t size, vyre_ns timeout,
                                  vyre_program** program) {
  return guarded("vyre_program_assemble", [&]() -> Status {
    VYRE_TRY(given_array(text, size, "text"));
    VYRE_TRY(given(program, "program"));
    Bound bound(timeout);
    VYRE_ASSIGN(vir::Program read, bound.checked(vir::assemble(std::string_view(text, size),
                                                               nullptr, bound.interrupt())));
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
    Bound bound(timeout);
    VYRE_ASSIGN(vir::Program read,
                bound.checked(vir::decode({static_cast<const std::uint8_t*>(wire), size},
                                          {known, bound.interrupt()})));
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
    Bound bound(timeout);
    VYRE_ASSIGN(const Bytes bytes,
                bound.checked(vir::encode(program->program, known, bound.interrupt())));
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

vyre_error* vyre_program_print_image(const vyre_program* program, uint32_t flags, vyre_ns timeout,
                                     vyre_blob** text) {
  return guarded("vyre_program_print_image", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(text, "text"));
    if ((flags & ~static_cast<std::uint32_t>(VYRE_IMAGE_NOT_OPTIMISED)) != 0) {
      return fail(Errc::unsupported,
                  message("flags {} are not all known: VYRE_IMAGE_NOT_OPTIMISED is", flags));
    }
    Bound bound(timeout);
    VYRE_ASSIGN(const vir::Program prepared,
                bound.checked(vir::prepare(program->program, bound.interrupt())));
    VYRE_TRY(bound.checked(vir::validate(prepared, bound.interrupt())));
    VYRE_ASSIGN(const core::Image image,
                bound.checked(vir::lower(prepared, {flags == 0, bound.interrupt()})));
    *text = make_blob(vir::disassemble_image(image));
    return {};
  });
}

vyre_error* vyre_program_equal(const vyre_program* one, const vyre_program* other, bool* equal) {
  return guarded("vyre_program_equal", [&]() -> Status {
    VYRE_TRY(given(one, "one"));
    VYRE_TRY(given(other, "other"));
    VYRE_TRY(given(equal, "equal"));
    *equal = vir::same_program(one->program, other->program);
    return {};
  });
}

vyre_error* vyre_program_verify(const vyre_program* program, vyre_ns timeout) {
  return guarded("vyre_program_verify", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    Bound bound(timeout);
    VYRE_ASSIGN(const vir::Program prepared,
                bound.checked(vir::prepare(program->program, bound.interrupt())));
    return bound.checked(vir::validate(prepared, bound.interrupt()));
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
    Bound bound(timeout);
    VYRE_ASSIGN(const Digest digest,
                bound.checked(vir::fingerprint(program->program, known, bound.interrupt())));
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
