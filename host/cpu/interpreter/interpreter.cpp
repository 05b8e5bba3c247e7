// The interpreter's outside: picks the variant, sizes frames, owns registers, masks and workgroup
// memory.
#include "cpu/interpreter/interpreter.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "async.hpp"
#include "request.hpp"

namespace vyre::cpu {
namespace {

static_assert(sizeof(std::atomic<bool>) == sizeof(bool) && std::atomic<bool>::is_always_lock_free,
              "the variants read the stop flag by its address");

// Frames. Registers of a frame should stay in a first-level cache of 32 KiB beside the data they
// stream over.
constexpr std::uint32_t kRegisterFileBytes{20'480};
constexpr std::uint32_t kMinFlatWidth{64};
constexpr std::uint32_t kMaxFlatWidth{
    256};  // wider frames stream worse (interpreter_bench, 2026-11-22)
constexpr std::uint32_t kLaneGroup{32};

// Tallies: 16 KiB at most for a whole buffer, 2 KiB for a window of one.
constexpr std::uint64_t kWholeTallyWords{1'023};
constexpr std::uint32_t kTallySlots{256};
constexpr std::uint64_t kEnoughGroups{1 << 16};  // so that lanes cannot overflow

constexpr std::uint32_t round_up(std::uint64_t x, std::uint32_t to) {
  return static_cast<std::uint32_t>((x + to - 1) / to * to);
}

struct Choice {
  RunFunction run;
  std::string_view name;
};

/// The fastest first.
std::vector<Choice> choices() {
  std::vector<Choice> found;
#if defined(VYRE_CPU_VARIANTS)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("fma")) {
    found.push_back({run_avx512, "avx512"});
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    found.push_back({run_avx2, "avx2"});
#endif
  found.push_back({run_baseline, "baseline"});
  return found;
}

const Choice& chosen() {
  static const Choice choice = choices().front();
  return choice;
}

const Choice& named(std::string_view variant) {
  static const std::vector<Choice> all = choices();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Choice& c) { return c.name == variant; });
  return found == all.end() ? chosen() : *found;
}

std::uint32_t frame_width(const core::Image& image, std::uint64_t lanes, std::uint64_t fuel) {
  if (!image.flat) return round_up(image.lanes(), kLaneGroup);
  const std::uint32_t lane_bytes = 4 * (image.vector_registers + 2);
  std::uint32_t width = std::clamp(kRegisterFileBytes / lane_bytes, kMinFlatWidth, kMaxFlatWidth);
  width = width / kLaneGroup * kLaneGroup;
  if (image.loops && image.lanes() <= width) {  // no wider than what a frame takes
    width = round_up(core::frame_lanes(image.view(), width), kLaneGroup);
  } else if (image.loops && fuel <= core::kSmallFuel) {
    width = round_up(image.lanes(), kLaneGroup);
  }
  return lanes < width ? round_up(std::max<std::uint64_t>(lanes, 1), kLaneGroup) : width;
}

}  // namespace

class Interpreter::Impl {
 public:
  explicit Impl(RunFunction function) : function_(function) {}

  core::RunResult run(const core::Image& image, std::span<const core::BufferView> buffers,
                      const core::Grid& grid, core::WorkgroupSpan span, std::uint64_t fuel,
                      const std::atomic<bool>* stop, const FileAsks* asks, std::uint64_t* passed) {
    const std::uint64_t lanes = image.lanes() * std::min<std::uint64_t>(span.count, kMaxFlatWidth);
    RunRequest request{};
    request.image = image.view();
    request.plain_code = image.code.data();
    // Rows stand for whole frames of lanes side by side.
    const bool rows = !image.byte_code.empty() && grid[1] == 1 && grid[2] == 1 &&
                      (image.flat || image.lanes() % kLaneGroup == 0);
    if (rows) {
      request.image.code = image.byte_code.data();
      request.byte_runs = image.byte_runs.data();
      request.byte_steps = image.byte_steps.data();
      request.ids_on_demand = image.ids_on_demand;
    }
    request.width = frame_width(image, lanes, fuel);
    request.grid = grid;
    request.span = span;
    request.fuel = fuel;
    request.stop = reinterpret_cast<const bool*>(stop);
    request.passed = passed;
    place(request, image);
    bind(request, image, buffers);
    make_tallies(request, image);
    make_windows(request, image);
    request.idle_instructions = image.idle_instructions;
    request.async = copies_.door();
    request.uses_async = image.uses_async;
    std::optional<AsyncCopies::Run> run;
    if (image.uses_async) run.emplace(copies_, bound_.data(), asks, stop);
    return function_(request);
  }

