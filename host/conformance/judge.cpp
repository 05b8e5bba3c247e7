// Verdicts; see judge.hpp. Rules: docs/internals/conformance.md.
#include "judge.hpp"

#include <algorithm>
#include <cstring>

#include "base/message.hpp"
#include "compare.hpp"
#include "vir/program/subgroup_ids.hpp"
#include "vir/program/transcendentals.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::conformance {
namespace {

constexpr std::size_t kHeaderBytes{40};
constexpr std::size_t kDigestOffset{8};

std::string show(const vir::Grid& g) {
  return message("[{},{},{}]", g[0], g[1], g[2]);
}

std::optional<std::string> check_grid(const ExecutionCase& c, const vir::Program& program) {
  if (!c.grid) return std::nullopt;
  std::vector<std::uint64_t> lengths;
  for (const Bytes& input : c.inputs) lengths.push_back(input.size());
  const auto plan = vir::plan_buffers(program, lengths);
  if (!plan) return message("no buffer plan: {}", to_string(plan.error()));
  const auto grid = vir::infer_grid(program, plan->byte_lengths);
  if (!grid) return message("no grid: {}", to_string(grid.error()));
  if (*grid != *c.grid) return message("inferred grid {}, expected {}", show(*grid), show(*c.grid));
  return std::nullopt;
}

std::optional<std::string> compare_outputs(const ExecutionCase& c, const vir::Program& program,
                                           const std::vector<Bytes>& outputs) {
  if (outputs.size() != c.outputs->size()) {
    return message("expected {} outputs, got {}", c.outputs->size(), outputs.size());
  }
  const std::uint64_t ulp = vir::uses_transcendentals(program) ? c.ulp : 0;
  std::size_t next = 0;
  for (const vir::BufferDecl& buffer : program.buffers) {
    if (!vir::is_returned(vir::role_of(buffer))) continue;
    if (next == outputs.size()) break;
    const bool f32 = program.types[buffer.element].tag == vir::TypeTag::F32;
    if (const auto why = first_difference((*c.outputs)[next], outputs[next], f32, ulp)) {
      return message("output '{}' {}", program.name(buffer.name), *why);
    }
    ++next;
  }
  return std::nullopt;
}

std::string ended_as(const RunResult& result) {
  return message("{}{}", ending_name(result.ending),
                 result.message.empty() ? "" : message(" ({})", result.message));
}

std::optional<std::string> judge_outputs(const ExecutionCase& c, const vir::Program& program,
                                         const RunResult& result) {
  if (result.ending != Ending::done)
    return message("expected outputs, ended as {}", ended_as(result));
  if (auto why = check_grid(c, program)) return why;
  if (c.order_dependent)
    return std::nullopt;  // any interleaving is right; that it ends is the verdict
  return compare_outputs(c, program, result.outputs);
}

}  // namespace

Judgement judge(const ExecutionCase& c, CaseExecutor& executor) {
  const auto decoded = vir::decode(c.wire);
  // What upstream does before it looks at buffers: single-rank collectives become loops and copies.
  const auto program = decoded ? vir::prepare(*decoded) : Result<vir::Program>();
  RunResult result;
  if (!decoded) {
    result = {Ending::refused, {}, to_string(decoded.error())};
  } else if (!program) {
    result = {Ending::refused, {}, to_string(program.error())};
  } else {
    result = executor.run(c, *decoded);
  }
  if (c.outputs) {
    if (!program) return {message("expected outputs, ended as {}", ended_as(result))};
    return {judge_outputs(c, *program, result)};
  }
  if (result.ending == Ending::refused || result.ending == Ending::faulted) return {};
  if (result.ending == Ending::done && vir::uses_subgroup_ids(*program)) {
    return {std::nullopt, true};
  }
  return {message("expected {}, ended as {}", c.error, ended_as(result))};
}

