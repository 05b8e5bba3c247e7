// Asynchronous copies of the lanes of one workgroup: bytes are read when the copy starts and
// written when the lane waits. Belongs to one Interpreter and its thread. Spec: docs/image.md.
#pragma once

#include <memory>
#include <vector>

#include "interpreter_request.hpp"

namespace vyre::cpu {

class AsyncCopies {
 public:
  [[nodiscard]] AsyncDoor door() noexcept;

 private:
  using Snapshot = std::shared_ptr<const std::vector<std::uint8_t>>;
  struct Copy {
    std::uint32_t statement;
    std::uint32_t tag;
    std::uint32_t destination;
    std::uint64_t write_at;
    std::uint64_t count;
    Snapshot bytes;
  };

  FaultCode start(std::uint32_t lane, std::uint32_t tag, std::uint32_t statement,
                  const core::BoundBuffer& source, std::uint64_t read_at, std::uint32_t destination,
                  std::uint64_t write_at, std::uint64_t count);
  FaultCode wait(std::uint32_t lane, std::uint32_t tag, const core::BoundBuffer* buffers);
  [[nodiscard]] bool pending(std::uint32_t lane) const;

  std::vector<std::vector<Copy>> lanes_;  // by lane
  std::uint64_t pending_count_{0};
  std::uint64_t pending_bytes_{0};
  // The latest snapshot, shared by the next lane that starts the same copy. Only while one
  // statement is executed: between two, the source may have been written.
  Snapshot latest_;
  const std::uint8_t* latest_source_{nullptr};
  std::uint64_t latest_at_{0};
};

}  // namespace vyre::cpu
