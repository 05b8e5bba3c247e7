// The built-in ops over 256 MiB by plain launches of what the resident kernel's workers run, beside
// CUB's device-wide primitives and the driver's copy and fill in the same run. Every answer is
// checked against CUB's or the plain form's. Timed: device time between two events, all phases,
// launches included. Spec: docs/internals/benchmarking.md, docs/ops.md.
#include <cub/device/device_select.cuh>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "builtin/ops.hpp"
#include "support/cub_baselines.hpp"
#include "support/device.hpp"
#include "support/device/builtin_probe.hpp"
#include "support/rows.hpp"

namespace vyre::bench {
namespace {

using builtin::Op;
using u32 = std::uint32_t;

constexpr std::size_t kBytes{std::size_t{256} << 20};
constexpr std::size_t kWords{kBytes / 4};
constexpr std::size_t kOutputBytes{kBytes + 16};
constexpr int kRuns{9};
constexpr double kDeadlineSeconds{90};
constexpr double kGiga{1e9};

/// Printable noise: words of small letters between spaces, so that literals occur now and then.
std::vector<u32> make_text() {
  std::vector<u32> words(kWords);
  std::uint64_t state = 1;
  for (u32& word : words) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    u32 out = 0;
    for (int k = 0; k < 4; ++k) {
      const u32 letter = static_cast<u32>(state >> (20 + 8 * k)) % 32u;
      out |= (letter < 26 ? 'a' + letter : ' ') << (8 * k);
    }
    word = out;
  }
  return words;
}
std::vector<u32> make_noise() {
  std::vector<u32> words(kWords);
  std::uint64_t state = 7;
  for (u32& word : words) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    word = static_cast<u32>(state >> 32);
  }
  return words;
}

struct Ours {
  double seconds{0};
  std::vector<u32> output;  // the first words of the first output
};

struct Memory {
  DeviceMemory<std::uint8_t> input, second, output, work;
};

cuda::DeviceSpan span(const DeviceMemory<std::uint8_t>& memory, std::uint64_t bytes) {
  return {memory.get(), bytes};
}

Result<Ours> measure(Op op, const std::vector<cuda::DeviceSpan>& inputs,
                     const std::vector<cuda::DeviceSpan>& outputs, u32 param,
                     std::size_t output_words) {
  VYRE_ASSIGN(cuda::BuiltinLaunch launch,
              cuda::BuiltinLaunch::make(static_cast<u32>(op), inputs, outputs, param));
  VYRE_ASSIGN(const FaultCode code, launch.run());
  if (code != FaultCode::none) return fail(Errc::internal, "a built-in op faulted in its bench");
  Ours ours;
  VYRE_ASSIGN(ours.seconds,
              device_seconds(kRuns, [&](cudaStream_t stream) { return launch.enqueue(stream); }));
  ours.output.resize(output_words);
  VYRE_TRY(check(
      cudaMemcpy(ours.output.data(), outputs[0].data, output_words * 4, cudaMemcpyDeviceToHost),
      "reading an output"));
  return ours;
}

/// Bytes of input a second.
Number rate(std::string name, const Result<double>& seconds) {
  if (!seconds) return {std::move(name), Result<double>(tl::unexpected(seconds.error()))};
  return {std::move(name), static_cast<double>(kBytes) / *seconds / kGiga};
}

class Table {
 public:
  void add(std::string name, const Ours& ours, bool right, std::vector<Number> baselines) {
    Row row;
    row.section = "native";
    row.name = std::move(name);
    row.unit = "GB/s of input";
    row.ours = rate("ours", ours.seconds);
    row.baselines = std::move(baselines);
    row.details = {{"bytes", static_cast<double>(kBytes)},
                   {"us_p50", ours.seconds * 1e6},
                   {"answer_right", right ? 1.0 : 0.0}};
    if (!right) {
      std::fprintf(stderr, "%s: the answer is wrong\n", row.name.c_str());
      wrong_ = true;
    }
    lines_.push_back(to_line(row));
  }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] bool wrong() const { return wrong_; }

 private:
  std::vector<std::string> lines_;
  bool wrong_{false};
};

void add_beside(Table& table, const char* name, const Ours& ours, const Result<CubRun>& cub,
                const char* cub_name) {
  if (!cub) {
    table.add(name, ours, true, {Number(cub_name, Result<double>(tl::unexpected(cub.error())))});
    return;
  }
  const std::size_t words = std::min(ours.output.size(), cub->output.size());
  const bool right =
      std::equal(ours.output.begin(), ours.output.begin() + static_cast<std::ptrdiff_t>(words),
                 cub->output.begin());
  table.add(name, ours, right, {rate(cub_name, cub->seconds)});
}

