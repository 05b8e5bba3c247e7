// The interpreter core for avx2 machines; compile flags in CMakeLists.txt.
#include "variant.hpp"

namespace vyre::cpu {
namespace {
struct Avx2 {};
}  // namespace

core::RunResult run_avx2(const RunRequest& request) {
  return Variant<Avx2>::run(request);
}

}  // namespace vyre::cpu
