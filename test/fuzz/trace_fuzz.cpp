// Any bytes as a trace: manifest, records, scan and a replay on the reference with small limits.
// The first byte chooses: 0 the manifest parser; 1 the records as they are; else the records with
// their checks made right, so that the layers behind the check are reached. A trace that scans must
// replay or say why not; nothing may crash, ask for more than the budget or run beyond its fuel.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "fuzz/support.hpp"
#include "trace/format.hpp"
#include "trace/source.hpp"
#include "trace/trace.hpp"

namespace {

using vyre::Bytes;
using vyre::ByteSpan;
namespace trace = vyre::trace;

constexpr std::uint64_t kBudgetBytes{1u << 16};

void fuzz_manifest(ByteSpan text) {
  const auto manifest =
      trace::parse_manifest({reinterpret_cast<const char*>(text.data()), text.size()});
  if (!manifest) return;
  const std::string written = trace::manifest_json(*manifest);
  const auto again = trace::parse_manifest(written);
  if (!again || trace::manifest_json(*again) != written) {
    std::fprintf(stderr, "a manifest that was read does not survive writing:\n%s\n",
                 written.c_str());
    std::abort();
  }
}

/// The records with right checks; what is no record follows as it is.
Bytes mended(ByteSpan records) {
  Bytes bytes = vyre::test::sealed(records);
  bytes.insert(bytes.end(), records.begin(), records.end());
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan rest(data + 1, size - 1);
  if (data[0] == 0) {
    fuzz_manifest(rest);
    return 0;
  }
  trace::MemorySource source;
  source.events_bytes = data[0] == 1 ? Bytes(rest.begin(), rest.end()) : mended(rest);
  source.any_blob = kBudgetBytes;  // digests that lead nowhere give zeros
  source.manifest.session.fuel = 1'000;
  trace::ReplayOptions options;
  options.executor = trace::Executor::reference;
  options.compare = data[0] % 2 == 0 ? trace::Compare::expected : trace::Compare::executor;
  options.memory_budget_bytes = kBudgetBytes;
  const auto result = trace::replay(source, options);
  if (result && options.compare == trace::Compare::executor && result->difference) {
    std::fprintf(stderr, "the reference differs from itself: %s\n",
                 result->difference->message.c_str());
    std::abort();
  }
  return 0;
}
