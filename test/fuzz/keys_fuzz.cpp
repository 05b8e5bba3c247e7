// Manifests and reports with many keys: objects of thousands of keys, at the top or inside, new or
// repeated ones, behind or before the right ones. There is an answer, it does not depend on keys
// that mean nothing, and the time is in proportion to the text (libFuzzer's -timeout and the
// corpus test's see to that).
#include <string>

#include "fuzz/support.hpp"
#include "report/report.hpp"
#include "trace/source.hpp"

namespace {

using namespace vyre;
using test::require;

/// `"key":value,` so many times; `shared`: how many of them are one and the same key.
std::string keys(std::uint32_t count, std::uint8_t length, std::uint8_t shared,
                 std::uint8_t value) {
  const std::string_view values[]{"0", "null", "[]", "{}", "\"x\"", "[[[0]]]", "1e300"};
  std::string text;
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool same = shared != 0 && i % shared == 0;
    text += "\"" + std::string(length, 'k') + (same ? "" : std::to_string(i)) + "\":";
    text += values[value % std::size(values)];
    text += ",";
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 6) return 0;
  const std::uint32_t count = (data[1] * 256u + data[2]) % 20'000;
  const std::string many = keys(count, data[3], data[4], data[5]);
  const std::string tail(reinterpret_cast<const char*>(data + 6), size - 6);
  const bool manifest = data[0] % 2 == 0;
  std::string plain;
  if (manifest) {
    plain = trace::manifest_json({});
  } else {
    plain = report::to_json({}, -1);
  }
  std::string text;
  switch (data[0] / 2 % 4) {
    case 0:  // in front of the right ones
      text = plain;
      text.insert(text.find('{') + 1, many);
      break;
    case 1:  // in one of its objects
      text = plain;
      if (const auto inner = text.find('{', text.find('{') + 1); inner != std::string::npos)
        text.insert(inner + 1, many);
      break;
    case 2:  // nothing else
      text = "{" + many + "\"end\":0}";
      break;
    default:  // and anything behind them
      text = "{" + many + tail;
      break;
  }
  if (manifest) {
    const auto read = trace::parse_manifest(text);
    if (!read) return 0;
    const std::string written = trace::manifest_json(*read);
    const auto again = trace::parse_manifest(written);
    require(again && trace::manifest_json(*again) == written, "a manifest survives writing");
    if (data[0] / 2 % 4 == 0) require(written == plain, "keys that mean nothing change nothing");
  } else {
    const auto read = report::from_json(text);
    if (!read) return 0;
    const std::string written = report::to_json(*read, -1);
    const auto again = report::from_json(written);
    require(again && report::to_json(*again, -1) == written, "a report survives writing");
  }
  return 0;
}
