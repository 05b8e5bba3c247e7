// Asynchronous copies of the lanes of one workgroup: bytes are read when the copy starts and
// written when the lane waits. Belongs to one Interpreter and its thread. Spec:
// docs/internals/image.md.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "files.hpp"
#include "request.hpp"

namespace vyre::cpu {

class AsyncCopies {
 public:
  [[nodiscard]] AsyncDoor door() noexcept;

  /// While it lives the door is open for one run. A program that faulted leaves its copies pending:
  /// they are forgotten before and after.
  class Run {
   public:
    Run(AsyncCopies& copies, const core::BoundBuffer* buffers, const FileAsks* asks,
        const std::atomic<bool>* stop);
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run();

   private:
    AsyncCopies& copies_;
  };

 private:
  static constexpr std::uint32_t kNone{~std::uint32_t{0}};
  struct Copy {
    std::uint32_t lane;
    std::uint32_t tag;
    std::uint32_t statement;
    std::uint32_t destination;
    std::uint64_t write_at;
    std::uint64_t count;
    std::shared_ptr<Snapshot> snapshot;
    std::uint32_t before;  // of the same lane, older; kNone: none
    std::uint32_t after;   // of the same lane, newer; of a copy that is over: the next such
  };
  struct Lane {
    std::uint32_t oldest{kNone};
    std::uint32_t newest{kNone};
  };

  FaultCode start(std::uint32_t lane, std::uint32_t tag, std::uint32_t statement,
                  const core::BoundBuffer& source, std::uint64_t read_at, std::uint32_t destination,
                  std::uint64_t write_at, std::uint64_t count);
  FaultCode wait(std::uint32_t lane, std::uint32_t tag, const core::BoundBuffer* buffers);
  [[nodiscard]] bool pending(std::uint32_t lane) const;
  void clear() noexcept;
  /// Where the table says that a lane's copy under a tag is, or would be.
  [[nodiscard]] std::size_t place(std::uint32_t lane, std::uint32_t tag) const noexcept;
  [[nodiscard]] std::size_t home(std::uint32_t lane, std::uint32_t tag) const noexcept;
  [[nodiscard]] std::size_t after(std::size_t at) const noexcept {
    return (at + 1) & (table_.size() - 1);
  }
  void grow();
  void forget(std::size_t at) noexcept;

  std::deque<Copy> copies_;           // pending ones, and places of those that are over
  std::uint32_t over_{kNone};         // the first place that may be used again
  std::vector<std::uint32_t> table_;  // (lane, tag) -> place in copies_, or kNone; open addressing
  std::vector<Lane> lanes_;           // by lane
  std::uint64_t pending_count_{0};
  std::uint64_t pending_bytes_{0};
  // The latest snapshot, shared by the next lane that starts the same copy. Only while one
  // statement is executed: between two, the source may have been written.
  std::shared_ptr<Snapshot> latest_;
  const std::uint8_t* latest_source_{nullptr};
  std::uint64_t latest_at_{0};
  const core::BoundBuffer* buffers_{nullptr};  // of the run, by declaration index
  FileReads files_;
};

}  // namespace vyre::cpu
