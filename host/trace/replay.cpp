// replay(): scan, open the executors, play, and pin a difference between executors down to its
// item. Page: docs/internals/trace.md, "Replay".
#include <algorithm>
#include <bit>
#include <utility>

#include "base/message.hpp"
#include "player.hpp"
#include "protocol/limits.hpp"

namespace vyre::trace {
namespace {

/// Items between two looks at the results. Session::wait() still knows them all (kDefaultHistory a
/// queue).
constexpr std::uint64_t kStatusWindow{kDefaultHistory / 2};
/// Two executors are held against each other that often, and item by item once they differ.
constexpr std::uint64_t kLockStepWindow{256};
/// Nothing is compared: only bounds how much a wait can have to do.
constexpr std::uint64_t kFreeWindow{std::uint64_t{1} << 20};

/// The recording's session, with the queues that its items use and rings no larger than they fill:
/// a manifest of a few bytes may name gigabytes of both.
runtime::SessionOptions sized(runtime::SessionOptions session, const Scan& scan) {
  session.queues = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(scan.queues.size()));
  std::uint64_t most = kMinRingSlots;
  for (const Scan::Queue& queue : scan.queues) most = std::max(most, queue.submitted);
  if (session.ring_slots > most && std::has_single_bit(session.ring_slots))
    session.ring_slots = static_cast<std::uint32_t>(std::bit_ceil(most));
  return session;
}

class Replay {
 public:
  Replay(Source& source, const Scan& scan, const ReplayOptions& options)
      : source_(source), scan_(scan), options_(options), deadline_(source.deadline) {}

  Result<ReplayResult> run() {
    if (options_.check_races && options_.executor != Executor::reference) {
      return fail(Errc::invalid_argument,
                  "races are looked for on the reference executor only; replay on that");
    }
    if (options_.timeline_events != 0 && options_.executor == Executor::reference) {
      return fail(Errc::invalid_argument,
                  "a timeline shows queues and workers, and the reference executor has none");
    }
    VYRE_TRY(play(~std::uint64_t{0}));
    const bool two = options_.compare == Compare::executor;
    if (!stopped_ && two && played_.difference && played_.window_end - played_.window_begin > 1) {
      // The window that went wrong is known; fresh executors play up to it again and are then
      // compared item by item.
      const Played coarse = played_;
      VYRE_TRY(play(coarse.window_begin));
      if (!played_.difference) {
        played_ = coarse;
        played_.difference->message += message(
            "; it did not show again when items {} to {} were compared one by one: the "
            "result changes from run to run",
            coarse.window_begin, coarse.window_end - 1);
      }
    }
    if (played_.difference && !options_.check_races) explain();
    ReplayResult result;
    result.racy_items = std::move(racy_items_);
    result.items = played_.items;
    result.items_skipped = played_.skipped;
    result.buffers_compared = played_.buffers_compared;
    result.bytes_compared = played_.bytes_compared;
    result.complete = scan_.complete;
    result.stopped = stopped_;
    if (stopped_) result.items = document_.report.items_processed;
    result.difference = std::move(played_.difference);
    result.document = std::move(document_);
    result.timeline = std::move(timeline_);
    return result;
  }