/// The first words that the plain form writes.
std::vector<u32> plain(Op op, std::vector<builtin::Buffer> inputs, std::size_t words) {
  std::vector<u32> output(words);
  const builtin::Buffer out{reinterpret_cast<std::uint8_t*>(output.data()), words * 4, 100, false};
  (void)builtin::run(static_cast<u32>(op), inputs, {&out, 1}, 0);
  return output;
}

Status run_text(Table& table, const Memory& m) {
  std::vector<u32> text = make_text();
  const builtin::Buffer host{reinterpret_cast<std::uint8_t*>(text.data()), kBytes, 1, true};
  VYRE_TRY(check(cudaMemcpy(m.input.get(), text.data(), kBytes, cudaMemcpyHostToDevice),
                 "copying the text"));
  const auto input = span(m.input, kBytes);
  VYRE_ASSIGN(const Ours crc, measure(Op::hash_crc32c, {input}, {span(m.output, 4)}, 0, 1));
  table.add("hash.crc32c", crc, crc.output == plain(Op::hash_crc32c, {host}, 1), {});
  VYRE_ASSIGN(const Ours xxh, measure(Op::hash_xxh64, {input}, {span(m.output, 8)}, 0, 2));
  table.add("hash.xxh64", xxh, xxh.output == plain(Op::hash_xxh64, {host}, 2), {});

  // 64 and 2,000 literals of 4 to 11 letters.
  for (const std::size_t count : {std::size_t{64}, std::size_t{2'000}}) {
    std::vector<Bytes> literals(count);
    std::uint64_t state = 3;
    for (Bytes& literal : literals) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      for (std::size_t i = 0; i < 4 + (state >> 60) % 8; ++i)
        literal.push_back(static_cast<std::uint8_t>('a' + (state >> (5 * i)) % 26));
    }
    const std::vector<ByteSpan> spans(literals.begin(), literals.end());
    VYRE_ASSIGN(Bytes blob, builtin::compile_literals(spans));
    VYRE_ASSIGN(const auto device_blob, device_memory<std::uint8_t>(blob.size()));
    VYRE_TRY(check(cudaMemcpy(device_blob.get(), blob.data(), blob.size(), cudaMemcpyHostToDevice),
                   "copying the literals"));
    const std::uint64_t room = 16 + 16 * 65'536;
    VYRE_ASSIGN(const Ours match,
                measure(Op::match_literals, {input, span(device_blob, blob.size())},
                        {span(m.output, room)}, 0, room / 4));
    const builtin::Buffer patterns{blob.data(), blob.size(), 2, true};
    std::vector<u32> want = plain(Op::match_literals, {host, patterns}, room / 4);
    const std::size_t written = std::min<std::size_t>(4 + 4 * want[2], want.size());
    const bool right = std::equal(want.begin(), want.begin() + static_cast<std::ptrdiff_t>(written),
                                  match.output.begin());
    table.add("match.literals/" + std::to_string(count), match, right, {});
  }
  return {};
}

Result<double> cub_select(const Memory& m, u32* count) {
  const auto* const values = reinterpret_cast<const u32*>(m.input.get());
  auto* const out = reinterpret_cast<u32*>(m.output.get());
  std::size_t bytes = 0;
  const auto call = [&](void* memory, cudaStream_t stream) {
    return cub::DeviceSelect::Flagged(memory, bytes, values, m.second.get(), out, count,
                                      static_cast<int>(kWords), stream);
  };
  VYRE_TRY(check(call(nullptr, nullptr), "asking CUB for its memory"));
  VYRE_ASSIGN(const auto temporary, device_memory<std::uint8_t>(bytes + 1));
  return device_seconds(
      kRuns, [&](cudaStream_t stream) { return check(call(temporary.get(), stream), "CUB"); });
}

Status run_words(Table& table, const Memory& m) {
  const std::vector<u32> words = make_noise();
  VYRE_TRY(check(cudaMemcpy(m.input.get(), words.data(), kBytes, cudaMemcpyHostToDevice),
                 "copying the words"));
  const auto input = span(m.input, kBytes);
  const auto output = span(m.output, kBytes);
  VYRE_ASSIGN(const Ours sum, measure(Op::reduce_sum_u32, {input}, {output}, 0, 1));
  VYRE_ASSIGN(const Ours floats, measure(Op::reduce_sum_f32, {input}, {output}, 0, 1));
  VYRE_ASSIGN(const Ours scan, measure(Op::scan_inclusive_u32, {input}, {output}, 0, kWords));
  VYRE_ASSIGN(const Ours bins, measure(Op::histogram_u8, {input}, {output}, 0, 256));
  VYRE_ASSIGN(const Ours sorted,
              measure(Op::sort_u32, {input}, {output, span(m.work, kBytes)}, 0, kWords));
  VYRE_ASSIGN(const Ours copied, measure(Op::mem_copy, {input}, {output}, 0, kWords));
  VYRE_ASSIGN(const Ours filled, measure(Op::mem_fill, {}, {output}, 0x01010101u, 0));
  // Every second word or so.
  std::vector<std::uint8_t> mask(kWords);
  for (std::size_t i = 0; i < kWords; ++i) mask[i] = words[i] >> 17 & 1u;
  VYRE_TRY(check(cudaMemcpy(m.second.get(), mask.data(), kWords, cudaMemcpyHostToDevice),
                 "copying the mask"));
  VYRE_ASSIGN(const Ours kept, measure(Op::select_u32, {input, span(m.second, kWords)},
                                       {output, span(m.work, 4)}, 0, kWords));
  auto* const count = reinterpret_cast<u32*>(m.work.get()) + 1;
  const Result<double> select_seconds = cub_select(m, count);
  u32 counts[2];
  VYRE_TRY(check(cudaMemcpy(counts, m.work.get(), 8, cudaMemcpyDeviceToHost), "reading counts"));
  std::vector<u32> kept_words(counts[0] <= kWords ? counts[0] : 0);
  VYRE_TRY(check(
      cudaMemcpy(kept_words.data(), m.output.get(), kept_words.size() * 4, cudaMemcpyDeviceToHost),
      "reading CUB's words"));
  const CubBaselines cub = measure_cub(words, kRuns);
  add_beside(table, "reduce.sum.u32", sum, cub.reduce, "cub::DeviceReduce");
  builtin::Buffer host{reinterpret_cast<std::uint8_t*>(const_cast<u32*>(words.data())), kBytes, 1,
                       true};
  table.add("reduce.sum.f32", floats, floats.output == plain(Op::reduce_sum_f32, {host}, 1), {});
  add_beside(table, "scan.inclusive.u32", scan, cub.scan, "cub::DeviceScan");
  add_beside(table, "histogram.u8", bins, cub.histogram, "cub::DeviceHistogram");
  table.add("select.u32", kept,
            counts[0] == counts[1] &&
                std::equal(kept_words.begin(), kept_words.end(), kept.output.begin()),
            {rate("cub::DeviceSelect", select_seconds)});
  add_beside(table, "sort.u32", sorted, cub.sort, "cub::DeviceRadixSort");
  add_beside(table, "mem.copy", copied, cub.copy, "cudaMemcpyAsync");
  add_beside(table, "mem.fill", filled, cub.fill, "cudaMemsetAsync");
  return {};
}

Status run_all(Table& table) {
  Memory m;
  VYRE_ASSIGN(m.input, device_memory<std::uint8_t>(kBytes));
  VYRE_ASSIGN(m.second, device_memory<std::uint8_t>(kWords));
  VYRE_ASSIGN(m.output, device_memory<std::uint8_t>(kOutputBytes));
  VYRE_ASSIGN(m.work, device_memory<std::uint8_t>(kBytes));
  VYRE_TRY(run_words(table, m));
  return run_text(table, m);
}

int run(const char* path) {
  const Clock::time_point start = Clock::now();
  Table table;
  const Status status = run_all(table);
  auto facts = host_facts();
  if (const auto names = device_names()) {
    facts.emplace_back("device", names->device);
    facts.emplace_back("driver", names->driver);
  }
  if (path != nullptr) std::ofstream(path) << to_document(table.lines(), facts) << '\n';
  std::cout << to_table(table.lines());
  if (!status) {
    std::cerr << to_string(status.error()) << '\n';
    return 1;
  }
  if (seconds_since(start) > kDeadlineSeconds) std::cerr << "took longer than its deadline\n";
  return table.wrong() ? 1 : 0;
}

}  // namespace
}  // namespace vyre::bench

int main(int argc, char** argv) {
  const char* path = nullptr;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--out=", 6) == 0) {
      path = argv[i] + 6;
    } else if (std::strcmp(argv[i], "--out") == 0 && i + 1 < argc) {
      path = argv[++i];
    } else {
      std::cerr << "usage: device_builtin_bench [--out FILE]\n";
      return 2;
    }
  }
  return vyre::bench::run(path);
}
