// The first pass over recorded events, and a manifest: four times the records take at most six
// times as long.
#include <gtest/gtest.h>

#include "support/growth.hpp"
#include "trace/scan.hpp"
#include "unit/trace/support.hpp"

namespace vyre::trace {
namespace {

using test::RawEvents;

void judge(void (*shape)(RawEvents&, std::uint32_t), std::uint32_t n) {
  MemorySource small;
  MemorySource large;
  for (auto [source, count] : {std::pair{&small, n}, std::pair{&large, 4 * n}}) {
    RawEvents events;
    shape(events, count);
    source->events_bytes = events.bytes();
  }
  const auto pass = [](MemorySource& source) {
    const auto found = scan(source, std::uint64_t{1} << 30);
    EXPECT_TRUE(found) << to_string(found.error());
  };
  vyre::test::expect_near_linear(
      "scan", [&] { pass(small); }, [&] { pass(large); });
}

TEST(TraceGrowth, ManyItemsTakeNoLongerEachThanFew) {
  judge(
      [](RawEvents& events, std::uint32_t n) {
        for (std::uint32_t i = 0; i < n; ++i) events.submit();
        events.done(0, n);
      },
      20'000);
}

TEST(TraceGrowth, ItemsThatEndInAnyOrderTakeNoLongerEachThanFew) {
  judge(
      [](RawEvents& events, std::uint32_t n) {
        for (std::uint32_t i = 0; i < n; ++i) events.submit();
        for (std::uint32_t i = 0; i < n; i += 2) events.done(i, 1);
        for (std::uint32_t i = n | 1u; i-- > 1;) {
          if (i % 2 == 1) events.done(i, 1);
        }
      },
      10'000);
}

TEST(TraceGrowth, ManyBuffersTakeNoLongerEachThanFew) {
  judge(
      [](RawEvents& events, std::uint32_t n) {
        for (std::uint32_t handle = 1; handle <= n; ++handle) events.zeros(handle, 16);
        for (std::uint32_t handle = 1; handle <= n; ++handle) events.submit(1, 0, handle);
        events.done(0, n);
      },
      10'000);
}

TEST(TraceGrowth, ManyKeysOfAManifestTakeNoLongerEachThanFew) {
  const auto keys = [](std::size_t n) {
    std::string text = "{\"schema\":\"vyre.trace/1\"";
    for (std::size_t k = 0; k < n; ++k) text += ",\"k" + std::to_string(k) + "\":0";
    return text + "}";
  };
  const std::string small = keys(10'000);
  const std::string large = keys(40'000);
  const auto refused = [](const std::string& text) { EXPECT_FALSE(parse_manifest(text)); };
  vyre::test::expect_near_linear(
      "manifest", [&] { refused(small); }, [&] { refused(large); });
}

}  // namespace
}  // namespace vyre::trace
