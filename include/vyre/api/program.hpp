// Program: a VIR0 program, read from text or from its wire form. It belongs to no session, never
// changes, and copies share it. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/api/timeout.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// The three layouts of the wire form.
enum class Profile : std::uint32_t {
  v4_0_6_3 = VYRE_PROFILE_V4_0_6_3,
  v4_0_6_4 = VYRE_PROFILE_V4_0_6_4,
  v6 = VYRE_PROFILE_V6,
};
/// "v4-0.6.3"
[[nodiscard]] inline const char* name(Profile profile) {
  return vyre_profile_name(static_cast<std::uint32_t>(profile));
}
[[nodiscard]] inline Result<Profile> find_profile(const std::string& name) {
  std::uint32_t profile = 0;
  const detail::Failed failed{vyre_profile_find(name.c_str(), &profile)};
  if (failed) return failed.error();
  return static_cast<Profile>(profile);
}

/// Where something begins in the text of a program.
struct TextPlace {
  std::string file;  // the name of the text or of a file that it includes; empty: it has none
  std::uint32_t line{0};
  std::uint32_t column{0};  // in characters; both from 1
};

/// A finding about a program.
struct Diagnostic {
  std::string code;                        // of a violation "V008" or "prepare"; "W001"
  std::optional<std::uint32_t> statement;  // in pre-order, from 0; none: the whole program
  std::string message;
  std::optional<TextPlace> place;  // none: not known, as for every program that was read from wire
  [[nodiscard]] bool is_warning() const { return code.starts_with('W'); }
};

/// What a declared buffer is to an item.
enum class Role : std::uint32_t {
  read = VYRE_ROLE_READ,
  read_write = VYRE_ROLE_READ_WRITE,
  output = VYRE_ROLE_OUTPUT,
  workgroup = VYRE_ROLE_WORKGROUP,
};
/// A declared buffer. An item's input names the buffers that take bytes, its output the others.
struct ProgramBuffer {
  std::string name;
  Role role{Role::read};
  std::uint32_t element{0};        // VYRE_ELEMENT_...
  std::uint64_t count{0};          // declared elements; 0: its size is decided at run time
  std::uint64_t least_bytes{0};    // that so many elements need
  std::uint64_t element_bytes{0};  // of one element in memory; 0: the type has no size
  std::uint64_t length_bits{8};    // see length_of()
  bool has_result{false};          // the result is this part, if the buffer has so many bytes:
  std::uint64_t result_begin{0};
  std::uint64_t result_end{0};

  [[nodiscard]] bool takes_bytes() const { return role == Role::read || role == Role::read_write; }
  [[nodiscard]] bool is_result() const { return role == Role::read_write || role == Role::output; }
  /// Its length to the program, if it has so many bytes.
  [[nodiscard]] std::uint64_t length_of(std::uint64_t bytes) const {
    return length_bits < 8 ? bytes * (8 / length_bits) : bytes / (length_bits / 8);
  }
  /// The part of `bytes` that is the result.
  [[nodiscard]] std::span<const std::uint8_t> result_of(std::span<const std::uint8_t> bytes) const {
    if (!has_result || result_begin > result_end || result_end > bytes.size()) return bytes;
    return bytes.subspan(static_cast<std::size_t>(result_begin),
                         static_cast<std::size_t>(result_end - result_begin));
  }
};

/// How a text is read.
struct TextOptions {
  std::string name{};                   // messages and places name it; empty: they name no file
  std::optional<std::string> folder{};  // where `include` looks; none: it is refused
};

/// The instructions that a program becomes, before or after they are optimised, or as PTX.
enum class Image : std::uint32_t {
  optimised = 0,
  not_optimised = VYRE_IMAGE_NOT_OPTIMISED,
  ptx = VYRE_IMAGE_PTX
};

