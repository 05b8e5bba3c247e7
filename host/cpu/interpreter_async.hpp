// Asynchronous copies of the lanes of one workgroup: bytes are read when the copy starts and
// written when the lane waits. Belongs to one Interpreter and its thread. Spec: docs/image.md.
#pragma once

#include <memory>
#include <vector>

#include "interpreter_files.hpp"
#include "interpreter_request.hpp"

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
  struct Copy {
    std::uint32_t statement;
    std::uint32_t tag;
    std::uint32_t destination;
    std::uint64_t write_at;
    std::uint64_t count;
    std::shared_ptr<Snapshot> snapshot;
  };

  FaultCode start(std::uint32_t lane, std::uint32_t tag, std::uint32_t statement,
                  const core::BoundBuffer& source, std::uint64_t read_at, std::uint32_t destination,
                  std::uint64_t write_at, std::uint64_t count);
  FaultCode wait(std::uint32_t lane, std::uint32_t tag, const core::BoundBuffer* buffers);
  [[nodiscard]] bool pending(std::uint32_t lane) const;
  void clear() noexcept;

  std::vector<std::vector<Copy>> lanes_;  // by lane
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
