// Asking, taking in, and waiting with a bound. A worker holds lines only between asking and its
// next look. A worker that holds none always finds one free, because no worker takes a second line
// where fewer than one for each other worker would be left. Lines that were given up belong to no
// worker. Where there are some, a worker may have to wait for another's line, but only for a worker
// that waits for answers.
#include "files.hpp"

#include <algorithm>
#include <cstring>
#include <thread>

#include "protocol/limits.hpp"
#include "queue/waiter.hpp"

namespace vyre::cpu {
namespace {

static_assert(kMaxCpuWorkers <= kIoLines, "a line for each worker");

FaultCode fault_of(const IoCompletionLine& answer, std::uint64_t length) {
  if (answer.status == IoStatus::cancelled) return FaultCode::shutdown;
  const bool whole = answer.status == IoStatus::ok && answer.bytes_done == length &&
                     answer.skip <= kIoLineDataBytes - length;
  return whole ? FaultCode::none : FaultCode::io_error;
}

}  // namespace

class FileReads::Watch {
 public:
  Watch(const queue::IoClient& client, const FileAsks& asks)
      : client_(client),
        patience_(asks.patience),
        give_up_(asks.give_up),
        beat_(client.heartbeat()) {}

  /// Rests a little; longer the longer nothing comes.
  void rest() {
    const auto now = Clock::now();
    // A look that comes late (a stopped machine, say) counts as one look only: the pump stood still
    // as well.
    constexpr std::chrono::nanoseconds kLook{10 * kPollSleepNsMax};
    const auto passed = std::min<std::chrono::nanoseconds>(now - looked_, kLook);
    looked_ = now;
    waited_ += passed;
    idle_ += passed;
    const std::uint64_t beat = client_.heartbeat();
    still_ = beat == beat_ ? still_ + passed : std::chrono::nanoseconds{0};
    beat_ = beat;
    if (waited_ < std::chrono::nanoseconds{kPollSpinNs}) {
      std::this_thread::yield();
      return;
    }
    const std::chrono::nanoseconds eighth = waited_ / 8;
    std::this_thread::sleep_for(std::clamp(eighth, std::chrono::nanoseconds{kPollSleepNsMin},
                                           std::chrono::nanoseconds{kPollSleepNsMax}));
  }
  /// Something came.
  void progress() { idle_ = std::chrono::nanoseconds{0}; }
  /// The pump is dead.
  [[nodiscard]] bool over() const { return still_ >= patience_; }
  /// It lives, and yet nothing comes: a read that hangs and cannot be cancelled.
  [[nodiscard]] bool given_up() const { return idle_ >= give_up_; }
  [[nodiscard]] std::uint64_t beat() const { return beat_; }

 private:
  const queue::IoClient& client_;
  std::chrono::nanoseconds patience_;
  std::chrono::nanoseconds give_up_;
  std::uint64_t beat_;
  Clock::time_point looked_{Clock::now()};
  std::chrono::nanoseconds waited_{0};
  std::chrono::nanoseconds idle_{0};
  std::chrono::nanoseconds still_{0};
};

void FileReads::begin(const FileAsks* asks, const std::atomic<bool>* stop) {
  asks_ = asks;
  stop_ = stop;
  if (asks_ == nullptr) return;
  // Lines of another session's memory, if any, died with its pump.
  if (client_ != asks_->client) held_.clear();
  client_ = asks_->client;
  (void)take_in();
}

void FileReads::start(const std::shared_ptr<Snapshot>& snapshot) {
  wanted_.push_back(snapshot);
  ask();
  if (!wanted_.empty() && take_in()) ask();
}

FaultCode FileReads::finish(Snapshot& snapshot) {
  if (snapshot.ended()) return snapshot.fault;
  Watch watch(*client_, *asks_);
  for (;;) {
    // In this order: answers that came before the end of the pump are good.
    const auto broken = static_cast<FaultCode>(client_->broken());
    const bool came = turn_over();
    if (snapshot.ended()) return snapshot.fault;
    if (stopped()) return FaultCode::shutdown;
    if (broken == FaultCode::shutdown) return FaultCode::shutdown;
    if (broken != FaultCode::none) return FaultCode::io_error;
    if (came) {
      watch.progress();
      continue;
    }
    if (gives_up(watch)) return FaultCode::io_error;
    watch.rest();
  }
}

void FileReads::drop() noexcept {
  wanted_.clear();
  for (Held& held : held_) held.into.reset();
}

void FileReads::settle() noexcept {
  drop();
  if (asks_ == nullptr || waited_for() == 0) return;
  Watch watch(*client_, *asks_);
  for (;;) {
    const bool broken = client_->broken() != 0;
    if (take_in()) {
      watch.progress();
    } else {
      if (broken || stopped() || gives_up(watch)) return;
      watch.rest();
    }
    if (waited_for() == 0) return;
  }
}

bool FileReads::gives_up(const Watch& watch) {
  if (watch.over() || (dead_beat_ != 0 && dead_beat_ == watch.beat())) {
    dead_beat_ = watch.beat();
  } else if (!watch.given_up()) {
    return false;
  }
  for (Held& held : held_) held.lost = true;
  return true;
}

std::size_t FileReads::waited_for() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(held_.begin(), held_.end(), [](const Held& held) { return !held.lost; }));
}

bool FileReads::turn_over() {
  const bool came = take_in();
  ask();
  return came;
}

bool FileReads::take_in() {
  bool came = false;
  for (std::size_t i = 0; i < held_.size();) {
    Held& held = held_[i];
    const auto answer = client_->try_answer(held.line);
    if (!answer) {
      ++i;
      continue;
    }
    if (held.into) {
      Snapshot& into = *held.into;
      if (const FaultCode fault = fault_of(*answer, held.length); fault != FaultCode::none) {
        if (into.fault == FaultCode::none) into.fault = fault;
      } else {
        std::memcpy(into.bytes.data() + held.offset, client_->data_of(held.line) + answer->skip,
                    held.length);
        into.landed += held.length;
      }
    }
    client_->give_back(held.line);
    if (i + 1 != held_.size()) held = std::move(held_.back());
    held_.pop_back();
    came = true;
  }
  return came;
}

void FileReads::ask() {
  bool asked = false;
  while (!wanted_.empty()) {
    Snapshot& snapshot = *wanted_.front();
    const std::uint64_t left = snapshot.bytes.size() - snapshot.asked;
    if (left == 0 || snapshot.fault != FaultCode::none) {
      wanted_.pop_front();
      continue;
    }
    const std::uint64_t length = std::min(left, kIoRequestBytes);
    held_.emplace_back();  // first: once asked, nothing may fail
    const std::uint32_t keep = waited_for() == 1 ? 0 : asks_->workers - 1;
    const auto line = client_->try_ask(IoRequestOp::read, snapshot.file, asks_->queue,
                                       snapshot.at + snapshot.asked, length, 0, keep);
    if (!line) {
      held_.pop_back();
      break;
    }
    held_.back() = {*line, wanted_.front(), snapshot.asked, length, false};
    snapshot.asked += length;
    asked = true;
  }
  if (asked && asks_->ring) asks_->ring();
}

bool FileReads::stopped() const noexcept {
  // Relaxed: the flag carries no data, and a late look only costs another round.
  return stop_ != nullptr && stop_->load(std::memory_order_relaxed);
}

}  // namespace vyre::cpu
