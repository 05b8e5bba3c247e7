// Built-in ops over 256 MiB, one item at a time on the whole grid, in GB/s of input. Inside the
// timed region: publish until the completion has been read by the polling thread. Every answer is
// compared with the plain form on the host or with CUB's. Baselines: CUB's device-wide primitive or
// the driver's copy and fill, between two events; none where there is none.
#include <cstring>
#include <future>

#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "builtin/ops.hpp"
#include "megakernel/machine.hpp"
#include "support/cub_baselines.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint64_t kBytes{256 * kMiB};
constexpr int kRuns{5};

enum Op : std::uint32_t {
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) symbol = id,
#include "protocol/op_table.def"
};

using Words = std::vector<std::uint32_t>;

Words random_words(std::size_t count) {
  Words words(count);
  std::uint64_t state = 88'172'645'463'325'252u;
  for (std::uint32_t& word : words) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    word = static_cast<std::uint32_t>(state >> 16);
  }
  return words;
}
ByteSpan bytes_of(const Words& words) {
  return {reinterpret_cast<const std::uint8_t*>(words.data()), words.size() * 4};
}

/// Lower-case text, and patterns of which some were planted in it.
Bytes make_text(const Words& random, std::vector<Bytes>& patterns) {
  Bytes text(random.size() * 4);
  const ByteSpan source = bytes_of(random);
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<std::uint8_t>('a' + source[i] % 26);
  for (std::uint32_t p = 0; p < 64; ++p) {
    const std::size_t at = (std::size_t{random[p]} * 4) % (text.size() - 16);
    patterns.emplace_back(text.begin() + static_cast<std::ptrdiff_t>(at),
                          text.begin() + static_cast<std::ptrdiff_t>(at + 6 + p % 8));
  }
  return text;
}

class Bench {
 public:
  Bench(Machine& machine, const RowSink& sink, std::uint64_t bytes)
      : machine_(machine), sink_(sink), bytes_(bytes) {}

  /// `expected`: what the first bytes of `output` must be afterwards.
  Status add(const char* name, const MegakernelWorkItem& item, std::uint32_t output,
             ByteSpan expected, std::vector<Number> baselines) {
    const auto seconds = machine_.median_seconds(item, kRuns);
    Result<double> rate = 0.0;
    if (seconds) {
      rate = static_cast<double>(bytes_) / *seconds * 1e-9;
      Bytes wrote(expected.size());
      VYRE_TRY(machine_.read(output, wrote));
      if (std::memcmp(wrote.data(), expected.data(), expected.size()) != 0)
        rate = fail(Errc::mismatch, std::string(name) + " wrote other bytes than expected");
    } else {
      rate = tl::unexpected<Error>(seconds.error());
    }
    Row row;
    row.section = "native";
    row.name = name;
    row.unit = "GB/s";
    row.ours = Number(name, rate);
    row.baselines = std::move(baselines);
    row.details = {{"bytes", static_cast<double>(bytes_)}};
    if (seconds) row.details.emplace_back("ms", *seconds * 1e3);
    sink_.add(row);
    return {};
  }

 private:
  Machine& machine_;
  const RowSink& sink_;
  std::uint64_t bytes_;
};

/// GB/s of `bytes` from a baseline's seconds.
Number number(const char* name, std::uint64_t bytes, const Result<CubRun>& run) {
  if (!run) return Number(name, Result<double>(tl::unexpected<Error>(run.error())));
  return Number(name, static_cast<double>(bytes) / run->seconds * 1e-9);
}

/// What docs/ops.md says: CUB's answer where there is one, else the plain form's.
Bytes plain(std::uint32_t op, std::span<const ByteSpan> inputs, std::size_t output_bytes,
            std::uint32_t param) {
  Bytes output(output_bytes);
  std::vector<builtin::Buffer> in;
  for (const ByteSpan input : inputs) {
    in.push_back({const_cast<std::uint8_t*>(input.data()), input.size(),
                  static_cast<std::uint32_t>(in.size() + 2), true});
  }
  const builtin::Buffer out{output.data(), output.size(), 1, false};
  (void)builtin::run(op, in, {&out, 1}, param);
  return output;
}

}  // namespace

