// VIR0 wire codec: versions 4 (two profiles) and 6. Host only; no validation beyond the format
// itself. Spec: docs/internals/vir0.md, "Wire".
#pragma once

#include <string_view>

#include "base/digest.hpp"
#include "base/interrupt.hpp"
#include "vir/program/program.hpp"

namespace vyre::vir {

/// Which layout a blob has where the version number does not say (expression tag 17 of version 4).
enum class Profile : std::uint8_t { v4_0_6_3, v4_0_6_4, v6 };
[[nodiscard]] std::string_view profile_name(Profile profile) noexcept;  // "v4-0.6.3", ...
[[nodiscard]] Result<Profile> parse_profile(std::string_view name);

struct DecodeOptions {
  /// Version-4 blobs are read under this profile; v6 here reads versions 4 (0.6.4 layout), 5 and 6.
  Profile profile{Profile::v4_0_6_3};
  Interrupt* interrupt{nullptr};  // asked all along; Errc::deadline_exceeded where it said so
};

/// Decodes a whole blob. Every rejection names the offset and the reason.
[[nodiscard]] Result<Program> decode(ByteSpan blob, const DecodeOptions& options = {});

/// Encodes under `profile`. Refuses what the format's encoder refuses (docs/internals/vir0.md), by
/// name.
[[nodiscard]] Result<Bytes> encode(const Program& program, Profile profile = Profile::v4_0_6_3,
                                   Interrupt* interrupt = nullptr);

/// BLAKE3 of the encoding of the canonicalised program: the cache identity of a program.
[[nodiscard]] Result<Digest> fingerprint(const Program& program,
                                         Profile profile = Profile::v4_0_6_3,
                                         Interrupt* interrupt = nullptr);
[[nodiscard]] Program canonicalised(const Program& program);

}  // namespace vyre::vir