 private:
  void place(RunRequest& r, const core::Image& image) {
    const std::size_t width = r.width;
    const std::size_t words = width * (image.vector_registers + std::size_t{image.mask_count} + 2) +
                              image.scalar_registers + 16;
    const std::size_t longs = width;
    const std::size_t rows = r.byte_runs == nullptr ? 0 : width * core::kByteSlots;
    const std::size_t bytes = words * 4 + longs * 8 + image.mask_count + rows + 320;
    if (bytes > frame_.size()) frame_.resize(bytes);
    auto* at = align(frame_.data());
    const auto take = [&at](std::size_t n) {
      auto* const here = at;
      at = align(at + n);
      return here;
    };
    r.vectors = reinterpret_cast<std::uint32_t*>(take(width * image.vector_registers * 4));
    r.masks = reinterpret_cast<std::uint32_t*>(take(width * image.mask_count * 4));
    r.live = reinterpret_cast<std::uint32_t*>(take(width * 4));
    r.iterations = reinterpret_cast<std::uint32_t*>(take(width * 4));
    r.iterations_before = reinterpret_cast<std::uint64_t*>(take(width * 8));
    r.scalars = reinterpret_cast<std::uint32_t*>(take(std::size_t{image.scalar_registers} * 4));
    r.mask_active = reinterpret_cast<core::Active*>(take(image.mask_count));
    r.byte_rows = take(rows);
  }

  static std::uint8_t* align(std::uint8_t* p) {
    return p + (64 - reinterpret_cast<std::uintptr_t>(p) % 64) % 64;
  }

  void bind(RunRequest& r, const core::Image& image, std::span<const core::BufferView> buffers) {
    if (image.workgroup_bytes + 16 > workgroup_.size())
      workgroup_.resize(image.workgroup_bytes + 16);
    bound_.resize(image.buffers.size());
    std::uint8_t* const base =
        workgroup_.data() + (16 - reinterpret_cast<std::uintptr_t>(workgroup_.data()) % 16) % 16;
    std::uint64_t used = 0;
    for (std::size_t i = 0; i < bound_.size(); ++i) {
      const core::BufferFacts& facts = image.buffers[i];
      core::BufferView view = i < buffers.size() ? buffers[i] : core::BufferView{};
      if (facts.is_workgroup != 0) {
        view = {base + used, facts.workgroup_bytes};
        used += (std::uint64_t{facts.workgroup_bytes} + 15) / 16 * 16;
      }
      bound_[i] = core::bind_buffer(view, facts);
    }
    r.buffers = bound_.data();
    r.workgroup_memory = base;
    r.workgroup_bytes = used;
  }

