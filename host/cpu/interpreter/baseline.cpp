// The interpreter core for baseline machines; compile flags in CMakeLists.txt.
#include "variant.hpp"

namespace vyre::cpu {
namespace {
struct Baseline {};
}  // namespace

core::RunResult run_baseline(const RunRequest& request) {
  return Variant<Baseline>::run(request);
}

}  // namespace vyre::cpu