Status builtin_section(const Settings& settings, const RowSink& sink) {
  const std::uint64_t bytes = settings.quick ? 4 * kMiB : kBytes;
  const Words words = random_words(bytes / 4);
  std::vector<Bytes> patterns;
  const Bytes text = make_text(words, patterns);
  std::vector<ByteSpan> views(patterns.begin(), patterns.end());
  VYRE_ASSIGN(const Bytes blob, builtin::compile_literals(views));
  constexpr std::size_t kHitBytes{16 + 16 * 4'096};
  const std::array<ByteSpan, 1> source{bytes_of(words)};
  const std::array<ByteSpan, 2> sought{ByteSpan(text), ByteSpan(blob)};
  // The host takes seconds for some answers: it works them out meanwhile.
  const auto answer = [](Op op, std::span<const ByteSpan> inputs, std::size_t size,
                         std::uint32_t param = 0) {
    return std::async(std::launch::async, plain, op, inputs, size, param);
  };
  auto sum = answer(reduce_sum_u32, source, 4);
  auto counts = answer(histogram_u8, source, 1'024);
  auto crc = answer(hash_crc32c, source, 4);
  auto xxh = answer(hash_xxh64, source, 8, 1);
  auto matches = answer(match_literals, sought, kHitBytes);
  const CubBaselines cub = measure_cub(words, kRuns);

  MachineOptions options;
  options.arena_bytes = 4 * bytes + 64 * kMiB;
  VYRE_ASSIGN(const auto machine, Machine::open(settings, options));
  VYRE_ASSIGN(const std::uint32_t input, machine->buffer(bytes_of(words)));
  VYRE_ASSIGN(const std::uint32_t large, machine->buffer(bytes));
  VYRE_ASSIGN(const std::uint32_t work, machine->buffer(bytes));
  VYRE_ASSIGN(const std::uint32_t small, machine->buffer(4'096));
  VYRE_ASSIGN(const std::uint32_t sorted, machine->set(std::array{large, work}));
  Bench bench(*machine, sink, bytes);

  /// The baseline's answer if there is one; else the host's, for what is quick there.
  const auto expected = [&](const Result<CubRun>& run, Op op, std::size_t size) {
    if (run) {
      const auto* from = reinterpret_cast<const std::uint8_t*>(run->output.data());
      return Bytes(from, from + size);
    }
    return plain(op, source, size, 0);
  };
  VYRE_TRY(bench.add("reduce.sum.u32", {reduce_sum_u32, input, small, 0}, small, sum.get(),
                     {number("cub::DeviceReduce", bytes, cub.reduce)}));
  VYRE_TRY(bench.add("scan.inclusive.u32", {scan_inclusive_u32, input, large, 0}, large,
                     expected(cub.scan, scan_inclusive_u32, bytes),
                     {number("cub::DeviceScan", bytes, cub.scan)}));
  VYRE_TRY(bench.add("histogram.u8", {histogram_u8, input, small, 0}, small, counts.get(),
                     {number("cub::DeviceHistogram", bytes, cub.histogram)}));
  Words ascending;
  if (cub.sort) {
    ascending = cub.sort->output;
  } else {
    ascending = words;
    std::sort(ascending.begin(), ascending.end());
  }
  VYRE_TRY(bench.add("sort.u32", {sort_u32, input, sorted, 0}, large, bytes_of(ascending),
                     {number("cub::DeviceRadixSort", bytes, cub.sort)}));
  VYRE_TRY(bench.add("mem.copy", {mem_copy, input, large, 0}, large, bytes_of(words),
                     {number("cudaMemcpyAsync on the device", bytes, cub.copy)}));
  VYRE_TRY(bench.add("mem.fill", {mem_fill, 0, large, 0xABABABAB}, large, Bytes(bytes, 0xAB),
                     {number("cudaMemsetAsync", bytes, cub.fill)}));
  VYRE_TRY(bench.add("hash.crc32c", {hash_crc32c, input, small, 0}, small, crc.get(), {}));
  VYRE_TRY(bench.add("hash.xxh64", {hash_xxh64, input, small, 1}, small, xxh.get(), {}));

  VYRE_TRY(machine->backend().write(input, 0, text));
  VYRE_ASSIGN(const std::uint32_t literals, machine->buffer(blob));
  VYRE_ASSIGN(const std::uint32_t haystack, machine->set(std::array{input, literals}));
  VYRE_ASSIGN(const std::uint32_t hits, machine->buffer(kHitBytes));
  Bytes found = matches.get();
  const auto records = load_le<std::uint64_t>(found, 8);
  found.resize(16 + 16 * records);  // what lies behind is not written
  return bench.add("match.literals/patterns:64", {match_literals, haystack, hits, 0}, hits, found,
                   {});
}

}  // namespace vyre::bench
