// manifest.json: round trip and refusals.
#include <gtest/gtest.h>

#include "trace/source.hpp"

namespace vyre::trace {
namespace {

Manifest sealed() {
  Manifest m;
  m.complete = true;
  m.recorded_at = "2026-11-22T16:00:00Z";
  m.build = "0.1.0";
  m.host = "a \"host\"";
  m.session.queues = 3;
  m.session.ring_slots = 64;
  m.session.fuel = 1'000;
  m.session.memory_budget_bytes = ~std::uint64_t{0};
  m.items = 10'000'000;
  m.programs = 1;
  m.buffers = 2;
  m.events_bytes = 32;
  m.events_digest = blake3({});
  return m;
}

std::string edited(const std::string& what, const std::string& with) {
  std::string text = manifest_json(sealed());
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  if (at != std::string::npos) text.replace(at, what.size(), with);
  return text;
}

TEST(TraceManifest, ComesBackAsItWasWritten) {
  const auto back = parse_manifest(manifest_json(sealed()));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(manifest_json(*back), manifest_json(sealed()));
  const auto open = parse_manifest(manifest_json(Manifest{}));
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_FALSE(open->complete);
  EXPECT_FALSE(open->items);
}

TEST(TraceManifest, UnknownKeysAreAccepted) {
  EXPECT_TRUE(parse_manifest(edited("\"complete\"", "\"later\": {}, \"complete\"")));
}

TEST(TraceManifest, WhatIsWrongIsNamed) {
  const auto expect = [](const std::string& text, Errc code, const std::string& part) {
    const auto bad = parse_manifest(text);
    ASSERT_FALSE(bad) << text;
    EXPECT_EQ(bad.error().code, code);
    EXPECT_NE(bad.error().message.find(part), std::string::npos) << bad.error().message;
  };
  expect(edited("vyre.trace/1", "vyre.trace/2"), Errc::version_mismatch, "vyre.trace/2");
  expect(edited("\"queues\": 3", "\"queues\": 65"), Errc::malformed, "/session/queues");
  expect(edited("\"queues\": 3", "\"queues\": 0"), Errc::malformed, "/session/queues");
  expect(edited("\"queues\": 3", "\"queues\": -3"), Errc::malformed, "/session/queues");
  expect(edited("\"items\": 10000000", "\"items\": null"), Errc::malformed, "items");
  expect(edited("\"bytes\": 32", "\"bytes\": 1e3"), Errc::malformed, "/events/bytes");
  expect(edited("\"blake3\": \"af", "\"blake3\": \"zz"), Errc::malformed, "/events/blake3");
  expect(edited("\"blake3\": \"af", "\"blake3\": \""), Errc::malformed, "/events/blake3");
  expect(edited("\"complete\": true", "\"complete\": 1"), Errc::malformed, "/complete");
  expect("{}", Errc::malformed, "/schema");
  expect("[1]", Errc::malformed, "object");
  expect(std::string(100'000, '['), Errc::limit_exceeded, "deep");
  expect("{\"schema\": \"\xFF\"}", Errc::malformed, "JSON");
  const std::string text = manifest_json(sealed());
  for (std::size_t cut = 0; cut + 2 < text.size(); ++cut)
    EXPECT_FALSE(parse_manifest(text.substr(0, cut))) << cut;
}

}  // namespace
}  // namespace vyre::trace
