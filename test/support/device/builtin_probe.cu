// Built-in ops by plain launches: a grid for each phase, warps take units in turn. Blocks look like
// those of the resident kernel. API: support/device/builtin_probe.hpp.
#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cuda/builtin/builtin_ops.cuh"
#include "support/device/builtin_probe.hpp"

namespace vyre::cuda {
namespace {

constexpr std::uint32_t kBlockWarps{16};
constexpr std::uint32_t kBlockThreads{kBlockWarps * builtin::kLanes};
constexpr std::uint32_t kSharedBytes{13 * 1024};  // of a warp
constexpr std::uint32_t kMaxPhases{4'096};        // no op over memory that exists has so many

/// What the device says of a call; pinned.
struct Answer {
  std::uint64_t scratch_bytes;
  std::uint32_t units;
  FaultCode code;
};

__global__ void __launch_bounds__(builtin::kLanes)
    ask(const builtin::Call call, std::uint32_t phase, bool over, Answer* answer) {
  const FaultCode code = over ? builtin::outcome(call) : builtin::check(call);
  std::uint32_t units = 0;
  std::uint64_t scratch = 0;
  if (!over && code == FaultCode::none) {
    scratch = builtin::scratch_needed(call);
    units = builtin::units(call, phase);
  }
  if (threadIdx.x == 0) *answer = {scratch, units, code};
}

__global__ void __launch_bounds__(kBlockThreads, 1)
    run_phase(const builtin::Call call, std::uint32_t phase) {
  extern __shared__ uint4 block_memory[];
  const std::uint32_t warp = threadIdx.x / builtin::kLanes;
  const builtin::WarpMemory memory{
      reinterpret_cast<std::uint8_t*>(block_memory) + warp * kSharedBytes, kSharedBytes};
  const std::uint32_t units = builtin::units(call, phase);
  for (std::uint32_t unit = blockIdx.x + warp * gridDim.x; unit < units;
       unit += gridDim.x * kBlockWarps) {
    builtin::run_unit(call, phase, unit, memory);
    __syncwarp();
  }
}

Status checked(cudaError_t error) {
  if (error == cudaSuccess) return {};
  return fail(Errc::device_lost, std::string("built-in ops: ") + cudaGetErrorString(error));
}

struct Free {
  void operator()(void* p) const { cudaFree(p); }
};
struct FreePinned {
  void operator()(Answer* p) const { cudaFreeHost(p); }
};
using DeviceMemory = std::unique_ptr<void, Free>;

Result<DeviceMemory> allocate(std::uint64_t bytes) {
  void* data = nullptr;
  VYRE_TRY(checked(cudaMalloc(&data, std::max<std::uint64_t>(bytes, 16))));
  return DeviceMemory(data);
}

}  // namespace

struct BuiltinLaunch::State {
  builtin::Call call{};
  DeviceMemory scratch;
  std::unique_ptr<Answer, FreePinned> answer;
  std::uint32_t blocks{1};
  std::uint32_t phases{0};