 private:
  Status play(std::uint64_t fine_from) {
    std::vector<std::unique_ptr<Target>> owned;
    std::vector<Target*> targets;
    const auto open = [&](Executor executor) -> Status {
      TargetOptions target;
      target.executor = executor;
      target.workers = options_.workers;
      target.session = sized(source_.manifest.session, scan_);
      if (targets.empty()) target.session.timeline_events = options_.timeline_events;
      if (options_.check_races) target.watch = {0, ~std::uint64_t{0}, 0};
      target.deadline = deadline_;
      target.stopped = options_.stopped;
      target.file_budget_bytes = memory_budget(options_.memory_budget_bytes) / 2;
      auto opened = open_target(target);
      if (!opened) {
        Error error = std::move(opened).error();
        error.message = message("cannot replay on {}: {}", executor_name(executor), error.message);
        return tl::unexpected<Error>(std::move(error));
      }
      owned.push_back(std::move(*opened));
      targets.push_back(owned.back().get());
      return {};
    };
    VYRE_TRY(open(options_.executor));
    if (options_.compare == Compare::executor) VYRE_TRY(open(options_.other));

    PlayOptions play;
    play.pace = options_.pace;
    play.compare = options_.compare;
    play.ulp = options_.transcendental_ulp;
    play.window = options_.compare == Compare::none       ? kFreeWindow
                  : options_.compare == Compare::expected ? kStatusWindow
                                                          : kLockStepWindow;
    play.fine_from = fine_from;
    play.deadline = deadline_;
    play.memory_budget_bytes = memory_budget(options_.memory_budget_bytes);
    play.progress = options_.progress;
    play.stopped = options_.stopped;
    Player player(source_, scan_, targets, play);
    auto played = player.play();
    if (!played) {
      stopped_ = options_.stopped != nullptr && options_.stopped();
      if (!stopped_) return tl::unexpected<Error>(std::move(played).error());
      played = Played{};
    }
    played_ = std::move(*played);
    racy_items_ = targets[0]->racy_items();
    VYRE_ASSIGN(document_, targets[0]->finish());
    if (options_.timeline_events != 0) {
      VYRE_ASSIGN(timeline_, targets[0]->timeline());
    }
    return {};
  }

  /// The items that may have made a difference once more on the reference executor, watched. A
  /// difference is no defect of an executor where they race.
  void explain() {
    Difference& d = *played_.difference;
    RaceWatch watch{d.item, d.item, 0};
    if (!d.status) {
      // An earlier item may have left the bytes where the recording is all there is to compare
      // with, and where a difference did not show a second time.
      watch.first = options_.compare == Compare::expected ? 0 : played_.window_begin;
      watch.buffer = d.buffer;
    }
    if (auto found = watched(watch); !found) {
      d.message += message("; whether lanes race is not known: {}", found.error().message);
    } else if (!found->empty()) {
      d.races = true;
      const RacyItem& last = found->back();
      d.message +=
          message("; races: in item {}, {}: {}", last.item, last.program, last.races.front());
      racy_items_ = std::move(*found);
    }
  }

  Result<std::vector<RacyItem>> watched(const RaceWatch& watch) {
    TargetOptions target;
    target.executor = Executor::reference;
    target.session = source_.manifest.session;
    target.deadline = deadline_;
    target.file_budget_bytes = memory_budget(options_.memory_budget_bytes) / 2;
    target.watch = watch;
    target.stopped = options_.stopped;
    VYRE_ASSIGN(const std::unique_ptr<Target> reference, open_target(target));
    PlayOptions play;
    play.window = kFreeWindow;
    play.until = watch.last + 1;
    play.stopped = options_.stopped;
    play.deadline = deadline_;
    play.memory_budget_bytes = memory_budget(options_.memory_budget_bytes);
    Target* const targets[]{reference.get()};
    Player player(source_, scan_, targets, play);
    VYRE_TRY(player.play());
    return reference->racy_items();
  }

  Source& source_;
  const Scan& scan_;
  const ReplayOptions& options_;
  Deadline deadline_;
  Played played_;
  bool stopped_{false};
  std::vector<RacyItem> racy_items_;
  report::Document document_;
  std::string timeline_;
};

}  // namespace

Result<ReplayResult> replay(Source& source, const ReplayOptions& options) {
  // One time for all: to read the records, to make the programs ready, to run the items.
  const Deadline before = std::exchange(source.deadline, after(options.timeout));
  const auto stopped_before = std::exchange(source.stopped, options.stopped);
  const auto replayed = [&]() -> Result<ReplayResult> {
    auto found = scan(source, memory_budget(options.memory_budget_bytes));
    if (!found && found.error().code == Errc::cancelled) {
      ReplayResult nothing;
      nothing.stopped = true;
      return nothing;
    }
    VYRE_ASSIGN(const Scan scanned, std::move(found));
    return Replay(source, scanned, options).run();
  };
  auto result = replayed();
  source.deadline = before;
  source.stopped = stopped_before;
  return result;
}

Result<ReplayResult> replay(const std::string& directory, const ReplayOptions& options) {
  VYRE_ASSIGN(auto source, open_directory(directory));
  return replay(*source, options);
}

}  // namespace vyre::trace
