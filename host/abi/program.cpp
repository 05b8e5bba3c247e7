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
#include "jit/jit.hpp"
#include "platform/file.hpp"
#include "protocol/limits.hpp"
#include "structures.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
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
Result<std::vector<vir::Diagnostic>> diagnosed(const vir::Program& program,
                                               Interrupt* interrupt = nullptr) {
  const auto over = [interrupt] { return interrupt != nullptr && interrupt->over(); };
  const auto late = [] {
    return fail(Errc::deadline_exceeded,
                "the program was not checked when its time was up; allow more, or split it");
  };
  vir::Diagnostic refusal{"prepare", vir::kNone, {}};
  const auto prepared = vir::prepare(program, interrupt, &refusal);
  if (over()) return late();
  if (!prepared) {
    if (refusal.message.empty()) refusal.message = prepared.error().message;
    return std::vector{std::move(refusal)};
  }
  auto violations = vir::diagnose(*prepared, interrupt);
  if (over()) return late();
  return violations.empty() ? vir::warnings_of_valid(*prepared) : violations;
}

Result<core::Image> image_of(const vir::Program& program, bool optimise, Bound& bound) {
  VYRE_ASSIGN(const vir::Program prepared, checked(program, bound));
  return bound.checked(vir::lower(prepared, {optimise, bound.interrupt()}));
}

Result<std::string> included(const std::string& folder, const std::string& path) {
  VYRE_ASSIGN(
      const Bytes bytes,
      platform::read_file(folder.empty() ? path : message("{}/{}", folder, path), kMaxTextBytes));
  return std::string(bytes.begin(), bytes.end());
}

std::uint32_t public_role(vir::BufferRole role) noexcept {
  switch (role) {
    case vir::BufferRole::read:
      return VYRE_ROLE_READ;
    case vir::BufferRole::read_write:
      return VYRE_ROLE_READ_WRITE;
    case vir::BufferRole::allocated:
      return VYRE_ROLE_OUTPUT;
    case vir::BufferRole::workgroup:
      break;
  }
  return VYRE_ROLE_WORKGROUP;
}

Result<vyre_program_buffer> described(const vir::Program& program, const vir::BufferDecl& buffer) {
  const std::string& name = program.name(buffer.name);
  vyre_program_buffer to{};
  to.role = public_role(vir::role_of(buffer));
  to.element = static_cast<std::uint32_t>(program.types[buffer.element].tag);
  to.name = name.c_str();
  to.name_bytes = name.size();
  to.count = buffer.count;
  VYRE_ASSIGN(to.least_bytes, vir::required_bytes(program, buffer));
  to.element_bytes = vir::size_bytes(program, buffer.element);
  to.length_bits = vir::length_bits(program, buffer);
  if (buffer.output_byte_range) {
    to.has_result = 1;
    to.result_begin = buffer.output_byte_range->start;
    to.result_end = buffer.output_byte_range->end;
  }
  return to;
}

/// Hands a finding to a callback, with the calls of fns that led to its place.
void hand_over(const vir::Diagnostic& d, vir::SourcePlace at, const vir::SourceMap& places,
               vyre_diagnosed each, void* context) {
  static_assert(vir::kNone == UINT32_MAX);
  const std::string text = d.message + vir::joined_steps(calls_to(places, at));
  const vyre_diagnostic shown{
      sizeof(vyre_diagnostic),      d.statement, d.code.c_str(), text.c_str(), at.line, at.column,
      places.files[at.file].c_str()};
  each(context, &shown);
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
  return vyre_program_read_text(text, size, nullptr, timeout, program);
}

vyre_error* vyre_program_read_text(const char* text, uint64_t size,
                                   const vyre_text_options* options, vyre_ns timeout,
                                   vyre_program** program) {
  return guarded("vyre_program_read_text", [&]() -> Status {
    VYRE_TRY(given_array(text, size, "text"));
    VYRE_TRY(given(program, "program"));
    VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_text_options"));
    Bound bound(timeout);
    vir::TextOptions how{wanted.name == nullptr ? "" : wanted.name, bound.interrupt()};
    if (wanted.folder != nullptr) {
      how.folder = wanted.folder;
      how.read = [&how](const std::string& path) { return included(how.folder, path); };
    }
    vir::SourceMap places;
    VYRE_ASSIGN(vir::Program read,
                bound.checked(vir::assemble(std::string_view(text, size), how, &places)));
    *program = new vyre_program(std::move(read), std::move(places));
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
    constexpr std::uint32_t kKnown{VYRE_IMAGE_NOT_OPTIMISED | VYRE_IMAGE_PTX};
    if ((flags & ~kKnown) != 0) {
      return fail(Errc::unsupported,
                  message("flags {} are not all known: VYRE_IMAGE_NOT_OPTIMISED and VYRE_IMAGE_PTX "
                          "are",
                          flags));
    }
    Bound bound(timeout);
    const bool optimise = (flags & VYRE_IMAGE_NOT_OPTIMISED) == 0;
    VYRE_ASSIGN(const core::Image image,
                placed(*program, image_of(program->program, optimise, bound)));
    const bool ptx = (flags & VYRE_IMAGE_PTX) != 0;
    *text = make_blob(ptx ? jit::print(image) : vir::disassemble_image(image));
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
    VYRE_TRY(placed(*program, checked(program->program, bound)));
    return {};
  });
}

