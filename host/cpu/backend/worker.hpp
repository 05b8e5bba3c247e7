// One worker thread of the CPU backend: takes batches, runs items, posts completions, helps with
// items that others spread. Host only. Everything here belongs to the worker's thread, except what
// happens after its death.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "costs.hpp"
#include "cpu/interpreter/interpreter.hpp"
#include "state.hpp"

namespace vyre::cpu {

class Worker {
 public:
  Worker(State& state, std::uint32_t index) : state_(state), index_(index) {
    asks_.ring = state.options.ring_pump;
  }

  /// The thread's body: until State::exit, or until the worker dies. No exception leaves it.
  void run() noexcept;
  [[nodiscard]] std::uint64_t heartbeat() const noexcept {
    return heartbeat_.load(std::memory_order_relaxed);  // relaxed: a count
  }
  /// It runs items at this moment, or a share of one.
  [[nodiscard]] bool busy() const noexcept {
    return busy_.load(std::memory_order_relaxed) != 0;  // relaxed: a sample
  }
  [[nodiscard]] const Costs& costs() const noexcept { return costs_; }

 private:
  struct BoundRange {  // of memory that the item names
    const std::uint8_t* begin{nullptr};
    const std::uint8_t* end{nullptr};
    bool writes{false};
    std::uint32_t handle{0};
  };
  struct Launch {  // the last grid of an op, for items of the same shape
    std::vector<std::uint64_t> lengths;
    std::uint32_t param{0};
    core::Grid grid{};
    std::uint64_t total{0};
  };
  struct Ended {  // not posted yet
    std::uint32_t queue{0};
    std::uint32_t count{0};
    std::array<Completion, kBatchItems> completions;
    std::array<std::uint64_t, kBatchItems> positions;
  };

  [[nodiscard]] bool step();  // false: nothing to do
  void sleep();
  /// False: the worker dies in the middle of it (fault injection).
  [[nodiscard]] bool run_batch();
  [[nodiscard]] Completion run_item(const Work& work);
  /// Runs the members one after another; false: the worker dies in the middle of it.
  [[nodiscard]] bool run_region(const Work& work, Completion& completion);
  /// A member: run_item(), or that there was no memory for it; false: the worker dies instead.
  [[nodiscard]] bool run_or_die(const Work& work, Completion& completion);
  /// What the item that the worker died in comes to.
  [[nodiscard]] Completion lost(const Work& work);
  /// none, a fault, or shutdown.
  [[nodiscard]] FaultCode run_builtin(const MegakernelWorkItem& item, const OpRecord& op);
  /// Of an op whose buffers are known: in units that workers share, by a faster form, or plainly.
  [[nodiscard]] FaultCode run_form(const MegakernelWorkItem& item,
                                   std::span<const builtin::Buffer> inputs,
                                   std::span<const builtin::Buffer> outputs,
                                   builtin::LiteralMatcher* literals);
  [[nodiscard]] FaultCode run_split(SplitOp& op);
  [[nodiscard]] Completion run_program(const Work& work, OpRecord& op);
  void end(const Work& work, const Completion& completion);
  void flush();
  /// Called before work that may take long: posts the items that have ended, and lets another
  /// worker start those that waited for them.
  void flush_before_long_work();
  [[nodiscard]] bool help();
  /// Runs shares of a spread item until none is left to take.
  void share(SpreadItem& item);
  [[nodiscard]] Fault run_share(SpreadItem& item, core::WorkgroupSpan span, std::uint64_t* passed);
  /// No share is left to take: idle workers need not look at it any more, and may sleep.
  void retire(const SpreadItem& item);
  /// An image over views_, in a grid of `launch`.
  struct Run {
    const std::shared_ptr<const core::Image>& image;
    const Launch& launch;
    OpRecord* op{nullptr};                           // null: a fused image
    bool slow{false};                                // its items were, whatever their lanes
    std::uint64_t steps{0};                          // executed
    std::vector<std::uint64_t> passed{};             // as of Interpreter::run(): for a fused image
    std::optional<std::chrono::nanoseconds> took{};  // where it was timed
    [[nodiscard]] std::uint64_t lanes() const { return launch.total * image->lanes(); }
  };
  /// By this worker, or shared with others.
  [[nodiscard]] Fault run(Run& one);
  [[nodiscard]] Fault run_spread(Run& one);
  /// Takes part in an item until all its shares are over; `open`: other workers may, too.
  [[nodiscard]] Fault run_shared(const std::shared_ptr<SpreadItem>& item, bool open);
  /// The members' image, if it can run; false: nothing has come of it, and the members run one
  /// after another.
  [[nodiscard]] bool run_fused(const Work& work, const RegionBlock& block);
  /// What an image of several programs took, against its members one after another.
  void compare(const Run& one, const RegionBlock& block);
  [[nodiscard]] bool bind_fused(const Work& work, const RegionBlock& block, Launch& launch);
  /// Whether memory that is written has one name only.
  [[nodiscard]] static bool apart(std::vector<BoundRange>& ranges);
  /// Zeros the buffers that an item allocates, but for `unzeroed` ones; false: stopped.
  [[nodiscard]] bool zero_fill(const std::vector<backend::ProgramBuffer>& buffers,
                               const std::vector<bool>& unzeroed);
  [[nodiscard]] const FileAsks* asks() const { return asks_.client == nullptr ? nullptr : &asks_; }
  /// Fills views_ and lengths_ for the item; none or bad_binding, unknown_handle.
  [[nodiscard]] FaultCode bind(const Work& work, const OpRecord& op);
  [[nodiscard]] const Launch* plan(const Work& work, const OpRecord& op);
  void die() noexcept;

  State& state_;
  std::uint32_t index_;
  Interpreter interpreter_;
  Batch batch_;
  Ended ended_;
  /// What this worker ended may be what a queue was waiting for. No other worker need look, so a
  /// worker that ends items looks once.
  bool must_look_{true};
  std::uint64_t items_run_{0};
  std::uint64_t batches_{0};   // that had an item
  std::uint64_t programs_{0};  // that this worker ran alone
  std::uint64_t images_{0};    // of several programs, alone, too
  bool timed_{false};          // this batch is, since
  Deadline taken_at_{};
  std::int64_t ran_ns_{0};  // its items, without their way through the ring
  /// When the item before ended, where the next one begins at once; {}: the clock must be asked.
  Deadline item_ended_at_{};
  std::uint64_t moved_bytes_{0};  // by an item that does nothing else
  std::size_t members_ended_{0};  // of the region that is running
  std::vector<core::BufferView> views_;
  std::vector<std::uint64_t> lengths_;
  std::vector<const platform::MappedFile*> files_;  // that the item reads where they are mapped
  FileAsks asks_;                                   // for files that it asks for
  std::vector<std::uint32_t> asked_files_;
  std::vector<BoundRange> ranges_;
  struct {  // the same of a region's members together
    std::vector<core::BufferView> views;
    std::vector<BoundRange> ranges;
    std::vector<const platform::MappedFile*> files;
  } of_members_;
  std::unordered_map<std::uint32_t, Launch> launches_;  // by op
  alignas(64) std::atomic<std::uint64_t> heartbeat_{0};
  std::atomic<std::uint32_t> busy_{0};
  Costs costs_;
};

}  // namespace vyre::cpu
