// The CPU backend's ingest memory: made when the Session first asks for it, because most sessions
// never do, and then shared by the pump, which writes it, and the workers, which read it and ask
// through its request lines. Host only. Spec: docs/internals/ingest.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/bytes.hpp"
#include "queue/io_queue.hpp"
#include "staging/mapping.hpp"

namespace vyre::cpu {

class IngestMemory {
 public:
  /// `bytes` of it, made on the first call; empty if there is none or the system gives none. Any
  /// thread.
  [[nodiscard]] MutableByteSpan memory(std::uint64_t bytes) noexcept;
  /// What memory() made; empty: nothing yet. Any thread.
  [[nodiscard]] MutableByteSpan bytes() const noexcept;
  /// Where a worker asks for bytes of files; null: no pump serves the lines (yet).
  [[nodiscard]] queue::IoClient* served() const noexcept;
  void leak() noexcept;

 private:
  struct Space {
    explicit Space(staging::Mapping given)
        : mapping(std::move(given)), client(queue::IoQueueView::of(mapping.bytes())) {}
    staging::Mapping mapping;
    queue::IoClient client;
  };
  std::mutex making_;
  std::unique_ptr<Space> owned_;
  // [INGEST-1] release when made, acquire by workers: mapping and client are there. An item that
  // needs them is published later anyhow; others may look at any time.
  std::atomic<Space*> space_{nullptr};
};

}  // namespace vyre::cpu