vyre_error* vyre_program_diagnose(const vyre_program* program, vyre_blob** json) {
  return guarded("vyre_program_diagnose", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(json, "json"));
    VYRE_ASSIGN(const auto found, diagnosed(program->program));
    JsonWriter rows;
    rows.begin_array();
    for (const vir::Diagnostic& d : found) {
      rows.begin_object().member("code", d.code).key("statement");
      if (d.statement != vir::kNone) {
        rows.value(d.statement);
      } else {
        rows.value(nullptr);
      }
      const vir::SourcePlace at = place_of(*program, d);
      rows.member("message", d.message + vir::joined_steps(calls_to(program->places, at)));
      if (const std::string& file = program->places.files[at.file]; at.line != 0 && !file.empty())
        rows.member("file", file);
      if (at.line != 0) rows.member("line", at.line).member("column", at.column);
      rows.end_object();
    }
    *json = make_blob(std::move(rows.end_array()).text());
    return {};
  });
}

vyre_error* vyre_program_examine(const vyre_program* program, vyre_ns timeout, vyre_diagnosed each,
                                 void* context) {
  return guarded("vyre_program_examine", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(reinterpret_cast<const void*>(each), "each"));
    Bound bound(timeout);
    VYRE_ASSIGN(const auto found, bound.checked(diagnosed(program->program, bound.interrupt())));
    for (const vir::Diagnostic& d : found) {
      const vir::SourcePlace at = place_of(*program, d);
      hand_over(d, at, program->places, each, context);
    }
    return {};
  });
}

vyre_error* vyre_program_explain(const vyre_program* program, vyre_ns timeout, vyre_diagnosed each,
                                 void* context) {
  return guarded("vyre_program_explain", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(reinterpret_cast<const void*>(each), "each"));
    Bound bound(timeout);
    const auto image = image_of(program->program, true, bound);
    // What has no image is run by the reference executor alone.
    if (!image && image.error().code != Errc::unsupported)
      return tl::unexpected(placed(*program, image.error()));
    static_assert(jit::kWholeProgram == vir::kNone);
    const jit::Verdict verdict =
        image ? jit::classify(*image)
              : jit::Verdict{jit::Class::c, {{jit::kWholeProgram, image.error().message}}};
    const std::string code(1, jit::letter(verdict.kind));
    const auto all = program->statements();
    for (const jit::Reason& reason : verdict.reasons) {
      const bool whole = reason.statement == jit::kWholeProgram || all == nullptr;
      const vir::SourcePlace at = whole ? vir::SourcePlace{} : all->of(reason.statement);
      hand_over({code, reason.statement, reason.text}, at, program->places, each, context);
    }
    return {};
  });
}

const char* vyre_program_source(const vyre_program* program, uint64_t index) {
  if (program == nullptr || index >= program->places.files.size()) return nullptr;
  return program->places.files[index].c_str();
}

vyre_error* vyre_program_place(const vyre_program* program, uint32_t statement,
                               vyre_text_place* place) {
  return guarded("vyre_program_place", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(place, "place"));
    VYRE_TRY(check_output(place, "vyre_text_place"));
    const auto all = program->statements();
    const vir::SourcePlace at = all == nullptr ? vir::SourcePlace{} : all->of(statement);
    vyre_text_place found{};
    found.line = at.line;
    found.column = at.column;
    found.file = program->places.files[at.file].c_str();
    write_output(place, found);
    return {};
  });
}

vyre_error* vyre_program_describe_buffer(const vyre_program* program, size_t index,
                                         vyre_program_buffer* buffer) {
  return guarded("vyre_program_describe_buffer", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(buffer, "buffer"));
    VYRE_TRY(check_output(buffer, "vyre_program_buffer"));
    const vir::Program& read = program->program;
    if (index >= read.buffers.size()) {
      return fail(Errc::not_found, message("the program declares {} buffers, from 0 on; {} is none",
                                           read.buffers.size(), index));
    }
    VYRE_ASSIGN(const vyre_program_buffer found, described(read, read.buffers[index]));
    write_output(buffer, found);
    return {};
  });
}

vyre_error* vyre_program_grid(const vyre_program* program, const uint64_t* bytes, size_t count,
                              uint32_t param, uint32_t* grid) {
  return guarded("vyre_program_grid", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given_array(bytes, count, "bytes"));
    VYRE_TRY(given(grid, "grid"));
    const std::size_t declared = program->program.buffers.size();
    if (count != declared) {
      return fail(Errc::invalid_argument,
                  message("the program declares {} buffers, and there are {} sizes; give one for "
                          "each, 0 for workgroup buffers",
                          declared, count));
    }
    VYRE_ASSIGN(const vir::Grid found, param != 0
                                           ? vir::grid_for(program->program, param)
                                           : vir::infer_grid(program->program, {bytes, count}));
    std::copy(found.begin(), found.end(), grid);
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
