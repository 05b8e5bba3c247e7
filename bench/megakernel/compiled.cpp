// Compiled programs on the resident kernel beside the same programs interpreted: the f32 polynomial
// over 2^26 elements in operations a second (2 x order an element), with the fused compiled kernel
// as a baseline of the same run, and one tiny item there and back. Inside the timed region: publish
// until the completion has been read by the polling thread; of the fused kernel: between two events
// around the launch. Also what adding a program takes when its form is compiled, and when the cache
// has it.
#include <cstring>

#include "megakernel/machine.hpp"
#include "megakernel/tiny_items.hpp"
#include "support/polynomial.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint64_t kPolynomialElements{std::uint64_t{1} << 26};
constexpr int kPolynomialRuns{20};
constexpr std::uint32_t kTinyRounds{20'000};

std::vector<float> polynomial_inputs(std::uint64_t count) {
  std::vector<float> x(count);
  for (std::uint64_t i = 0; i < count; ++i) x[i] = polynomial_input(i);
  return x;
}

ByteSpan bytes_over(std::span<const float> values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

struct Form {
  std::vector<Result<double>> seconds;  // of kOrders
  std::vector<std::vector<float>> y;
  Result<double> tiny_us{0.0};
  Result<double> add_ms{0.0};  // a program of order 10
};

Result<double> tiny_round_trip_us(Machine& machine) {
  VYRE_ASSIGN(const std::vector<MegakernelWorkItem> items, make_tiny_items(machine, 1));
  VYRE_TRY(machine.round_trips_ns(items[0], kTinyRounds / 10));
  VYRE_ASSIGN(std::vector<double> ns, machine.round_trips_ns(items[0], kTinyRounds));
  VYRE_TRY(check_tiny_items(machine, items));
  return spread_of(std::move(ns)).p50 * 1e-3;
}

Result<Form> measure_form(const Settings& settings, std::span<const float> input,
                          backend::Jit jit) {
  Form form;
  MachineOptions options;
  options.arena_bytes = 2 * input.size_bytes() + 16 * kMiB;
  options.jit = jit;
  VYRE_ASSIGN(const auto machine, Machine::open(settings, options));
  VYRE_ASSIGN(const std::uint32_t x, machine->buffer(bytes_over(input)));
  VYRE_ASSIGN(const std::uint32_t c, machine->buffer(bytes_over(polynomial_coefficients())));
  VYRE_ASSIGN(const std::uint32_t y, machine->buffer(input.size_bytes()));
  VYRE_ASSIGN(const std::uint32_t all, machine->set(std::array{x, c, y}));
  for (const int order : kOrders) {
    const auto begun = Clock::now();
    VYRE_ASSIGN(const std::uint32_t op, machine->add_program(polynomial_program(order)));
    form.add_ms = seconds_since(begun) * 1e3;
    form.seconds.push_back(machine->median_seconds({op, all, 0, 0}, kPolynomialRuns));
    form.y.emplace_back(input.size());
    VYRE_TRY(machine->read(
        y, {reinterpret_cast<std::uint8_t*>(form.y.back().data()), input.size_bytes()}));
  }
  form.tiny_us = tiny_round_trip_us(*machine);
  return form;
}

Result<double> fused_seconds(int order, std::span<const float> input) {
  VYRE_ASSIGN(const auto x, device_memory<float>(input.size()));
  VYRE_ASSIGN(const auto y, device_memory<float>(input.size()));
  VYRE_ASSIGN(const auto c, device_memory<float>(16));
  const auto coefficients = polynomial_coefficients();
  VYRE_TRY(check(cudaMemcpy(x.get(), input.data(), input.size_bytes(), cudaMemcpyHostToDevice),
                 "filling x"));
  VYRE_TRY(
      check(cudaMemcpy(c.get(), coefficients.data(), sizeof coefficients, cudaMemcpyHostToDevice),
            "filling c"));
  VYRE_TRY(check(cudaDeviceSynchronize(), "filling arrays"));
  return device_seconds(kPolynomialRuns, [&](cudaStream_t stream) {
    return launch_fused_polynomial(order, x.get(), c.get(), y.get(), input.size(), stream);
  });
}

Row row_of(const char* name, const char* unit) {
  Row row;
  row.section = "compiled";
  row.name = name;
  row.unit = unit;
  return row;
}

}  // namespace

Status compiled_section(const Settings& settings, const RowSink& sink) {
  const std::uint64_t count = settings.quick ? kPolynomialElements / 256 : kPolynomialElements;
  const std::vector<float> input = polynomial_inputs(count);
  std::vector<Result<double>> fused;
  for (const int order : kOrders) fused.push_back(fused_seconds(order, input));
  VYRE_ASSIGN(const Form plain, measure_form(settings, input, backend::Jit::off));
  Result<Form> forced = measure_form(settings, input, backend::Jit::force);
  if (!forced && forced.error().code == Errc::unsupported) {
    Row row = row_of("order:10", "Gop/s");
    row.ours = Number(row.name, Result<double>(tl::unexpected<Error>(forced.error())));
    sink.add(row);
    return {};
  }
  VYRE_ASSIGN(const Form compiled, std::move(forced));
  VYRE_ASSIGN(const Form again, measure_form(settings, input, backend::Jit::force));
  for (std::size_t i = 0; i < kOrders.size(); ++i) {
    const double operations = 2.0 * kOrders[i] * static_cast<double>(count) * 1e-9;
    const auto rate = [&](const Result<double>& seconds) -> Result<double> {
      if (!seconds) return tl::unexpected<Error>(seconds.error());
      return operations / *seconds;
    };
    Row row = row_of("", "Gop/s");
    row.name = "order:" + std::to_string(kOrders[i]);
    row.ours = Number(row.name, rate(compiled.seconds[i]));
    if (std::memcmp(compiled.y[i].data(), plain.y[i].data(), count * sizeof(float)) != 0) {
      row.ours = Number(row.name, Result<double>(fail(Errc::mismatch,
                                                      "the compiled form's bytes differ from the "
                                                      "interpreter's")));
    }
    row.baselines = {Number("fused compiled kernel", rate(fused[i])),
                     Number("interpreted", rate(plain.seconds[i]))};
    row.goal = 0.9;
    row.goal_is_ratio = true;
    sink.add(row);
  }
  Row tiny = row_of("tiny/round_trip", "us p50");
  tiny.less_is_better = true;
  tiny.ours = Number(tiny.name, compiled.tiny_us);
  tiny.baselines = {Number("interpreted", plain.tiny_us)};
  tiny.goal = 1.0;
  tiny.goal_is_ratio = true;
  sink.add(tiny);
  Row add = row_of("add/order:10", "ms");
  add.less_is_better = true;
  add.ours = Number(add.name, compiled.add_ms);
  add.baselines = {Number("the form in the cache", again.add_ms),
                   Number("interpreted", plain.add_ms)};
  sink.add(add);
  return {};
}

}  // namespace vyre::bench
