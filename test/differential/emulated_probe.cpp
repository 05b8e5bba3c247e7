// InterpreterProbe without a device: the headers of cuda/interpreter compiled for the host and run
// by an emulated warp, one span after another. What it cannot show is what the device's compiler
// and hardware make of them; what it shows is the logic, and every missing synchronisation.
#include "support/emulated_cuda.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "cuda/door/device_probe.hpp"
#include "cuda/interpreter/interpret.cuh"
#include "support/device/interpreter_probe.hpp"

namespace vyre::cuda {
namespace {

constexpr std::uint8_t kGuard{0xC3};
constexpr std::size_t kGuardBytes{4'096};
constexpr std::uint64_t kLanesOfARun{1'024};

bool untouched(const std::uint8_t* bytes) {
  return std::all_of(bytes, bytes + kGuardBytes, [](std::uint8_t b) { return b == kGuard; });
}

template <class T>
T* aligned(std::vector<std::uint8_t>& storage, std::size_t to) {
  const auto address = reinterpret_cast<std::uintptr_t>(storage.data());
  return reinterpret_cast<T*>(storage.data() + (to - address % to) % to);
}

}  // namespace

class InterpreterProbe::Impl {
 public:
  explicit Impl(const InterpreterProbeOptions& given) : options(given) {}
  InterpreterProbeOptions options;
};

InterpreterProbe::InterpreterProbe(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
InterpreterProbe::~InterpreterProbe() = default;
InterpreterProbe::InterpreterProbe(InterpreterProbe&&) noexcept = default;
InterpreterProbe& InterpreterProbe::operator=(InterpreterProbe&&) noexcept = default;

Result<InterpreterProbe> InterpreterProbe::open(const InterpreterProbeOptions& options) {
  return InterpreterProbe(std::make_unique<Impl>(options));
}

Result<core::RunResult> InterpreterProbe::run(const core::Image& image,
                                              std::span<const core::BufferView> buffers,
                                              const core::Grid& grid, core::WorkgroupSpan span,
                                              std::uint64_t fuel, Timing*) {
  const InterpreterProbeOptions& o = impl_->options;
  const std::uint64_t need = interpreter::scratch_needed(image.view(), image.workgroup_bytes,
                                                         image.uses_async, o.slice_bytes);
  if (need > o.scratch_bytes) {
    return fail(Errc::unsupported, "the image needs " + std::to_string(need) +
                                       " bytes of scratch a warp; there are " +
                                       std::to_string(o.scratch_bytes));
  }
  std::vector<core::BoundBuffer> bound;
  for (std::size_t i = 0; i < image.buffers.size(); ++i) {
    const bool ours = image.buffers[i].is_workgroup == 0 && i < buffers.size();
    bound.push_back(core::bind_buffer(ours ? buffers[i] : core::BufferView{}, image.buffers[i]));
  }
  std::vector<std::uint8_t> scratch(o.scratch_bytes + 256, 0xAB);
  std::vector<std::uint8_t> code(image.code.size() * sizeof(core::Instruction) + 16);
  core::ImageView view = image.view();
  auto* const instructions = aligned<core::Instruction>(code, 16);
  std::memcpy(instructions, image.code.data(), image.code.size() * sizeof(core::Instruction));
  view.code = instructions;
  std::uint8_t* const shared = test::emulated_shared();
  std::fill_n(shared, 2 * kGuardBytes + o.slice_bytes, kGuard);
  const interpreter::WarpMemory memory{shared + kGuardBytes, o.slice_bytes,
                                       aligned<std::uint8_t>(scratch, 256), o.scratch_bytes};

  const std::uint64_t lanes = std::max<std::uint32_t>(image.lanes(), 1);
  const std::uint64_t unit =
      o.workgroups_a_run != 0 ? o.workgroups_a_run : (kLanesOfARun + lanes - 1) / lanes;
  std::array<interpreter::Staged, 32> staged;
  core::RunResult total;
  for (std::uint64_t at = 0; at < span.count && total.fault.code == FaultCode::none; at += unit) {
    std::array<core::RunResult, 32> ran;
    const core::WorkgroupSpan part{span.first + at, std::min(unit, span.count - at)};
    test::run_warp([&](std::uint32_t lane) {
      ran[lane] = interpreter::run(view, image.workgroup_bytes, image.uses_async, bound.data(),
                                   grid, part, fuel, nullptr, memory, staged[lane]);
    });
    for (const core::RunResult& one : ran) {
      if (one.fault.code != ran[0].fault.code || one.fault.workgroup != ran[0].fault.workgroup ||
          one.fault.lane != ran[0].fault.lane || one.instructions != ran[0].instructions) {
        return fail(Errc::device_lost, "the lanes of a warp do not agree on the result");
      }
    }
    if (!untouched(shared) || !untouched(shared + kGuardBytes + o.slice_bytes))
      return fail(Errc::device_lost, "a warp wrote outside its slice");
    total.instructions += ran[0].instructions;
    total.fault = ran[0].fault;
  }
  return total;
}

Result<DeviceProbe> probe_device(std::string_view) {
  DeviceProbe probe;
  probe.device = "an emulated warp";
  return probe;
}

}  // namespace vyre::cuda
