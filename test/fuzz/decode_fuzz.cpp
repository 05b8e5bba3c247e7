// Any bytes under every profile: decode never crashes, and what it accepts survives encode and
// decode. The first byte chooses whether the digest is recomputed, so that mutations reach the
// body.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "vir/wire/wire.hpp"

namespace {

void require(bool holds, const char* promise, vyre::vir::Profile profile) {
  if (holds) return;
  std::fprintf(stderr, "broken promise (%s): %s\n",
               std::string(vyre::vir::profile_name(profile)).c_str(), promise);
  std::abort();
}

std::uint32_t canonical_f32(std::uint32_t bits) {
  const std::uint32_t exponent = bits >> 23 & 0xFFu;
  if (exponent == 0xFF && (bits & 0x7F'FFFFu) != 0) return 0x7FC0'0000u;
  return exponent == 0 ? 0 : bits;
}

void round_trip(vyre::ByteSpan blob, vyre::vir::Profile profile) {
  using namespace vyre::vir;
  const auto program = decode(blob, {profile});
  if (!program) {
    require(!program.error().message.empty(), "a rejection says why", profile);
    return;
  }
  const auto again = encode(*program, profile);
  if (!again) return;
  Program canonical = *program;  // the one thing that an encoder changes: the bits of f32 literals
  for (Expr& e : canonical.exprs) {
    if (e.tag == ExprTag::LitF32) e.bits = canonical_f32(e.bits);
  }
  const auto back = decode(*again, {profile});
  require(back.has_value(), "what was decoded and encoded decodes again", profile);
  const auto third = encode(*back, profile);
  require(third.has_value() && *third == *again, "encoding is a fixed point", profile);
  require(same_program(canonical, *back), "a round trip keeps the program", profile);
  require(fingerprint(*program, profile).value() == fingerprint(*back, profile).value(),
          "a round trip keeps the fingerprint", profile);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  vyre::Bytes blob(data + 1, data + size);
  if ((data[0] & 1) == 0 && blob.size() >= 40) {
    const vyre::Digest digest = vyre::blake3(vyre::ByteSpan(blob).subspan(40));
    std::memcpy(blob.data() + 8, digest.bytes.data(), digest.bytes.size());
  }
  for (const auto profile :
       {vyre::vir::Profile::v4_0_6_3, vyre::vir::Profile::v4_0_6_4, vyre::vir::Profile::v6}) {
    round_trip(blob, profile);
  }
  return 0;
}