  Result<Answer> ask_device(std::uint32_t phase, bool over) {
    ask<<<1, builtin::kLanes>>>(call, phase, over, answer.get());
    VYRE_TRY(checked(cudaGetLastError()));
    VYRE_TRY(checked(cudaDeviceSynchronize()));
    return *answer;
  }
  Status launch(std::uint32_t phase, cudaStream_t stream = nullptr) {
    run_phase<<<blocks, kBlockThreads, kSharedBytes * kBlockWarps, stream>>>(call, phase);
    return checked(cudaGetLastError());
  }
};

BuiltinLaunch::BuiltinLaunch(BuiltinLaunch&& other) noexcept : state_(other.state_) {
  other.state_ = nullptr;
}
BuiltinLaunch::~BuiltinLaunch() {
  delete state_;
}

Result<BuiltinLaunch> BuiltinLaunch::make(std::uint32_t op, std::span<const DeviceSpan> inputs,
                                          std::span<const DeviceSpan> outputs,
                                          std::uint32_t param) {
  if (inputs.size() > builtin::kMaxInputs || outputs.size() > builtin::kMaxOutputs)
    return fail(Errc::invalid_argument, "a built-in op has at most 2 inputs and 2 outputs");
  auto state = std::make_unique<State>();
  builtin::Call& call = state->call;
  call.op = op;
  call.param = param;
  call.input_count = static_cast<std::uint32_t>(inputs.size());
  call.output_count = static_cast<std::uint32_t>(outputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    call.inputs[i] = {static_cast<std::uint8_t*>(inputs[i].data), inputs[i].bytes};
  for (std::size_t i = 0; i < outputs.size(); ++i)
    call.outputs[i] = {static_cast<std::uint8_t*>(outputs[i].data), outputs[i].bytes};
  VYRE_ASSIGN(state->scratch, allocate(builtin::kScratchBytes));
  call.scratch = static_cast<std::uint8_t*>(state->scratch.get());
  Answer* answer = nullptr;
  VYRE_TRY(checked(cudaMallocHost(&answer, sizeof(Answer))));
  state->answer.reset(answer);
  int blocks = 0;
  VYRE_TRY(checked(cudaDeviceGetAttribute(&blocks, cudaDevAttrMultiProcessorCount, 0)));
  state->blocks = static_cast<std::uint32_t>(blocks);
  VYRE_TRY(checked(cudaFuncSetAttribute(run_phase, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                        kSharedBytes * kBlockWarps)));
  return BuiltinLaunch(state.release());
}

Result<FaultCode> BuiltinLaunch::run() {
  State& s = *state_;
  for (s.phases = 0; s.phases < kMaxPhases; ++s.phases) {
    VYRE_ASSIGN(const Answer answer, s.ask_device(s.phases, false));
    if (answer.code != FaultCode::none) return answer.code;
    if (answer.scratch_bytes > builtin::kScratchBytes)
      return fail(
          Errc::limit_exceeded,
          "a built-in op asks for " + std::to_string(answer.scratch_bytes) + " bytes of scratch");
    if (answer.units == 0) break;
    VYRE_TRY(s.launch(s.phases));
  }
  VYRE_ASSIGN(const Answer last, s.ask_device(0, true));
  return last.code;
}

Status BuiltinLaunch::enqueue(void* stream) {
  for (std::uint32_t phase = 0; phase < state_->phases; ++phase)
    VYRE_TRY(state_->launch(phase, static_cast<cudaStream_t>(stream)));
  return {};
}

Result<FaultCode> run_builtin_on_device(std::uint32_t op,
                                        std::span<const vyre::builtin::Buffer> inputs,
                                        std::span<const vyre::builtin::Buffer> outputs,
                                        std::uint32_t param) {
  std::vector<DeviceMemory> memory;
  std::array<std::vector<DeviceSpan>, 2> spans;
  std::array<std::vector<vyre::builtin::Binding>, 2> bindings;
  const std::array sides{inputs, outputs};
  for (std::size_t side = 0; side < 2; ++side) {
    for (const vyre::builtin::Buffer& buffer : sides[side])
      bindings[side].push_back({buffer.bytes, buffer.handle, buffer.read_only ? 1u : 0u});
  }
  const FaultCode refused = vyre::builtin::check(op, bindings[0].data(), bindings[0].size(),
                                                 bindings[1].data(), bindings[1].size(), param);
  if (refused != FaultCode::none) return refused;
  for (std::size_t side = 0; side < 2; ++side) {
    for (const vyre::builtin::Buffer& buffer : sides[side]) {
      VYRE_ASSIGN(DeviceMemory data, allocate(buffer.bytes));
      if (buffer.bytes != 0)
        VYRE_TRY(
            checked(cudaMemcpy(data.get(), buffer.data, buffer.bytes, cudaMemcpyHostToDevice)));
      spans[side].push_back({data.get(), buffer.bytes});
      memory.push_back(std::move(data));
    }
  }
  VYRE_ASSIGN(BuiltinLaunch launch, BuiltinLaunch::make(op, spans[0], spans[1], param));
  VYRE_ASSIGN(const FaultCode code, launch.run());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].bytes != 0)
      VYRE_TRY(checked(
          cudaMemcpy(outputs[i].data, spans[1][i].data, outputs[i].bytes, cudaMemcpyDeviceToHost)));
  }
  return code;
}

}  // namespace vyre::cuda
