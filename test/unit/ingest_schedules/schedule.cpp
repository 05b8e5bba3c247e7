// The players of a schedule and its judge.
#include "schedule.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "ingest/pump_core.hpp"
#include "queue/io_queue.hpp"
#include "support/choice.hpp"
#include "support/simulated_io.hpp"

namespace vyre::ingest::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using vyre::test::Choice;
using vyre::test::SimulatedFile;
using vyre::test::SimulatedIo;

constexpr std::uint8_t kPoison{0xA5};
constexpr std::uint64_t kGuard{128};  // poison on both sides of a destination
constexpr std::uint32_t kClientLines{8};
constexpr std::uint32_t kHostileLine{kIoLines - 1};  // written by nobody's client
constexpr std::uint64_t kMostItemBytes{6000};
constexpr std::uint64_t kPoisonedSlot{kMostItemBytes + 2 * kIoBlock + kGuard};
constexpr std::uint32_t kMostSteps{20'000};  // of a schedule: more is a hang

struct Name {
  SimulatedFile file;
  std::uint64_t opened_bytes{0};
  std::uint64_t least{0};  // sizes it ever had
  std::uint64_t most{0};
  std::int32_t fstat_errno{0};
};

struct Asked {
  std::uint32_t file{0};
  std::uint64_t offset{0};
  std::uint64_t bytes{0};
  std::uint8_t* to{nullptr};
  std::uint64_t room{0};
  std::uint32_t sink{0};
  bool cancel_asked{false};
  std::uint64_t cancel_at{0};  // how often the door had been entered
  std::uint32_t ends{0};
  ReadResult result{};
};

struct Posted {
  queue::IoClient::Line line{};
  IoRequestOp op{IoRequestOp::none};
  std::uint32_t file{0};
  std::uint64_t offset{0};
  std::uint64_t bytes{0};
  bool good{false};  // must not be rejected; else must be
  std::uint64_t number{0};
  SimulatedIo::Time at{};
  bool answered{false};
};

class Schedule {
 public:
  Schedule(std::uint64_t seed, const Ground& ground, Tally& tally)
      : choice_(seed), ground_(ground), tally_(tally) {}
  std::string run();

 private:
  class Sink final : public ReadSink {
   public:
    explicit Sink(Schedule& schedule) : schedule_(schedule) {}
    void ended(const ReadResult& result) noexcept override { schedule_.read_ended(result); }

   private:
    Schedule& schedule_;
  };

  void set_up();
  void wrong(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }
  void expect(bool holds, const char* what) {
    if (!holds) wrong(what);
  }
  [[nodiscard]] Source source_of_file(std::uint32_t file);
  void read_ended(const ReadResult& result);
  void ask();
  void post();
  void post_hostile();
  void change_a_file();
  void look_at_answers();
  void judge_answer(Posted& posted, const IoCompletionLine& answer);
  void judge_reads();
  void judge_end(const Asked& asked);
  void judge_guards();
  [[nodiscard]] bool all_ended() const;

  Choice choice_;
  const Ground& ground_;
  Tally& tally_;
  std::string wrong_;

  SimulatedIo::Options faults_;
  std::optional<SimulatedIo> io_;
  Counters counters_;
  FileTable table_;
  PumpCore::Options options_;
  std::optional<PumpCore> core_;
  std::optional<queue::IoClient> client_;
  std::vector<Name> names_;
  std::array<Sink, 2> sinks_{Sink{*this}, Sink{*this}};
  std::vector<Asked> asked_;
  std::deque<Posted> posted_;
  std::uint64_t used_{0};  // of the streams' memory
  bool stopped_{false};
  bool sizes_change_{false};
  std::uint64_t posted_in_all_{0};
  std::uint32_t hostile_lap_{0};
  bool hostile_open_{false};
  bool rung_{false};
};

void Schedule::set_up() {
  const bool calm = choice_.one_in(8);
  const auto rate = [&](std::uint32_t n) { return calm || choice_.one_in(3) ? 0 : n; };
  faults_.short_one_in = rate(choice_.of({2u, 5u, 20u}));
  faults_.io_error_one_in = rate(choice_.of({4u, 30u}));
  faults_.again_one_in = rate(choice_.of({2u, 10u}));
  faults_.interrupted_one_in = rate(choice_.of({2u, 10u}));
  faults_.other_error_one_in = rate(20);
  faults_.twice_one_in = rate(choice_.of({2u, 10u}));
  faults_.unknown_one_in = rate(5);
  faults_.refuse_one_in = rate(choice_.of({2u, 10u}));
  faults_.cancel_late_one_in = choice_.of({0u, 1u, 2u});
  faults_.stuck_one_in = choice_.one_in(10) ? 20 : 0;
  faults_.entries = choice_.of({1u, 2u, 4u, 256u});
  faults_.most_latency_ns = choice_.of({1u, 1'000u, 100'000u, 5'000'000u});
  if (choice_.one_in(12)) faults_.dies_at_enter = choice_.below(40);
  faults_.fixed = !choice_.one_in(4);
  io_.emplace(choice_.next(), faults_);

  sizes_change_ = choice_.one_in(3);
  names_.resize(1 + choice_.below(3));
  for (std::size_t i = 0; i < names_.size(); ++i) {
    Name& name = names_[i];
    name.file.alignment = choice_.of({1u, 1u, 512u, 4096u});
    name.file.content = ground_.content() + choice_.below(256);
    name.file.bytes = choice_.of(
        {choice_.below(3), choice_.below(5'000), choice_.below(30'000), 4096 * choice_.below(4)});
    name.opened_bytes = name.least = name.most = name.file.bytes;
    io_->add_file(static_cast<int>(10 + i), &name.file);
  }

  const MutableByteSpan memory = ground_.memory();
  std::memset(memory.data(), 0, IngestLayout::kAliases);
  const auto view = queue::IoQueueView::of(memory);
  for (std::uint32_t line = 0; line < kClientLines; ++line) {
    std::memset(view.line_data + line * kIoLineDataBytes, kPoison, kPoisonedSlot);
  }
  queue::IoQueueView few = view;
  few.lines = kClientLines;
  client_.emplace(few);

  options_.reads.depth = 1 + choice_.below(choice_.of({2u, 8u}));
  options_.reads.max_operation_bytes =
      choice_.of({std::uint64_t{4096}, std::uint64_t{8192}, std::uint64_t{kMaxReadBytes}});
  options_.reads.thread_pool = choice_.one_in(6);
  options_.request_timeout = faults_.stuck_one_in != 0 ? milliseconds{20} : milliseconds{2'000};
  options_.drain = milliseconds{50};
  options_.device_asks = choice_.one_in(2);
  options_.fixed = !choice_.one_in(5);
  core_.emplace(*io_, options_, memory, table_, counters_);
}

Source Schedule::source_of_file(std::uint32_t file) {
  Name& name = names_[file];
  Source source;
  source.file = std::shared_ptr<const void>(std::shared_ptr<const void>(), &name);
  source.bytes_now = [](const void* of) -> std::int64_t {
    const Name& now = *static_cast<const Name*>(of);
    if (now.fstat_errno != 0) return -now.fstat_errno;
    return static_cast<std::int64_t>(now.file.bytes);
  };
  source.bytes = name.opened_bytes;
  source.descriptor = static_cast<int>(10 + file);
  source.alignment = static_cast<std::uint32_t>(name.file.alignment);
  source.direct = name.file.alignment != 1;
  return source;
}

void Schedule::ask() {
  for (std::uint32_t n = 1 + choice_.below(4); n-- > 0;) {
    Asked asked;
    asked.file = choice_.below(static_cast<std::uint32_t>(names_.size()));
    const Name& name = names_[asked.file];
    asked.offset = choice_.one_in(2) ? 0 : choice_.below(static_cast<std::uint32_t>(name.most) + 2);
    asked.bytes = choice_.of(
        {std::uint64_t{0}, std::uint64_t{choice_.below(600)}, std::uint64_t{choice_.below(9'000)},
         name.opened_bytes > asked.offset ? name.opened_bytes - asked.offset : std::uint64_t{1},
         std::uint64_t{4096}});
    const std::uint64_t mask = name.file.alignment - 1;
    const std::uint64_t start = asked.offset & ~mask;
    asked.room = ((asked.offset + asked.bytes + mask) & ~mask) - start;
    // Aligned where the file wants it, anyhow where not.
    std::uint64_t at = used_ + kGuard;
    if (mask != 0) at = (at + mask) & ~mask;
    if (at + asked.room + kGuard > Ground::kStreamBytes) return;
    asked.to = ground_.streams() + at;
    std::memset(asked.to - kGuard, kPoison, asked.room + 2 * kGuard);
    used_ = at + asked.room + kGuard;
    asked.sink = choice_.below(2);
    asked_.push_back(asked);
    ++tally_.reads;
    core_->add(Read{source_of_file(asked.file), asked.offset, asked.bytes, asked.to,
                    &sinks_[asked.sink], asked_.size() - 1});
  }
}

void Schedule::read_ended(const ReadResult& result) {
  if (result.tag >= asked_.size()) return wrong("an end with a tag that nobody gave");
  Asked& asked = asked_[result.tag];
  ++asked.ends;
  asked.result = result;
}

void Schedule::post() {
  Posted posted;
  posted.op = choice_.of({IoRequestOp::read, IoRequestOp::read, IoRequestOp::read,
                          IoRequestOp::fence, static_cast<IoRequestOp>(2)});
  posted.file = choice_.below(static_cast<std::uint32_t>(names_.size()));
  // Handle: file + 1, queue 7 where the file's number is odd.
  std::uint32_t handle = posted.file + 1;
  std::uint32_t queue = 7;
  const std::uint64_t size = names_[posted.file].opened_bytes;
  posted.offset = choice_.below(static_cast<std::uint32_t>(size) + 1);
  posted.bytes =
      choice_.below(static_cast<std::uint32_t>(std::min(size - posted.offset, kMostItemBytes)) + 1);
  posted.good = posted.op != static_cast<IoRequestOp>(2);
  if (posted.op == IoRequestOp::read && choice_.one_in(4)) {
    posted.good = false;
    switch (choice_.below(6)) {
      case 0:
        handle = 0;
        break;
      case 1:
        handle |= 1u << 24;
        break;
      case 2:
        posted.bytes = size - posted.offset + 1;
        break;
      case 3:
        posted.offset = ~std::uint64_t{0} - choice_.below(100), posted.bytes = 101;
        break;
      case 4:
        posted.bytes = kIoRequestBytes + 1;
        break;
      default:
        if (posted.file % 2 == 0) {
          posted.good = true;  // anybody's
        }
        queue = 8;
        break;
    }
  }
  const auto line = client_->try_ask(posted.op, handle, queue, posted.offset, posted.bytes, 0x55AA);
  if (!line) return;  // out of credit
  posted.line = *line;
  posted.number = posted_in_all_++;
  posted.at = io_->now();
  posted_.push_back(posted);
  ++tally_.requests;
  rung_ = rung_ || !choice_.one_in(4);
}

/// A line that no honest worker wrote: its number is far from any that was drawn.
void Schedule::post_hostile() {
  auto* const line = queue::IoQueueView::of(ground_.memory()).requests + kHostileLine;
  const auto* const answer = queue::IoQueueView::of(ground_.memory()).completions + kHostileLine;
  if (hostile_open_) {
    if (answer->lap != hostile_lap_) return;
    expect(answer->status == IoStatus::rejected || stopped_ || core_->broken(),
           "a line with a number that nobody drew was believed");
  }
  hostile_open_ = true;
  ++hostile_lap_;
  line->lap = hostile_lap_;
  line->op = static_cast<IoRequestOp>(choice_.below(5));
  line->source = choice_.below(4);
  line->destination = choice_.word();
  line->queue = choice_.below(9);
  line->offset = choice_.next();
  line->length = choice_.next() >> choice_.below(64);
  line->order = (std::uint64_t{1} << 40) + choice_.next() / 2;
  line->commit = std::uint64_t{hostile_lap_} << 32 | hostile_lap_;
  rung_ = true;
}

void Schedule::change_a_file() {
  Name& name = names_[choice_.below(static_cast<std::uint32_t>(names_.size()))];
  if (choice_.one_in(20)) {
    name.fstat_errno = EIO;
    return;
  }
  name.file.bytes = choice_.of({std::uint64_t{0}, name.file.bytes / 2, name.opened_bytes,
                                name.opened_bytes + choice_.below(9'000), name.file.bytes - 1});
  name.file.bytes = std::min<std::uint64_t>(name.file.bytes, 60'000);
  name.least = std::min(name.least, name.file.bytes);
  name.most = std::max(name.most, name.file.bytes);
}

void Schedule::look_at_answers() {
  for (Posted& posted : posted_) {
    if (posted.answered) continue;
    const auto answer = client_->try_answer(posted.line);
    if (answer) judge_answer(posted, *answer);
  }
  // Lines go back in any order.
  for (std::size_t i = 0; i < posted_.size();) {
    if (posted_[i].answered && !choice_.one_in(4)) {
      std::memset(ground_.memory().data() + IngestLayout::kLineData +
                      posted_[i].line.index * kIoLineDataBytes,
                  kPoison, kPoisonedSlot);
      client_->give_back(posted_[i].line);
      posted_.erase(posted_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

void Schedule::judge_answer(Posted& posted, const IoCompletionLine& answer) {
  posted.answered = true;
  expect(answer.tag == 0x55AA && answer.data_line == posted.line.index,
         "an answer to the request of another");
  if (!posted.good) {
    ++tally_.rejected;
    expect(answer.status == IoStatus::rejected || answer.status == IoStatus::cancelled,
           "a bad request was not rejected");
    return;
  }
  expect(answer.status != IoStatus::rejected, "a good request was rejected");
  if (answer.status == IoStatus::cancelled) {
    expect(stopped_ || core_->broken(), "cancelled, and nobody stopped");
    return;
  }
  if (answer.status == IoStatus::timeout) {
    ++tally_.timeouts;
    expect(io_->now() - posted.at >= options_.request_timeout, "a timeout before its time");
    expect(faults_.stuck_one_in != 0, "a timeout without a cause");
    return;
  }
  if (posted.op == IoRequestOp::fence) {
    ++tally_.fences;
    expect(answer.status == IoStatus::ok, "a fence that is not ok");
    for (const Posted& other : posted_) {
      expect(other.number >= posted.number || client_->try_answer(other.line).has_value(),
             "a fence before an earlier request");
    }
    return;
  }
  const Name& name = names_[posted.file];
  const std::uint8_t* const slot = client_->data_of(posted.line);
  expect(answer.offset == posted.offset, "the offset of another request");
  if (answer.status == IoStatus::ok || answer.status == IoStatus::end_of_file) {
    expect(
        std::memcmp(slot + answer.skip, name.file.content + posted.offset, answer.bytes_done) == 0,
        "an answer with wrong bytes");
  }
  if (answer.status == IoStatus::ok) {
    expect(answer.bytes_done == posted.bytes, "ok, and not all of it");
  } else if (answer.status == IoStatus::end_of_file) {
    expect(answer.bytes_done < posted.bytes, "end of file, and all is there");
    expect(posted.offset + answer.bytes_done >= name.least, "end of file before any end");
  } else {
    expect(answer.status == IoStatus::error && answer.error_number > 0, "an unknown status");
  }
  const std::uint64_t mask = name.file.alignment - 1;
  const std::uint64_t room =
      ((posted.offset + posted.bytes + mask) & ~mask) - (posted.offset & ~mask);
  for (std::uint64_t i = 0; i < kGuard; ++i) {
    expect(slot[room + i] == kPoison, "an answer wrote behind its room");
  }
}

bool Schedule::all_ended() const {
  return std::all_of(asked_.begin(), asked_.end(), [](const Asked& a) { return a.ends != 0; }) &&
         std::all_of(posted_.begin(), posted_.end(), [](const Posted& p) { return p.answered; });
}

/// One read against the list of what the door did for it.
void Schedule::judge_end(const Asked& asked) {
  const Name& name = names_[asked.file];
  std::uint32_t interrupted = 0;
  std::uint32_t again = 0;
  std::uint32_t io_error = 0;
  std::int32_t last = 0;
  bool over = false;
  for (const SimulatedIo::Ended& ended : io_->ended()) {
    if (ended.operation.to < asked.to || ended.operation.to >= asked.to + asked.room) continue;
    expect(ended.operation.to + ended.operation.bytes <= asked.to + asked.room,
           "an operation reaches out of its room");
    expect(ended.operation.bytes <= options_.reads.max_operation_bytes, "an operation too long");
    expect(!asked.cancel_asked || ended.begun <= asked.cancel_at, "began after the cancel");
    expect(!over, "tried again what is never tried again");
    expect(ended.operation.in_worker == (again >= 2), "in_worker at the wrong try");
    last = ended.result;
    interrupted += last == -EINTR;
    again += last == -EAGAIN;
    io_error += last == -EIO;
    over = (last < 0 && last != -EINTR && last != -EAGAIN && last != -EIO) ||
           again > kRetriesAgain || io_error > kRetriesIoError || interrupted > kRetriesInterrupted;
  }
  const ReadResult& result = asked.result;
  const bool dead = core_->broken().has_value();
  switch (result.status) {
    case ReadStatus::ok:
      ++tally_.ok;
      expect(result.bytes == asked.bytes, "ok, and not all of it");
      expect(last >= 0, "ok after an error");
      break;
    case ReadStatus::end_of_file:
      ++tally_.end_of_file;
      expect(result.bytes < asked.bytes, "end of file, and all is there");
      expect(asked.offset + result.bytes >= name.least, "end of file before any end");
      expect(last >= 0, "end of file after an error");
      break;
    case ReadStatus::error:
      ++tally_.error;
      expect((over && result.error_number == -last) || (dead && result.error_number == EBADFD) ||
                 (last >= 0 && result.error_number == name.fstat_errno) ||
                 result.error_number == ENODATA,
             "an error that nobody made");
      break;
    case ReadStatus::cancelled:
      ++tally_.cancelled;
      expect(asked.cancel_asked || stopped_, "cancelled, and nobody asked for it");
      break;
  }
  expect(!over || result.status == ReadStatus::error ||
             (last == -ECANCELED && result.status == ReadStatus::cancelled),
         "an error that was not told");
  const std::uint64_t mask = name.file.alignment - 1;
  expect(result.skip == (asked.offset & mask), "skip");
  expect(asked.offset + result.bytes <= name.most || result.bytes == 0,
         "bytes that the file never had");
  expect(std::memcmp(asked.to + result.skip, name.file.content + asked.offset, result.bytes) == 0,
         "wrong bytes");
  for (std::uint64_t i = 0; i < kGuard; ++i) {
    expect(asked.to[-1 - static_cast<std::ptrdiff_t>(i)] == kPoison, "wrote before the room");
    expect(asked.to[asked.room + i] == kPoison, "wrote behind the room");
  }
}

void Schedule::judge_reads() {
  for (const Asked& asked : asked_) {
    expect(asked.ends == 1, asked.ends == 0 ? "a read never ended" : "a read ended twice");
    if (asked.ends == 1) judge_end(asked);
  }
  expect(io_->most_under_way <= options_.reads.depth, "more under way than depth allows");
  expect(counters_.stray_completions.get() == io_->strays_reaped(), "strays were not all counted");
  if (!io_->what_is_wrong.empty()) wrong(io_->what_is_wrong);
  std::uint64_t submitted = 0;
  std::uint64_t over = 0;
  for (const TierCounts& tier : counters_.tiers) {
    submitted += tier.submitted_operations.get();
    over += tier.completed_operations.get() + tier.failed_operations.get();
    expect(tier.submitted_operations.get() ==
               tier.fixed_operations.get() + tier.plain_operations.get(),
           "an operation that is neither fixed nor plain");
  }
  expect(submitted == over + core_->abandoned(), "operations that were not counted at their end");
  tally_.short_reads += counters_.short_reads.get();
  tally_.retries += counters_.retries_again.get() + counters_.retries_interrupted.get() +
                    counters_.retries_io_error.get();
  tally_.strays += counters_.stray_completions.get();
}

std::string Schedule::run() {
  set_up();
  for (std::uint32_t file = 0; file < names_.size(); ++file) {
    table_.publish(file + 1, source_of_file(file), file % 2 == 1 ? 7 : kAnyQueue);
  }
  const std::uint32_t busy_steps = 5 + choice_.below(40);
  const bool stops_early = choice_.one_in(6);
  asked_.reserve(4 * busy_steps);
  std::uint32_t step = 0;
  bool told_to_stop = false;
  for (; step < kMostSteps && wrong_.empty(); ++step) {
    const bool busy = step < busy_steps;
    if (busy && !told_to_stop) {
      if (choice_.one_in(3)) ask();
      if (choice_.one_in(3)) post();
      if (choice_.one_in(20)) post_hostile();
      if (sizes_change_ && choice_.one_in(5)) change_a_file();
      if (choice_.one_in(15)) {
        const std::uint32_t sink = choice_.below(2);
        for (Asked& asked : asked_) {
          if (asked.sink != sink || asked.ends != 0 || asked.cancel_asked) continue;
          asked.cancel_asked = true;
          asked.cancel_at = io_->counters().enters;
        }
        core_->cancel(&sinks_[sink]);
      }
    }
    const bool finished_early = !busy && all_ended() && !told_to_stop;
    if ((stops_early && step == busy_steps / 2) || finished_early ||
        // Operations that are stuck end only by a cancel.
        (step == busy_steps + 2'000 && faults_.stuck_one_in != 0)) {
      if (!told_to_stop) {
        told_to_stop = stopped_ = true;
        core_->stop();
      }
    }
    core_->step(std::exchange(rung_, false),
                choice_.one_in(3) ? nanoseconds{0} : core_->patience());
    look_at_answers();
    if (core_->finished()) break;
  }
  if (wrong_.empty() && step == kMostSteps) wrong("it hangs");
  if (core_->broken()) {
    ++tally_.deaths;
    expect(client_->broken() == static_cast<std::uint32_t>(FaultCode::io_error), "no broken head");
    // Who comes later hears at once.
    ask();
  } else if (wrong_.empty()) {
    ++tally_.stops;
    expect(client_->broken() == static_cast<std::uint32_t>(FaultCode::shutdown), "no broken head");
  }
  for (const Posted& posted : posted_) {
    if (posted.answered) continue;
    ++tally_.unanswered;
    // Only a request whose operation may still write the slot stays without answer.
    expect(core_->abandoned() != 0, "a request was never answered");
  }
  tally_.abandoned += core_->abandoned();
  judge_reads();
  if (wrong_.empty()) return {};
  return wrong_ + " (step " + std::to_string(step) + ", " + std::to_string(asked_.size()) +
         " reads)";
}

}  // namespace

Ground::Ground() : content_(kContentBytes) {
  Choice choice(4711);
  for (std::uint8_t& byte : content_) byte = static_cast<std::uint8_t>(choice.next() >> 40);
  memory_.reset(static_cast<std::uint8_t*>(
      std::aligned_alloc(kIoBlock, IngestLayout::kStreams + kStreamBytes)));
  std::memset(memory_.get(), 0, IngestLayout::kStreams + kStreamBytes);
}
void Ground::Free::operator()(std::uint8_t* memory) const {
  std::free(memory);
}
MutableByteSpan Ground::memory() const {
  return {memory_.get(), IngestLayout::kStreams + kStreamBytes};
}
std::uint8_t* Ground::streams() const {
  return memory_.get() + IngestLayout::kStreams;
}

std::string run_schedule(std::uint64_t seed, const Ground& ground, Tally& tally) {
  return Schedule(seed, ground, tally).run();
}

}  // namespace vyre::ingest::test
