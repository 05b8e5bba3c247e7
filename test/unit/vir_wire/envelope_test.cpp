// The 40 bytes before the body: what is checked, in which order, and that damage is always noticed.
#include <gtest/gtest.h>

#include "protocol/limits.hpp"
#include "unit/vir_wire/build_program.hpp"

namespace vyre::vir {
namespace {
using namespace testing;

Bytes good() {
  return RawProgram{}.blob();
}

Error error_of(const Bytes& blob, Profile profile = Profile::v4_0_6_3) {
  auto program = decode(blob, {profile});
  if (program) return Error{Errc::internal, "accepted", kNoOffset, 0, 0, 0};
  return program.error();
}

TEST(Envelope, GoodProgramIsAccepted) {
  const auto program = decode(good());
  ASSERT_TRUE(program) << to_string(program.error());
  EXPECT_EQ(program->buffers.size(), 1u);
  EXPECT_EQ(program->entry.count, 1u);
}

TEST(Envelope, EveryPrefixIsRefused) {
  const Bytes blob = good();
  for (std::size_t length = 0; length < blob.size(); ++length) {
    EXPECT_FALSE(decode(ByteSpan(blob).first(length))) << "first " << length << " bytes";
  }
}

TEST(Envelope, EveryPrefixWithTheRightDigestIsRefusedWithAnOffsetInside) {
  const Bytes blob = good();
  for (std::size_t length = 40; length < blob.size(); ++length) {
    Bytes cut(blob.begin(), blob.begin() + static_cast<std::ptrdiff_t>(length));
    rehash(cut);
    const Error error = error_of(cut);
    EXPECT_NE(error.code, Errc::internal) << "first " << length << " bytes were accepted";
    EXPECT_LE(error.offset, length) << to_string(error);
  }
}

TEST(Envelope, AnyChangedBodyBitIsCaughtByTheDigest) {
  const Bytes blob = good();
  for (std::size_t at = 8; at < blob.size(); ++at) {
    Bytes bad = blob;
    bad[at] ^= 0x01;
    const Error error = error_of(bad);
    EXPECT_EQ(error.code, Errc::malformed) << at;
    EXPECT_EQ(error.offset, 8u) << at;
  }
}

TEST(Envelope, OtherVersionsAreAVersionMismatchEvenInATruncatedHeader) {
  for (const std::uint16_t version : {0, 3, 5, 6, 7, 0x0400}) {
    Bytes blob = good();
    blob[4] = static_cast<std::uint8_t>(version);
    blob[5] = static_cast<std::uint8_t>(version >> 8);
    EXPECT_EQ(error_of(blob).code, Errc::version_mismatch) << version;
    blob.resize(6);
    EXPECT_EQ(error_of(blob).code, Errc::version_mismatch) << version;
    EXPECT_EQ(error_of(blob).offset, 4u);
  }
}

TEST(Envelope, WrongMagicIsSaidBeforeAnythingElse) {
  Bytes blob = good();
  blob[0] = 'v';
  blob[4] = 9;
  EXPECT_EQ(error_of(blob).offset, 0u);
  EXPECT_EQ(error_of({}).offset, 0u);
  EXPECT_EQ(error_of(Bytes{'V', 'Y', 'R'}).offset, 0u);
}

TEST(Envelope, OnlyTheOneFlagCombinationIsAccepted) {
  const Bytes body = RawProgram{}.body();
  for (std::uint32_t flags = 0; flags < 0x10000; flags = flags < 64 ? flags + 1 : flags * 2) {
    const Bytes blob = sealed(body, 4, static_cast<std::uint16_t>(flags));
    if (flags == 4) {
      EXPECT_TRUE(decode(blob));
    } else {
      EXPECT_EQ(error_of(blob).offset, 6u) << flags;
    }
  }
}

TEST(Envelope, ABlobOverTheSizeLimitIsRefusedUnread) {
  const Bytes blob(std::size_t{kMaxProgramBytes} + 1);
  EXPECT_EQ(error_of(blob).code, Errc::limit_exceeded);
}

TEST(Envelope, ProfilesAreFoundByTheNamesTheyPrint) {
  for (const Profile profile : {Profile::v4_0_6_3, Profile::v4_0_6_4, Profile::v6}) {
    EXPECT_EQ(parse_profile(profile_name(profile)).value(), profile);
  }
  EXPECT_EQ(parse_profile("v4").error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace vyre::vir
