// Program: a VIR0 program, read from text or from its wire form. It belongs to no session, never
// changes, and copies share it. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

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

/// The instructions that a program becomes, before or after they are optimised.
enum class Image : std::uint32_t { optimised = 0, not_optimised = VYRE_IMAGE_NOT_OPTIMISED };

class Program {
 public:
  /// Errors have line and column.
  [[nodiscard]] static Result<Program> assemble(std::string_view text, Timeout timeout = {}) {
    vyre_program* made = nullptr;
    const detail::Failed failed{
        vyre_program_assemble(text.data(), text.size(), timeout.ns(), &made)};
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
  detail::SharedProgram program_;
};

}  // namespace vyre::VYRE_V0
