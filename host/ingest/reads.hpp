// Reads of files, each as one operation of the door at a time: started in order as depth allows,
// rounded out to blocks, split, tried again, ended exactly once. Single-threaded, no clock and no
// thread of its own: its owner calls step(). Nothing is allocated per operation. Spec:
// docs/internals/ingest.md, "Reads, retries".
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "counters.hpp"
#include "ingest/io.hpp"
#include "ingest/pump.hpp"
#include "protocol/limits.hpp"

namespace vyre::ingest {

/// What reading a file needs to know of it: an ingest::File, or a file that a test makes up.
struct Source {
  std::shared_ptr<const void> file;
  /// Its size now, or a negative errno.
  std::int64_t (*bytes_now)(const void* file){nullptr};
  std::uint64_t bytes{0};  // when it was opened
  int descriptor{-1};
  std::uint32_t alignment{1};  // of offsets and lengths, a power of two
  bool direct{false};
};
[[nodiscard]] Source source_of(std::shared_ptr<const File> file);

/// A ReadRequest that was found good: [to, to + the range rounded out to blocks) may be written.
struct Read {
  Source source;
  std::uint64_t offset{0};
  std::uint64_t bytes{0};
  std::uint8_t* to{nullptr};
  ReadSink* sink{nullptr};
  std::uint64_t tag{0};
};

struct ReadsOptions {
  std::uint32_t depth{64};
  bool thread_pool{false};      // the door is tier E, whatever the file
  bool parallel_copies{false};  // large reads through the page cache go to workers of the kernel
  std::uint64_t max_operation_bytes{kMaxReadBytes};
  std::shared_ptr<report::Timeline> timeline{};  // is told of operations; null: none
};

class Reads {
 public:
  Reads(Io& io, const ReadsOptions& options, Counters& counters);

  /// Urgent ones start before all others. An empty read ends at once. Takes the read, or throws
  /// std::bad_alloc and leaves it as it is.
  void add(Read&& read, bool urgent = false);
  /// Ends what has not started as cancelled and asks the door for the end of the rest. `tag`: only
  /// that read of the sink; no sink: all.
  void cancel(const ReadSink* sink, std::optional<std::uint64_t> tag = std::nullopt);
  /// Starts and hands over what may be, waits for an end at most `patience`, tells of the ends. An
  /// error is the door's last: the owner calls end_all().
  [[nodiscard]] Status step(std::chrono::nanoseconds patience);
  /// Ends everything without asking the door any more; later reads end at once in the same way.
  /// Needs no memory, since its lack may be the reason.
  /// Memory of operations that are under way may still be written: their number.
  std::uint32_t end_all(ReadStatus status, std::int32_t error_number);
  /// In a sink called by end_all(): this read's memory may still be written.
  [[nodiscard]] bool abandoning() const noexcept { return abandoning_; }

  [[nodiscard]] std::uint32_t under_way() const noexcept { return under_way_; }
  /// Nothing waits and nothing is under way.
  [[nodiscard]] bool idle() const noexcept {
    return queued() == 0 && free_.size() == active_.size();
  }

 private:
  enum class State : std::uint8_t { free, ready, under_way };
  /// A read that has started. Positions are those of the file.
  struct ActiveRead {
    Read read;
    std::uint64_t start{0};  // read.offset rounded down: lies at read.to
    std::uint64_t end{0};    // the end of the range rounded up
    std::uint64_t have{0};   // [start, have) is there
    std::uint64_t from{0};   // of the operation
    std::uint64_t length{0};
    std::uint64_t submitted_ns{0};
    std::uint32_t generation{0};         // of the operation: one more for each
    std::uint32_t cancel_generation{0};  // of the operation that a cancel under way is for
    std::uint32_t interrupted{0};        // retries so far
    std::uint32_t again{0};
    std::uint32_t io_error{0};
    std::uint32_t fruitless{0};
    State state{State::free};
    Tier tier{Tier::buffered};
    bool cancelled{false};
    bool cancel_under_way{false};
  };
  /// Reads that have not started, in order.
  class Queue {
   public:
    [[nodiscard]] std::size_t size() const noexcept { return reads_.size() - head_; }
    void push(Read&& read) { reads_.push_back(std::move(read)); }
    [[nodiscard]] Read pop();
    template <class Wanted>
    [[nodiscard]] std::size_t count_if(const Wanted& wanted) const;
    /// `out` has room for them.
    template <class Keep>
    void take_if(const Keep& wanted, std::vector<Read>& out);

   private:
    std::vector<Read> reads_;
    std::size_t head_{0};
  };

  [[nodiscard]] std::size_t queued() const noexcept { return urgent_.size() + queue_.size(); }
  void start_queued();
  [[nodiscard]] bool hand_over();
  void take(const IoCompletion& completion, std::uint64_t now_ns);
  void came(ActiveRead& active, std::uint64_t bytes);
  void failed(ActiveRead& active, std::int32_t error_number);
  void retry(ActiveRead& active);
  void again(ActiveRead& active);
  void end(ActiveRead& active, ReadStatus status, std::int32_t error_number);
  void end_unstarted(const Read& read, ReadStatus status, std::int32_t error_number);
  [[nodiscard]] Tier tier_of(const Source& source, bool fixed) const noexcept;
  [[nodiscard]] std::uint64_t now_ns() const;

  Io& io_;
  ReadsOptions options_;
  Counters& counters_;
  std::vector<ActiveRead> active_;      // [depth]
  std::vector<std::uint32_t> free_;     // indices of active reads
  std::vector<std::uint32_t> ready_;    // in order
  std::vector<std::uint32_t> cancels_;  // whose operation is to be cancelled
  Queue urgent_;
  Queue queue_;
  std::vector<Read> leaving_;  // of cancel(): capacity that stays
  std::uint32_t under_way_{0};
  std::uint32_t refused_{0};  // rounds in a row in which the door had no room
  bool abandoning_{false};
  struct Ended {
    ReadStatus status;
    std::int32_t error_number;
  };
  std::optional<Ended> all_ended_;
};

}  // namespace vyre::ingest
