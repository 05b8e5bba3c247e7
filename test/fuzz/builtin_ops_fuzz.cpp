// Built-in ops over any bytes: an op that is refused writes nothing, one that runs writes inside
// its outputs only, and match.literals finds what comparing everywhere finds. The first byte
// chooses: 0 any op, 1 a pattern blob as it is, else a compiled set of literals, changed or not.
#include <algorithm>
#include <memory>

#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "builtin/ops.hpp"
#include "fuzz/support.hpp"

namespace {

using namespace vyre;
using builtin::Op;
using test::require;

/// Exactly as long as asked, on the heap, so that a sanitizer sees the byte before and behind it.
struct Operand {
  Operand(ByteSpan bytes, std::uint32_t handle)
      : data(new std::uint8_t[bytes.size()]), buffer{data.get(), bytes.size(), handle, false} {
    std::copy(bytes.begin(), bytes.end(), data.get());
  }
  [[nodiscard]] Bytes bytes() const { return {data.get(), data.get() + buffer.bytes}; }

  std::unique_ptr<std::uint8_t[]> data;
  builtin::Buffer buffer;
};

struct Ran {
  FaultCode fault;
  std::vector<Bytes> outputs;
};

Ran run(std::uint32_t op, const std::vector<Bytes>& inputs, const std::vector<std::size_t>& lengths,
        std::uint32_t param) {
  std::vector<Operand> in;
  std::vector<Operand> out;
  std::vector<builtin::Buffer> in_buffers;
  std::vector<builtin::Buffer> out_buffers;
  for (const Bytes& bytes : inputs) {
    in.emplace_back(bytes, static_cast<std::uint32_t>(in.size()) + 1);
    in_buffers.push_back(in.back().buffer);
  }
  for (const std::size_t length : lengths) {
    out.emplace_back(Bytes(length, 0xD1), static_cast<std::uint32_t>(out.size()) + 100);
    out_buffers.push_back(out.back().buffer);
  }
  Ran ran{builtin::run(op, in_buffers, out_buffers, param), {}};
  for (std::size_t i = 0; i < in.size(); ++i)
    require(in[i].bytes() == inputs[i], "inputs are never written");
  for (const Operand& operand : out) ran.outputs.push_back(operand.bytes());
  if (ran.fault != FaultCode::none) {
    for (std::size_t i = 0; i < lengths.size(); ++i)
      require(ran.outputs[i] == Bytes(lengths[i], 0xD1), "a refused op writes nothing");
  }
  return ran;
}

void check_hits(const Bytes& out, std::size_t text_bytes) {
  const auto header = load_le<builtin::LiteralHits>(out, 0);
  require(header.records == std::min(header.hits, builtin::hit_capacity(out.size())),
          "as many records as fit");
  builtin::LiteralHit last{0, 0, 0};
  for (std::uint64_t i = 0; i < header.records; ++i) {
    const auto hit = load_le<builtin::LiteralHit>(out, 16 + i * 16);
    require(hit.end >= 1 && hit.end <= text_bytes, "hits end inside the text");
    require(hit.end > last.end || (hit.end == last.end && hit.pattern > last.pattern),
            "records are ordered by end and pattern");
    last = hit;
  }
}

void any_op(ByteSpan data) {
  if (data.size() < 6) return;
  const std::uint32_t op = data[0] % 22;
  const std::uint32_t param = data[1] % 4 == 0 ? data[1] : 0;
  std::vector<std::size_t> lengths;
  for (std::uint32_t i = 0; i < data[2] % 4u; ++i) lengths.push_back(data[3 + i % 2] * 9u);
  std::vector<Bytes> inputs;
  const ByteSpan rest = data.subspan(6);
  const std::size_t cut = rest.size() * data[5] / 256;
  if (data[2] / 4 % 4 > 0) inputs.emplace_back(rest.begin(), rest.begin() + cut);
  if (data[2] / 4 % 4 > 1) inputs.emplace_back(rest.begin() + cut, rest.end());
  if (data[2] / 4 % 4 > 2) inputs.emplace_back();
  const Ran first = run(op, inputs, lengths, param);
  const Ran again = run(op, inputs, lengths, param);
  require(first.fault == again.fault && first.outputs == again.outputs, "an op has one result");
}

void raw_blob(ByteSpan data) {
  if (data.empty()) return;
  const std::size_t text = std::min<std::size_t>(data[0], data.size() - 1);
  const Bytes haystack(data.begin() + 1, data.begin() + 1 + static_cast<std::ptrdiff_t>(text));
  const Bytes blob(data.begin() + 1 + static_cast<std::ptrdiff_t>(text), data.end());
  const Ran ran = run(static_cast<std::uint32_t>(Op::match_literals), {haystack, blob}, {200}, 0);
  require(ran.fault == FaultCode::none || ran.fault == FaultCode::bad_binding,
          "a blob is fine or refused");
  if (ran.fault == FaultCode::none) check_hits(ran.outputs[0], haystack.size());
}

/// Patterns, each behind its length, then changes of the blob (offset and value), then the text.
void compiled(bool ignore_case, ByteSpan data) {
  std::size_t at = 0;
  const auto next = [&] { return at < data.size() ? data[at++] : std::uint8_t{0}; };
  std::vector<Bytes> patterns;
  for (std::uint32_t left = next() % 9; left != 0; --left) {
    Bytes pattern(next() % 8);
    for (std::uint8_t& byte : pattern) byte = next();
    patterns.push_back(std::move(pattern));
  }
  const std::vector<ByteSpan> spans(patterns.begin(), patterns.end());
  auto blob = builtin::compile_literals(spans, {ignore_case});
  const bool empty = std::any_of(patterns.begin(), patterns.end(),
                                 [](const Bytes& pattern) { return pattern.empty(); });
  require(blob.has_value() == (!patterns.empty() && !empty), "only empty patterns are refused");
  if (!blob) return;
  const std::uint32_t changes = next() % 4;
  for (std::uint32_t i = 0; i < changes; ++i) {
    const std::size_t offset = (next() * 256u + next()) % blob->size();
    (*blob)[offset] = next();
  }
  const Bytes text(data.begin() + static_cast<std::ptrdiff_t>(at), data.end());
  const Ran ran =
      run(static_cast<std::uint32_t>(Op::match_literals), {text, *blob}, {16 + 16 * 300}, 0);
  if (ran.fault == FaultCode::none) check_hits(ran.outputs[0], text.size());
  if (changes != 0) return;
  require(ran.fault == FaultCode::none, "what was compiled is accepted");
  const auto fold = [ignore_case](std::uint8_t b) {
    return ignore_case && b >= 'A' && b <= 'Z' ? static_cast<std::uint8_t>(b + 32) : b;
  };
  std::uint64_t hits = 0;
  for (std::size_t end = 1; end <= text.size(); ++end) {
    for (const Bytes& pattern : patterns) {
      hits += pattern.size() <= end &&
              std::equal(pattern.begin(), pattern.end(),
                         text.begin() + static_cast<std::ptrdiff_t>(end - pattern.size()),
                         [&](std::uint8_t a, std::uint8_t b) { return fold(a) == fold(b); });
    }
  }
  require(load_le<builtin::LiteralHits>(ran.outputs[0], 0).hits == hits,
          "as many hits as comparing everywhere finds");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan rest(data + 1, size - 1);
  if (data[0] == 0) {
    any_op(rest);
  } else if (data[0] == 1) {
    raw_blob(rest);
  } else {
    compiled(data[0] % 2 == 1, rest);
  }
  return 0;
}