class Program {
 public:
  /// Errors have line and column.
  [[nodiscard]] static Result<Program> assemble(std::string_view text, Timeout timeout = {}) {
    return assemble(text, TextOptions{}, timeout);
  }
  [[nodiscard]] static Result<Program> assemble(std::string_view text, const TextOptions& options,
                                                Timeout timeout = {}) {
    vyre_text_options c = VYRE_INIT(vyre_text_options);
    if (!options.name.empty()) c.name = options.name.c_str();
    if (options.folder) c.folder = options.folder->c_str();
    vyre_program* made = nullptr;
    const detail::Failed failed{
        vyre_program_read_text(text.data(), text.size(), &c, timeout.ns(), &made)};
    if (failed) return failed.error();
    return Program(made);
  }
  /// Errors have an offset.
  [[nodiscard]] static Result<Program> decode(std::span<const std::uint8_t> wire,
                                              Profile profile = Profile::v4_0_6_3,
                                              Timeout timeout = {}) {
    vyre_program* made = nullptr;
    const detail::Failed failed{vyre_program_decode(
        wire.data(), wire.size(), static_cast<std::uint32_t>(profile), timeout.ns(), &made)};
    if (failed) return failed.error();
    return Program(made);
  }

  [[nodiscard]] Result<Blob> encode(Profile profile = Profile::v4_0_6_3,
                                    Timeout timeout = {}) const {
    vyre_blob* blob = nullptr;
    const detail::Failed failed{
        vyre_program_encode(get(), static_cast<std::uint32_t>(profile), timeout.ns(), &blob)};
    if (failed) return failed.error();
    return Blob(blob);
  }
  /// The text form; assembling it gives the same program.
  [[nodiscard]] Result<Blob> print() const {
    vyre_blob* blob = nullptr;
    const detail::Failed failed{vyre_program_print(get(), &blob)};
    if (failed) return failed.error();
    return Blob(blob);
  }
  /// What the interpreters execute for it, an instruction a line: for people, in no fixed form.
  [[nodiscard]] Result<Blob> print_image(Image image = Image::optimised,
                                         Timeout timeout = {}) const {
    vyre_blob* blob = nullptr;
    const detail::Failed failed{
        vyre_program_print_image(get(), static_cast<std::uint32_t>(image), timeout.ns(), &blob)};
    if (failed) return failed.error();
    return Blob(blob);
  }
  /// Whether it is the same in everything, also where the wire form loses something.
  [[nodiscard]] Result<bool> equals(const Program& other) const {
    bool equal = false;
    const detail::Failed failed{vyre_program_equal(get(), other.get(), &equal)};
    if (failed) return failed.error();
    return equal;
  }
  /// Success if the program may run; else Code::refused with the first violation.
  [[nodiscard]] Result<void> verify(Timeout timeout = {}) const {
    return detail::status(vyre_program_verify(get(), timeout.ns()));
  }
  /// Every violation, or if there is none every warning, as JSON (vyre_program_diagnose).
  [[nodiscard]] Result<Blob> diagnose() const {
    vyre_blob* blob = nullptr;
    const detail::Failed failed{vyre_program_diagnose(get(), &blob)};
    if (failed) return failed.error();
    return Blob(blob);
  }
  /// Every violation, or if there is none every warning, in program order.
  [[nodiscard]] Result<std::vector<Diagnostic>> examine(Timeout timeout = {}) const {
    return collect(&vyre_program_examine, timeout);
  }
  /// Whether it can be compiled for a device, and why: the class, "A", "B" or "C", is the code of
  /// each reason.
  [[nodiscard]] Result<std::vector<Diagnostic>> explain(Timeout timeout = {}) const {
    return collect(&vyre_program_explain, timeout);
  }
  /// Where a statement begins in the text, by its number in results and findings; none where that
  /// is not known, as of every program that was read from wire.
  [[nodiscard]] Result<std::optional<TextPlace>> place(std::uint32_t statement) const {
    vyre_text_place c = VYRE_INIT(vyre_text_place);
    const detail::Failed failed{vyre_program_place(get(), statement, &c)};
    if (failed) return failed.error();
    return c.line == 0 ? std::nullopt : std::optional(TextPlace{c.file, c.line, c.column});
  }
  /// The files that the text was read from, as they were named: its own (empty: it has no name),
  /// then those that it includes.
  [[nodiscard]] std::vector<std::string> sources() const {
    std::vector<std::string> all;
    while (const char* const name = vyre_program_source(get(), all.size())) all.emplace_back(name);
    return all;
  }
  /// The program that also writes down when lanes reach statements: see vyre_program_watch().
  [[nodiscard]] Result<Program> watch(const std::vector<std::string>& watches,
                                      std::uint32_t records = 0, Timeout timeout = {}) const {
    const std::vector<const char*> texts = detail::c_strings(watches);
    vyre_program* made = nullptr;
    const detail::Failed failed{
        vyre_program_watch(get(), texts.data(), texts.size(), records, timeout.ns(), &made)};
    if (failed) return failed.error();
    return Program(made);
  }
  /// What an item of a watched program has written down, a line for each record and as JSON.
  /// `buffers`: of those whose names begin with "vyre.watch", in order.
  struct Watched {
    Blob text;
    Blob json;
  };
  [[nodiscard]] Result<Watched> watched(
      std::span<const std::span<const std::uint8_t>> buffers) const {
    std::vector<vyre_span> spans;
    spans.reserve(buffers.size());
    for (const auto& one : buffers) spans.push_back({one.data(), one.size()});
    vyre_blob* text = nullptr;
    vyre_blob* json = nullptr;
    const detail::Failed failed{
        vyre_program_watched(get(), spans.data(), spans.size(), &text, &json)};
    if (failed) return failed.error();
    return Watched{Blob(text), Blob(json)};
  }
  /// The declared buffers, in order.
  [[nodiscard]] Result<std::vector<ProgramBuffer>> buffers() const {
    std::vector<ProgramBuffer> all;
    for (;;) {
      vyre_program_buffer c = VYRE_INIT(vyre_program_buffer);
      const detail::Failed failed{vyre_program_describe_buffer(get(), all.size(), &c)};
      if (failed && vyre_error_code(failed.get()) == VYRE_NOT_FOUND) return all;
      if (failed) return failed.error();
      all.push_back({std::string(c.name, static_cast<std::size_t>(c.name_bytes)),
                     static_cast<Role>(c.role), c.element, c.count, c.least_bytes, c.element_bytes,
                     c.length_bits, c.has_result != 0, c.result_begin, c.result_end});
    }
  }
  /// The workgroups in x, y and z of an item whose declared buffers have so many bytes; `param` as
  /// in Item.
  [[nodiscard]] Result<std::array<std::uint32_t, 3>> grid(std::span<const std::uint64_t> bytes,
                                                          std::uint32_t param = 0) const {
    std::array<std::uint32_t, 3> grid{};
    const detail::Failed failed{
        vyre_program_grid(get(), bytes.data(), bytes.size(), param, grid.data())};
    if (failed) return failed.error();
    return grid;
  }
  /// Equal programs have equal fingerprints.
  [[nodiscard]] Result<std::array<std::uint8_t, 32>> fingerprint(
      Profile profile = Profile::v4_0_6_3, Timeout timeout = {}) const {
    std::array<std::uint8_t, 32> digest{};
    const detail::Failed failed{vyre_program_fingerprint(get(), static_cast<std::uint32_t>(profile),
                                                         timeout.ns(), digest.data())};
    if (failed) return failed.error();
    return digest;
  }

  [[nodiscard]] vyre_program* get() const noexcept { return program_.get(); }

 private:
  explicit Program(vyre_program* owned) : program_(owned) {}
  [[nodiscard]] Result<std::vector<Diagnostic>> collect(decltype(&vyre_program_examine) from,
                                                        Timeout timeout) const {
    std::vector<Diagnostic> found;
    const vyre_diagnosed keep = [](void* context, const vyre_diagnostic* d) {
      const bool whole = d->statement == UINT32_MAX;
      // A library of an earlier release gives no place.
      const bool placed = d->struct_size >= sizeof(vyre_diagnostic) && d->line != 0;
      static_cast<std::vector<Diagnostic>*>(context)->push_back(
          {d->code, whole ? std::nullopt : std::optional(d->statement), d->message,
           placed ? std::optional(TextPlace{d->file, d->line, d->column}) : std::nullopt});
    };
    const detail::Failed failed{from(get(), timeout.ns(), keep, &found)};
    if (failed) return failed.error();
    return found;
  }
  detail::SharedProgram program_;
};

}  // namespace vyre::VYRE_V0