  /// Small buffers are kept whole where the run has lanes enough to pay for it, and a window of
  /// larger ones.
  void make_tallies(RunRequest& r, const core::Image& image) {
    if (image.tallies.empty()) return;
    const std::uint64_t lanes =
        image.lanes() * std::min<std::uint64_t>(r.span.count, kEnoughGroups);
    tallies_.clear();
    std::size_t words = 0;
    for (const core::TallyFacts& facts : image.tallies) {
      const core::BoundBuffer& buffer = bound_[facts.buffer];
      const std::uint64_t count = std::uint64_t{buffer.last} + 1;
      if (buffer.nonempty == 0 || count > kNoPlace) continue;
      Tally tally{facts.buffer, facts.code, nullptr, 0, nullptr, 0};
      if (count <= kWholeTallyWords && count * kTallyRows <= lanes) {
        tally.words_count = static_cast<std::uint32_t>(count + 1) * kTallyRows;
      } else if (lanes >= kTallySlots) {
        tally.words_count = kTallySlots;
        tally.slots = kTallySlots;
      } else {
        continue;
      }
      words += tally.words_count + std::size_t{tally.slots};
      tallies_.push_back(tally);
    }
    if (words > tally_words_.size()) tally_words_.resize(words);
    std::uint32_t* at = tally_words_.data();
    for (Tally& tally : tallies_) {
      tally.words = at;
      tally.places = at + tally.words_count;
      at += tally.words_count + std::size_t{tally.slots};
    }
    r.tallies = tallies_.data();
    r.tally_count = static_cast<std::uint32_t>(tallies_.size());
  }

  /// For loads of bytes from buffers that share no memory with any that the program writes to.
  void make_windows(RunRequest& r, const core::Image& image) {
    if (image.read_bytewise.empty()) return;
    steady_.assign(bound_.size(), 0);
    bool any = false;
    for (const std::uint32_t b : image.read_bytewise) {
      const auto apart = [&](std::uint32_t w) {
        const std::less_equal<const std::uint8_t*> not_behind;
        return not_behind(bound_[w].data + bound_[w].bytes, bound_[b].data) ||
               not_behind(bound_[b].data + bound_[b].bytes, bound_[w].data);
      };
      const bool steady = std::all_of(image.written.begin(), image.written.end(), apart);
      steady_[b] = steady ? 1 : 0;
      any = any || steady;
    }
    if (!any) return;
    const std::size_t each = std::size_t{r.width} * (kWindowWords + 1);
    if (window_words_.size() < each * kWindowSites) window_words_.resize(each * kWindowSites);
    for (std::size_t k = 0; k < kWindowSites; ++k) {
      windows_[k] = {};
      windows_[k].first = window_words_.data() + k * each;
      windows_[k].words = windows_[k].first + r.width;
    }
    r.windows = windows_.data();
    r.steady = steady_.data();
  }

  RunFunction function_;
  std::vector<std::uint8_t> frame_;
  std::vector<std::uint8_t> workgroup_;
  std::vector<core::BoundBuffer> bound_;
  std::vector<Tally> tallies_;
  std::vector<std::uint32_t> tally_words_;
  std::array<Windows, kWindowSites> windows_;
  std::vector<std::uint32_t> window_words_;
  std::vector<std::uint8_t> steady_;
  AsyncCopies copies_;
};

Interpreter::Interpreter() : impl_(std::make_unique<Impl>(chosen().run)) {}
Interpreter::Interpreter(std::string_view variant)
    : impl_(std::make_unique<Impl>(named(variant).run)) {}
Interpreter::~Interpreter() = default;
Interpreter::Interpreter(Interpreter&&) noexcept = default;
Interpreter& Interpreter::operator=(Interpreter&&) noexcept = default;

core::RunResult Interpreter::run(const core::Image& image,
                                 std::span<const core::BufferView> buffers, const core::Grid& grid,
                                 core::WorkgroupSpan span, std::uint64_t fuel,
                                 const std::atomic<bool>* stop, const FileAsks* asks,
                                 std::uint64_t* passed) {
  return impl_->run(image, buffers, grid, span, fuel, stop, asks, passed);
}

std::string_view Interpreter::variant() {
  return chosen().name;
}

std::vector<std::string_view> Interpreter::variants() {
  std::vector<std::string_view> names;
  for (const Choice& choice : choices()) names.push_back(choice.name);
  return names;
}

}  // namespace vyre::cpu
