// One large item on the whole grid: the f32 polynomial, interpreted. polynomial: orders 1, 5, 10
// over 2^26 elements in operations a second (2 x order an element). scaling: order 5 over 1 KiB to
// 1 GiB of input, latency and bytes read a second. Inside the timed region, ours: publish until the
// completion has been read by the polling thread; baselines of `polynomial`: between two events
// around the launch; of `scaling`: launch until cudaStreamSynchronize returns.
#include <cstring>

#include "megakernel/machine.hpp"
#include "support/polynomial.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint64_t kElements{std::uint64_t{1} << 26};
constexpr int kRuns{20};

std::vector<float> inputs(std::uint64_t count) {
  std::vector<float> x(count);
  for (std::uint64_t i = 0; i < count; ++i) x[i] = polynomial_input(i);
  return x;
}
template <class T>
ByteSpan bytes_of(const T& values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(values[0])};
}

/// x, c and y on the device for the baselines.
struct Arrays {
  DeviceMemory<float> x;
  DeviceMemory<float> c;
  DeviceMemory<float> y;

  static Result<Arrays> make(std::span<const float> input) {
    Arrays made;
    VYRE_ASSIGN(made.x, device_memory<float>(input.size()));
    VYRE_ASSIGN(made.y, device_memory<float>(input.size()));
    VYRE_ASSIGN(made.c, device_memory<float>(16));
    const auto c = polynomial_coefficients();
    VYRE_TRY(
        check(cudaMemcpy(made.x.get(), input.data(), input.size_bytes(), cudaMemcpyHostToDevice),
              "filling x"));
    VYRE_TRY(
        check(cudaMemcpy(made.c.get(), c.data(), sizeof c, cudaMemcpyHostToDevice), "filling c"));
    VYRE_TRY(check(cudaDeviceSynchronize(), "filling arrays"));
    return made;
  }
};

struct Baselines {
  Result<double> fused;  // seconds
  Result<double> rows;
  std::vector<float> y;  // what the fused kernel computed; empty if it did not
};

Baselines measure(int order, const Result<Arrays>& arrays, std::uint64_t count) {
  if (!arrays) {
    const tl::unexpected<Error> why(arrays.error());
    return {why, why, {}};
  }
  float* x = arrays->x.get();
  float* y = arrays->y.get();
  Baselines found{device_seconds(kRuns,
                                 [&](cudaStream_t stream) {
                                   return launch_fused_polynomial(order, x, arrays->c.get(), y,
                                                                  count, stream);
                                 }),
                  0.0,
                  {}};
  if (found.fused) {
    found.y.resize(count);
    if (!check(cudaMemcpy(found.y.data(), y, count * sizeof(float), cudaMemcpyDeviceToHost), "y"))
      found.y.clear();
  }
  const auto interpreter = RowInterpreter::make(order);
  if (interpreter) {
    found.rows = device_seconds(
        kRuns, [&](cudaStream_t stream) { return interpreter->launch(x, y, count, stream); });
  } else {
    found.rows = tl::unexpected<Error>(interpreter.error());
  }
  return found;
}

}  // namespace

Status polynomial_section(const Settings& settings, const RowSink& sink) {
  const std::uint64_t count = settings.quick ? kElements / 256 : kElements;
  const std::vector<float> input = inputs(count);
  std::vector<Baselines> baselines;
  {
    const auto arrays = Arrays::make(input);
    for (const int order : kOrders) baselines.push_back(measure(order, arrays, count));
  }
  MachineOptions options;
  options.arena_bytes = 2 * count * sizeof(float) + 16 * kMiB;
  VYRE_ASSIGN(const auto machine, Machine::open(settings, options));
  VYRE_ASSIGN(const std::uint32_t x, machine->buffer(bytes_of(input)));
  VYRE_ASSIGN(const std::uint32_t c, machine->buffer(bytes_of(polynomial_coefficients())));
  VYRE_ASSIGN(const std::uint32_t y, machine->buffer(count * sizeof(float)));
  VYRE_ASSIGN(const std::uint32_t all, machine->set(std::array{x, c, y}));
  for (std::size_t i = 0; i < kOrders.size(); ++i) {
    const int order = kOrders[i];
    VYRE_ASSIGN(const std::uint32_t op, machine->add_program(polynomial_program(order)));
    const auto ours = machine->median_seconds({op, all, 0, 0}, kRuns);
    const double operations = 2.0 * order * static_cast<double>(count) * 1e-9;
    const auto rate = [&](const Result<double>& seconds) -> Result<double> {
      if (!seconds) return tl::unexpected<Error>(seconds.error());
      return operations / *seconds;
    };
    Row row;
    row.section = "polynomial";
    row.name = "interpreted/order:" + std::to_string(order);
    row.unit = "Gop/s";
    row.ours = Number(row.name, rate(ours));
    row.baselines = {Number("fused compiled kernel", rate(baselines[i].fused)),
                     Number("one row a thread, operators by switch", rate(baselines[i].rows))};
    if (order == 10) row.goal = 2'000;
    row.details = {{"elements", static_cast<double>(count)}};
    if (ours) {
      std::vector<float> result(count);
      VYRE_TRY(machine->read(
          y, {reinterpret_cast<std::uint8_t*>(result.data()), count * sizeof(float)}));
      if (!baselines[i].y.empty() &&
          std::memcmp(result.data(), baselines[i].y.data(), count * sizeof(float)) != 0) {
        row.ours =
            Number(row.name,
                   Result<double>(fail(Errc::mismatch,
                                       "the interpreter's bytes differ from the fused kernel's")));
      }
    }
    sink.add(row);
  }
  return {};
}

