// The interpreter core for avx512 machines; compile flags in CMakeLists.txt.
#include "variant.hpp"

namespace vyre::cpu {
namespace {
struct Avx512 {};
}  // namespace

core::RunResult run_avx512(const RunRequest& request) {
  return Variant<Avx512>::run(request);
}

}  // namespace vyre::cpu
