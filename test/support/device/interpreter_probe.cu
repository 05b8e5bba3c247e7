// Plain launches of the interpreter: blocks of 16 warps with the slices and registers of the
// resident kernel's workers. Everything of one run goes up in one copy and comes back in one, with
// guard bytes around the buffers. API: support/device/interpreter_probe.hpp.
#include "support/device/interpreter_probe.hpp"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "cuda/interpreter/interpret.cuh"

namespace vyre::cuda {
namespace {

constexpr std::uint32_t kWarps{16};
constexpr std::uint32_t kThreads{kWarps * 32};
constexpr std::uint8_t kGuard{0xC3};
constexpr std::uint64_t kGuardBytes{64};
constexpr std::uint64_t kLanesOfARun{1'024};

struct Launch {
  core::ImageView image;
  const core::BoundBuffer* buffers;
  core::Grid grid;
  core::WorkgroupSpan span;
  std::uint64_t unit;  // workgroups that a warp runs at once
  std::uint64_t fuel;
  std::uint64_t workgroup_bytes;
  std::uint32_t uses_async;
  std::uint32_t slice_bytes;
  std::uint8_t* scratch;
  std::uint64_t scratch_bytes;
  core::RunResult* results;  // [warps]
};

__global__ void __launch_bounds__(kThreads, 1) interpret_spans(const Launch launch) {
  extern __shared__ uint4 shared[];
  const std::uint32_t warp = threadIdx.x / 32;
  const std::uint64_t index = std::uint64_t{blockIdx.x} * kWarps + warp;
  const interpreter::WarpMemory memory{
      reinterpret_cast<std::uint8_t*>(shared) + warp * launch.slice_bytes, launch.slice_bytes,
      launch.scratch + index * launch.scratch_bytes, launch.scratch_bytes};
  interpreter::Staged staged;
  core::RunResult total;
  const std::uint64_t step = std::uint64_t{gridDim.x} * kWarps * launch.unit;
  for (std::uint64_t at = index * launch.unit;
       at < launch.span.count && total.fault.code == FaultCode::none; at += step) {
    const std::uint64_t left = launch.span.count - at;
    const core::WorkgroupSpan span{launch.span.first + at, left < launch.unit ? left : launch.unit};
    const core::RunResult one =
        interpreter::run(launch.image, launch.workgroup_bytes, launch.uses_async != 0,
                         launch.buffers, launch.grid, span, launch.fuel, nullptr, memory, staged);
    total.instructions += one.instructions;
    total.fault = one.fault;
  }
  if (threadIdx.x % 32 == 0) launch.results[index] = total;
}

Status check(cudaError_t error) {
  if (error == cudaSuccess) return {};
  return fail(Errc::device_lost,
              std::string("the device interpreter: ") + cudaGetErrorString(error));
}

/// Host bytes that go to the device in one copy; offsets are multiples of 256.
class Parcel {
 public:
  template <class T>
  std::uint64_t add(const T* from, std::size_t count) {
    const std::uint64_t at = bytes_.size();
    bytes_.resize((at + count * sizeof(T) + kGuardBytes + 255) / 256 * 256, kGuard);
    if (count != 0) std::memcpy(bytes_.data() + at, from, count * sizeof(T));
    return at;
  }
  [[nodiscard]] std::vector<std::uint8_t>& bytes() { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace

class InterpreterProbe::Impl {
 public:
  explicit Impl(const InterpreterProbeOptions& options) : options_(options) {}
  ~Impl() {
    cudaFree(parcel_);
    cudaFree(scratch_);
    cudaFree(results_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status open() {
    const std::uint64_t warps = std::uint64_t{options_.blocks} * kWarps;
    VYRE_TRY(
        check(cudaFuncSetAttribute(interpret_spans, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(kWarps * options_.slice_bytes))));
    VYRE_TRY(check(cudaMalloc(&scratch_, warps * options_.scratch_bytes)));
    VYRE_TRY(check(cudaMalloc(&results_, warps * sizeof(core::RunResult))));
    return {};
  }

  Result<core::RunResult> run(const core::Image& image, std::span<const core::BufferView> buffers,
                              const core::Grid& grid, core::WorkgroupSpan span, std::uint64_t fuel,
                              Timing* timing) {
    const std::uint64_t need = interpreter::scratch_needed(image.view(), image.workgroup_bytes,
                                                           image.uses_async, options_.slice_bytes);
    if (need > options_.scratch_bytes) {
      return fail(Errc::unsupported, "the image needs " + std::to_string(need) +
                                         " bytes of scratch a warp on the device; there are " +
                                         std::to_string(options_.scratch_bytes));
    }
    Parcel parcel;
    const auto code = parcel.add(image.code.data(), image.code.size());
    const auto statements = parcel.add(image.statements.data(), image.statements.size());
    const auto constants = parcel.add(image.constants.data(), image.constants.size());
    const auto facts = parcel.add(image.buffers.data(), image.buffers.size());
    std::vector<core::BoundBuffer> bound(image.buffers.size());
    const auto table = parcel.add(bound.data(), bound.size());
    std::vector<std::uint64_t> places;
    for (std::size_t i = 0; i < bound.size(); ++i) {
      const bool ours = image.buffers[i].is_workgroup == 0 && i < buffers.size();
      places.push_back(ours ? parcel.add(buffers[i].data, buffers[i].bytes) : 0);
    }
    std::vector<std::uint8_t>& bytes = parcel.bytes();
    VYRE_TRY(reserve(bytes.size()));
    for (std::size_t i = 0; i < bound.size(); ++i) {
      const bool ours = image.buffers[i].is_workgroup == 0 && i < buffers.size();
      bound[i] = core::bind_buffer(
          ours ? core::BufferView{parcel_ + places[i], buffers[i].bytes} : core::BufferView{},
          image.buffers[i]);
    }
    if (!bound.empty())
      std::memcpy(bytes.data() + table, bound.data(), bound.size() * sizeof(core::BoundBuffer));

    Launch launch{};
    launch.image = image.view();
    launch.image.code = reinterpret_cast<const core::Instruction*>(parcel_ + code);
    launch.image.statements = reinterpret_cast<const std::uint32_t*>(parcel_ + statements);
    launch.image.constants = reinterpret_cast<const std::uint32_t*>(parcel_ + constants);
    launch.image.buffers = reinterpret_cast<const core::BufferFacts*>(parcel_ + facts);
    launch.buffers = reinterpret_cast<const core::BoundBuffer*>(parcel_ + table);
    launch.grid = grid;
    launch.span = span;
    const std::uint64_t lanes = std::max<std::uint32_t>(image.lanes(), 1);
    launch.unit = options_.workgroups_a_run != 0 ? options_.workgroups_a_run
                                                 : (kLanesOfARun + lanes - 1) / lanes;
    launch.fuel = fuel;
    launch.workgroup_bytes = image.workgroup_bytes;
    launch.uses_async = image.uses_async ? 1 : 0;
    launch.slice_bytes = options_.slice_bytes;
    launch.scratch = scratch_;
    launch.scratch_bytes = options_.scratch_bytes;
    launch.results = results_;

    VYRE_TRY(check(cudaMemcpy(parcel_, bytes.data(), bytes.size(), cudaMemcpyHostToDevice)));
    const auto start = [&] {
      interpret_spans<<<options_.blocks, kThreads, kWarps * options_.slice_bytes>>>(launch);
      return check(cudaGetLastError());
    };
    VYRE_TRY(start());
    if (timing != nullptr) VYRE_TRY(measure(start, *timing));
    std::vector<std::uint8_t> after(bytes.size());
    VYRE_TRY(check(cudaMemcpy(after.data(), parcel_, after.size(), cudaMemcpyDeviceToHost)));
    std::vector<core::RunResult> all(std::size_t{options_.blocks} * kWarps);
    VYRE_TRY(check(cudaMemcpy(all.data(), results_, all.size() * sizeof(core::RunResult),
                              cudaMemcpyDeviceToHost)));
    for (std::size_t i = 0; i < bound.size(); ++i) {
      if (image.buffers[i].is_workgroup != 0 || i >= buffers.size()) continue;
      if (buffers[i].bytes != 0)
        std::memcpy(buffers[i].data, after.data() + places[i], buffers[i].bytes);
      std::memcpy(bytes.data() + places[i], after.data() + places[i], buffers[i].bytes);
    }
    const auto outside = std::mismatch(bytes.begin(), bytes.end(), after.begin());
    if (outside.first != bytes.end()) {
      return fail(Errc::device_lost, "the device interpreter wrote outside every buffer, at byte " +
                                         std::to_string(outside.first - bytes.begin()));
    }
    core::RunResult total;
    for (const core::RunResult& r : all) {
      total.instructions += r.instructions;
      if (r.fault.code == FaultCode::none) continue;
      if (total.fault.code == FaultCode::none || r.fault.workgroup < total.fault.workgroup)
        total.fault = r.fault;
    }
    return total;
  }

 private:
  template <class Start>
  static Status measure(const Start& start, Timing& timing) {
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    VYRE_TRY(check(cudaEventCreate(&begin)));
    VYRE_TRY(check(cudaEventCreate(&end)));
    Status status;
    for (std::uint32_t k = 0; k < timing.runs && status; ++k) {
      float ms = 0;
      status = check(cudaEventRecord(begin));
      if (status) status = start();
      if (status) status = check(cudaEventRecord(end));
      if (status) status = check(cudaEventSynchronize(end));
      if (status) status = check(cudaEventElapsedTime(&ms, begin, end));
      if (status) timing.seconds.push_back(ms * 1e-3);
    }
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    return status;
  }

  Status reserve(std::uint64_t bytes) {
    if (bytes <= capacity_) return {};
    cudaFree(parcel_);
    parcel_ = nullptr;
    capacity_ = 0;
    VYRE_TRY(check(cudaMalloc(&parcel_, bytes * 2)));
    capacity_ = bytes * 2;
    return {};
  }

  InterpreterProbeOptions options_;
  std::uint8_t* parcel_{nullptr};
  std::uint8_t* scratch_{nullptr};
  core::RunResult* results_{nullptr};
  std::uint64_t capacity_{0};
};

InterpreterProbe::InterpreterProbe(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
InterpreterProbe::~InterpreterProbe() = default;
InterpreterProbe::InterpreterProbe(InterpreterProbe&&) noexcept = default;
InterpreterProbe& InterpreterProbe::operator=(InterpreterProbe&&) noexcept = default;

Result<InterpreterProbe> InterpreterProbe::open(const InterpreterProbeOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  VYRE_TRY(impl->open());
  return InterpreterProbe(std::move(impl));
}

Result<core::RunResult> InterpreterProbe::run(const core::Image& image,
                                              std::span<const core::BufferView> buffers,
                                              const core::Grid& grid, core::WorkgroupSpan span,
                                              std::uint64_t fuel, Timing* timing) {
  return impl_->run(image, buffers, grid, span, fuel, timing);
}

}  // namespace vyre::cuda