Status scaling_section(const Settings& settings, const RowSink& sink) {
  constexpr int kOrder{5};
  const std::uint64_t most = settings.quick ? kMiB : 1'024 * kMiB;
  const std::vector<float> input = inputs(most / sizeof(float));
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t bytes = 1'024; bytes <= most; bytes *= 4) sizes.push_back(bytes);

  const auto runs_for = [](std::uint64_t bytes) { return bytes <= 16 * kMiB ? 200 : 10; };
  std::vector<Result<Spread>> baselines;  // seconds
  {
    const auto arrays = Arrays::make(input);
    for (const std::uint64_t bytes : sizes) {
      baselines.push_back([&]() -> Result<Spread> {
        if (!arrays) return tl::unexpected<Error>(arrays.error());
        VYRE_ASSIGN(const Stream stream, Stream::make());
        std::vector<double> seconds;
        for (int run = 0; run <= runs_for(bytes); ++run) {
          const auto start = Clock::now();
          VYRE_TRY(launch_fused_polynomial(kOrder, arrays->x.get(), arrays->c.get(),
                                           arrays->y.get(), bytes / sizeof(float), stream.get()));
          VYRE_TRY(stream.wait());
          if (run > 0) seconds.push_back(seconds_since(start));
        }
        return spread_of(std::move(seconds));
      }());
    }
  }
  MachineOptions options;
  options.arena_bytes = 2 * most + 16 * kMiB;
  VYRE_ASSIGN(const auto machine, Machine::open(settings, options));
  VYRE_ASSIGN(const std::uint32_t op, machine->add_program(polynomial_program(kOrder)));
  VYRE_ASSIGN(const std::uint32_t c, machine->buffer(bytes_of(polynomial_coefficients())));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::uint64_t bytes = sizes[i];
    VYRE_ASSIGN(const std::uint32_t x,
                machine->buffer(bytes_of(std::span(input).first(bytes / sizeof(float)))));
    VYRE_ASSIGN(const std::uint32_t y, machine->buffer(bytes));
    VYRE_ASSIGN(const std::uint32_t all, machine->set(std::array{x, c, y}));
    const auto seconds = machine->spread_seconds({op, all, 0, 0}, runs_for(bytes));
    const auto us = [](const Result<Spread>& s) -> Result<double> {
      if (!s) return tl::unexpected<Error>(s.error());
      return s->p50 * 1e6;
    };
    Row row;
    row.section = "scaling";
    row.name = "order:5/bytes:" + std::to_string(bytes);
    row.unit = "us p50";
    row.less_is_better = true;
    row.ours = Number(row.name, us(seconds));
    row.baselines = {Number("launch of the fused kernel + synchronize", us(baselines[i]))};
    const auto detail = [&](const std::string& whose, const Result<Spread>& s) {
      if (!s) return;
      row.details.emplace_back(whose + "input_GB_per_s",
                               static_cast<double>(bytes) / s->p50 * 1e-9);
      row.details.emplace_back(whose + "p99_us", s->p99 * 1e6);
      row.details.emplace_back(whose + "max_us", s->max * 1e6);
    };
    detail("", seconds);
    detail("baseline_", baselines[i]);
    sink.add(row);
    for (const std::uint32_t handle : {all, x, y}) machine->release(handle);
  }
  return {};
}

}  // namespace vyre::bench