Result<Bytes> mutated(ByteSpan wire, const Mutation& m) {
  Bytes blob(wire.begin(), wire.end());
  bool rehash = true;
  const auto misfit = [&] {
    return fail(Errc::malformed,
                message("mutation '{}' does not fit a wire of {} bytes", describe(m), wire.size()));
  };
  switch (m.kind) {
    case MutationKind::none:
      return blob;
    case MutationKind::xor_no_rehash:
    case MutationKind::set_no_rehash:
    case MutationKind::xor_byte:
      if (m.at >= blob.size() || m.value > 0xFF) return misfit();
      if (m.kind == MutationKind::set_no_rehash) blob[m.at] = 0;
      blob[m.at] ^= static_cast<std::uint8_t>(m.value);
      rehash = m.kind == MutationKind::xor_byte;
      break;
    case MutationKind::truncate:
      if (m.at > blob.size()) return misfit();
      blob.resize(m.at);
      break;
    case MutationKind::insert_zero:
      if (m.at > blob.size()) return misfit();
      blob.insert(blob.begin() + static_cast<std::ptrdiff_t>(m.at), std::uint8_t{0});
      break;
    case MutationKind::overlong_count: {
      if (blob.size() <= kHeaderBytes || blob[kHeaderBytes] >= 0x80 || m.value == 0 ||
          m.value > 64) {
        return misfit();
      }
      // The count in one byte becomes a LEB of value + 1 bytes that says the same.
      blob[kHeaderBytes] |= 0x80;
      Bytes padding(m.value, 0x80);
      padding.back() = 0;
      blob.insert(blob.begin() + kHeaderBytes + 1, padding.begin(), padding.end());
      break;
    }
  }
  if (rehash && blob.size() >= kHeaderBytes) {
    const Digest digest = blake3(ByteSpan(blob).subspan(kHeaderBytes));
    std::memcpy(blob.data() + kDigestOffset, digest.bytes.data(), digest.bytes.size());
  }
  return blob;
}

std::optional<std::string> judge(ByteSpan blob, const Mutation& m) {
  const auto program = vir::decode(blob);
  if (!program) {
    if (m.verdict == DecoderVerdict::rejected) return std::nullopt;
    return message("expected acceptance, rejected: {}", to_string(program.error()));
  }
  if (m.verdict == DecoderVerdict::rejected) return "expected rejection, accepted";
  const auto again = vir::encode(*program);
  if (!again) {
    if (m.verdict == DecoderVerdict::no_encoding) return std::nullopt;
    return message("accepted, but not encoded again: {}", to_string(again.error()));
  }
  if (m.verdict == DecoderVerdict::no_encoding) return "expected no encoding, encoded";
  const bool same =
      again->size() == blob.size() && std::equal(blob.begin(), blob.end(), again->begin());
  if (m.verdict == DecoderVerdict::same) {
    if (same) return std::nullopt;
    return "re-encodes to other bytes";
  }
  if (same) return "expected a different re-encoding, got the same bytes";
  const std::string hash = blake3(*again).hex().substr(0, 16);
  if (hash == m.extra) return std::nullopt;
  return message("re-encoding has BLAKE3 {}..., expected {}...", hash, m.extra);
}

std::string describe(const Mutation& m) {
  switch (m.kind) {
    case MutationKind::none:
      return "unchanged";
    case MutationKind::xor_byte:
      return message("xor at {} with {}", m.at, m.value);
    case MutationKind::truncate:
      return message("truncate at {}", m.at);
    case MutationKind::insert_zero:
      return message("insert0 at {}", m.at);
    case MutationKind::overlong_count:
      return message("overlong_count of {}", m.value);
    case MutationKind::xor_no_rehash:
      return message("xor_no_rehash at {} with {}", m.at, m.value);
    case MutationKind::set_no_rehash:
      return message("set_no_rehash at {} to {}", m.at, m.value);
  }
  return "unknown mutation";
}

}  // namespace vyre::conformance
