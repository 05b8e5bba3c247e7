// What the validator accepts never writes outside its buffers and always ends, and agrees with the
// reference where the schedule cannot matter. The first byte chooses: 0 a wire blob (digest
// recomputed, so that mutations reach the body), 1 a blob as it is, else choices of the random
// program generator, whose programs are race-free by construction.
#include <algorithm>
#include <cstring>

#include "base/digest.hpp"
#include "differential/executors.hpp"
#include "fuzz/support.hpp"
#include "support/random_program.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace {

using namespace vyre;
using test::require;

constexpr std::uint64_t kFuel{2'000};
constexpr std::uint64_t kMaxBytes{1u << 18};  // of all buffers of a program that is run
constexpr std::uint64_t kMaxInvocations{1u << 12};
constexpr std::size_t kMaxExpressions{2'000};

/// Exactly the bytes that the declarations ask for and a few more, or nothing where that is too
/// much.
std::optional<std::vector<Bytes>> small_inputs(const vir::Program& program, ByteSpan noise) {
  std::vector<Bytes> inputs;
  std::uint64_t total = 0;
  for (const vir::BufferDecl& buffer : program.buffers) {
    const auto bytes = vir::required_bytes(program, buffer);
    if (!bytes || *bytes > kMaxBytes) return std::nullopt;
    total += *bytes + 40;
    if (total > kMaxBytes) return std::nullopt;
    if (!vir::takes_input(vir::role_of(buffer))) continue;
    Bytes input(*bytes + (inputs.size() % 2 == 0 ? 0 : 21));
    for (std::size_t i = 0; i < input.size(); ++i) {
      input[i] = noise.empty() ? 0 : noise[(i * 7 + inputs.size() * 13) % noise.size()];
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

std::uint64_t invocations(const vir::Program& program, const vir::Grid& grid) {
  std::uint64_t product = 1;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    product = std::min<std::uint64_t>(product * grid[axis], std::uint64_t{1} << 30);
    product = std::min<std::uint64_t>(product * program.workgroup[axis], std::uint64_t{1} << 30);
  }
  return product;
}

/// `exact`: one lane, or race-free: every byte counts. Else races may change data, and with it
/// faults: then only refusals are compared.
void compare(const vir::Program& program, const std::vector<Bytes>& inputs,
             std::optional<vir::Grid> grid, bool exact) {
  reference::Options options;
  options.fuel = kFuel;
  options.grid = grid;
  const auto want = reference::evaluate(program, inputs, options);
  for (const bool optimise : {true, false}) {
    test::CpuOptions cpu_options;
    cpu_options.fuel = kFuel;
    cpu_options.grid = grid;
    cpu_options.optimise = optimise;
    const auto have = test::run_cpu(program, inputs, cpu_options);
    require(!have.wrote_outside, "an accepted program writes only inside its buffers");
    using Verdict = test::CpuRun::Verdict;
    if (have.verdict == Verdict::unsupported) continue;
    const bool refused = want.verdict == reference::Verdict::refused;
    require(refused == (have.verdict == Verdict::refused), "both refuse or neither");
    if (!exact) continue;
    const std::string wrong = test::disagreement(want, have, true);
    require(wrong.empty(), wrong);
  }
}

void run_blob(ByteSpan blob, ByteSpan noise) {
  const auto decoded = vir::decode(blob);
  if (!decoded) return;
  const auto program = vir::prepare(*decoded);
  if (!program || !vir::validate(*program)) return;
  if (program->exprs.size() > kMaxExpressions || program->nodes.size() > kMaxExpressions) return;
  const auto inputs = small_inputs(*program, noise);
  if (!inputs) return;
  std::vector<std::uint64_t> lengths;
  for (const Bytes& input : *inputs) lengths.push_back(input.size());
  const auto plan = vir::plan_buffers(*program, lengths);
  if (!plan) return;
  const auto grid = vir::infer_grid(*program, plan->byte_lengths);
  if (!grid) return;
  if (invocations(*program, *grid) <= kMaxInvocations) {
    compare(*program, *inputs, std::nullopt, invocations(*program, *grid) == 1);
  }
  vir::Program alone = *program;
  alone.workgroup = {1, 1, 1};
  compare(alone, *inputs, vir::Grid{1, 1, 1}, true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan rest(data + 1, size - 1);
  if (data[0] > 1) {
    test::RandomKnobs knobs;
    knobs.statements = 12;
    knobs.faulting = data[0] % 4 == 3;
    test::Choice choice(rest);
    const auto random = test::random_case(choice, knobs);
    compare(random.program, random.inputs, std::nullopt, true);
    return 0;
  }
  Bytes blob(rest.begin(), rest.end());
  if (data[0] == 0 && blob.size() >= 40) {
    const Digest digest = blake3(ByteSpan(blob).subspan(40));
    std::memcpy(blob.data() + 8, digest.bytes.data(), digest.bytes.size());
  }
  run_blob(blob, rest);
  return 0;
}
