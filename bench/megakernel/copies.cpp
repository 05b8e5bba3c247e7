// Uploads and downloads through the backend, from and to ordinary host memory and memory that the
// backend has locked (import_memory), 4 KiB to 256 MiB, in GB/s. Inside the timed region: one
// write() or read() until it returns. Baselines: cudaMemcpyAsync and cudaStreamSynchronize, from
// and to pinned and pageable memory.
#include <cstring>

#include "megakernel/machine.hpp"
#include "support/device.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint64_t kMost{256 * kMiB};

int runs_for(std::uint64_t bytes) {
  return bytes <= kMiB ? 200 : bytes <= 16 * kMiB ? 40 : 7;
}

/// Seconds of `copy()` -> Status.
template <class Copy>
Result<Spread> spread_seconds(int runs, const Copy& copy) {
  std::vector<double> seconds;
  for (int run = 0; run <= runs; ++run) {
    const auto start = Clock::now();
    VYRE_TRY(copy());
    if (run > 0) seconds.push_back(seconds_since(start));
  }
  return spread_of(seconds);
}

Result<double> rate(std::uint64_t bytes, const Result<Spread>& seconds) {
  if (!seconds) return tl::unexpected<Error>(seconds.error());
  return static_cast<double>(bytes) / seconds->p50 * 1e-9;
}

struct Pair {
  Result<double> up;
  Result<double> down;
};

Pair engine_rate(void* host, std::uint64_t bytes,
                 const Result<DeviceMemory<std::uint8_t>>& device) {
  const auto one = [&](cudaMemcpyKind kind) -> Result<double> {
    if (!device) return tl::unexpected<Error>(device.error());
    VYRE_ASSIGN(const Stream stream, Stream::make());
    const bool up = kind == cudaMemcpyHostToDevice;
    return rate(
        bytes, spread_seconds(runs_for(bytes), [&]() -> Status {
          VYRE_TRY(check(cudaMemcpyAsync(up ? device->get() : host, up ? host : device->get(),
                                         bytes, kind, stream.get()),
                         "a copy"));
          return stream.wait();
        }));
  };
  return {one(cudaMemcpyHostToDevice), one(cudaMemcpyDeviceToHost)};
}

}  // namespace

Status copy_section(const Settings& settings, const RowSink& sink) {
  const std::uint64_t most = settings.quick ? 4 * kMiB : kMost;
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t bytes = 4'096; bytes <= most; bytes *= 4) sizes.push_back(bytes);
  Bytes from(most);
  for (std::size_t i = 0; i < from.size(); ++i)
    from[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
  Bytes to(most);

  std::vector<Pair> pinned;
  std::vector<Pair> pageable;
  {
    const auto device = device_memory<std::uint8_t>(most);
    const auto locked = pinned_memory<std::uint8_t>(most);
    const tl::unexpected<Error> no_memory(locked ? Error{} : locked.error());
    for (const std::uint64_t bytes : sizes) {
      pinned.push_back(locked ? engine_rate(locked->get(), bytes, device)
                              : Pair{no_memory, no_memory});
      pageable.push_back(engine_rate(to.data(), bytes, device));
    }
  }
  // The same bytes in memory that the device knows until the machine goes.
  Bytes lent_from(from);
  Bytes lent_to(most);
  MachineOptions options;
  options.arena_bytes = most + 16 * kMiB;
  VYRE_ASSIGN(const auto machine, Machine::open(settings, options));
  VYRE_ASSIGN(const std::uint32_t buffer, machine->buffer(most));
  VYRE_TRY(machine->lend(lent_from));
  VYRE_TRY(machine->lend(lent_to));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    for (const bool lent : {false, true}) {
      const std::uint64_t bytes = sizes[i];
      const ByteSpan source = ByteSpan(lent ? lent_from : from).first(bytes);
      const MutableByteSpan target = MutableByteSpan(lent ? lent_to : to).first(bytes);
      const auto up = spread_seconds(runs_for(bytes),
                                     [&] { return machine->backend().write(buffer, 0, source); });
      const auto down = spread_seconds(runs_for(bytes),
                                       [&] { return machine->backend().read(buffer, 0, target); });
      if (up && down && std::memcmp(source.data(), target.data(), bytes) != 0)
        return fail(Errc::mismatch, "a download does not hold what was uploaded");
      const auto add = [&](const char* way, const Result<Spread>& ours,
                           const Result<double>& locked, const Result<double>& paged) {
        Row row;
        row.section = "copy";
        row.name = std::string(way) + (lent ? "/locked" : "") + "/bytes:" + std::to_string(bytes);
        row.unit = "GB/s";
        row.ours = Number(row.name, rate(bytes, ours));
        row.baselines = {Number("cudaMemcpyAsync, pinned", locked),
                         Number("cudaMemcpyAsync, pageable", paged)};
        if (ours) {
          row.details = {
              {"us", ours->p50 * 1e6}, {"p99_us", ours->p99 * 1e6}, {"max_us", ours->max * 1e6}};
        }
        sink.add(row);
      };
      add("upload", up, pinned[i].up, pageable[i].up);
      add("download", down, pinned[i].down, pageable[i].down);
    }
  }
  return {};
}

}  // namespace vyre::bench
