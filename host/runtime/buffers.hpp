// Making and releasing what handles name: buffers, mapped and loaded files, binding sets and
// aliases. Host only; any thread.
//
// Lock: takes the order lock around changes of the handle table, never while the backend makes or
// releases something (BackendMaker has a lock for that). Reading a new file's bytes for an observer
// takes the bring lock.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "backend_maker.hpp"
#include "buffer_waits.hpp"
#include "handle_table.hpp"
#include "host_copies.hpp"
#include "memory_budget.hpp"
#include "observer_tap.hpp"
#include "order_lock.hpp"
#include "resident_inputs.hpp"
#include "retirements.hpp"
#include "session_counters.hpp"
#include "session_files.hpp"
#include "session_life.hpp"
#include "session_pump.hpp"
#include "session_setup.hpp"

namespace vyre::runtime {

class Buffers {
 public:
  struct Over {  // what it works over
    const SessionSetup& setup;
    backend::Backend& backend;
    const SessionLife& life;
    BackendMaker& maker;
    OrderMutex& order;
    HandleTable& handles;
    MemoryBudget& budget;
    ObserverTap& tap;
    BufferWaits& waits;
    HostCopies& copies;
    SessionFiles& files;
    SessionPump& pump;
    Retirements& retirements;
    ResidentInputs& inputs;
    SessionCounters& counters;
  };
  explicit Buffers(const Over& over) : over_(over) {}

  /// Zeros, or `contents`, which has `bytes`.
  [[nodiscard]] Result<Handle> allocate(std::uint64_t bytes, const ByteSpan* contents,
                                        const CopyUntil& until);
  /// A read-only buffer with these bytes, shared with all callers that asked for the same.
  [[nodiscard]] Result<Handle> upload_cached(ByteSpan bytes, const CopyUntil& until);
  [[nodiscard]] Result<Handle> map_file(const std::string& path, const MapOptions& options,
                                        Deadline deadline);
  [[nodiscard]] Result<Handle> load_file(const std::string& path, const CopyUntil& until);
  /// load_file() as upload_cached(): found by what identifies the file, whose bytes are not looked
  /// at again while that stays.
  [[nodiscard]] Result<Handle> load_file_cached(const std::string& path, const CopyUntil& until);
  [[nodiscard]] Result<Handle> import(MutableByteSpan host, const ImportOptions& options,
                                      Deadline deadline);
  /// For streams.
  [[nodiscard]] Result<Handle> make_alias();
  /// `aliases`: for streams, whose sets may name aliases and take nothing of the budget.
  [[nodiscard]] Result<Handle> bind(std::span<const Handle> buffers, bool aliases,
                                    const CopyUntil& until);
  /// Both add the calls that are to be made when no lock is held.
  [[nodiscard]] Status release(Handle handle, Deadline deadline, std::vector<DoneCall>& calls);
  [[nodiscard]] Status retire(Handle handle, std::vector<DoneCall>& calls);

  /// Evicts cached buffers that no caller holds until they come to `bytes`; returns what they came
  /// to.
  std::uint64_t evict(std::uint64_t bytes);
  /// Tells the observer of everything alive as if it were made now, sets after their buffers.
  [[nodiscard]] Status tell_all(const OrderLock& lock, const BringLock& bringing,
                                const ObserverTap::Hold& hold);
  /// No buffer is filled, brought or released at this moment.
  [[nodiscard]] bool settled(const OrderLock& lock);

 private:
  /// What the backend has made for a handle that no caller knows yet.
  struct Made {
    std::uint32_t handle{0};
    HandleRecord::Kind kind{HandleRecord::Kind::buffer};
    std::uint64_t bytes{0};
    const ByteSpan* contents{nullptr};  // null: the observer is told what the backend reads
    std::shared_ptr<const ingest::File> file;
    std::uint32_t only_queue{ingest::kAnyQueue};
    const ImportOptions* lent{nullptr};  // memory of a caller
    /// That it takes of the budget, if it is a buffer.
    [[nodiscard]] std::uint64_t budget_bytes() const noexcept {
      return lent == nullptr ? bytes : 0;
    }
  };
  /// Bytes of a buffer for an observer: where they lie, or a copy of them.
  struct Contents {
    ByteSpan bytes;
    Bytes copy;
  };
  /// `attempt()`, again and again while memory is short and retired handles still hold some.
  template <class Attempt>
  [[nodiscard]] Result<Handle> with_memory(const CopyUntil& until, const Attempt& attempt);
  /// Releases a cached buffer that no caller holds, of so many bytes; nullopt: there is none.
  [[nodiscard]] std::optional<std::uint64_t> evict_one();
  [[nodiscard]] std::optional<Handle> hold_cached(const ContentKey& key);
  /// Makes a buffer that no caller knows yet a cached one, or finds that another was faster.
  [[nodiscard]] Result<Handle> share(const ContentKey& key, Handle made, Deadline deadline);
  [[nodiscard]] Result<std::shared_ptr<const ingest::File>> open_to_load(const std::string& path);
  [[nodiscard]] Result<Handle> load_opened(const std::shared_ptr<const ingest::File>& file,
                                           const CopyUntil& until);
  [[nodiscard]] Result<Handle> try_allocate(std::uint64_t bytes, const ByteSpan* contents,
                                            const CopyUntil& until);
  [[nodiscard]] Result<Handle> try_bind(std::span<const Handle> buffers, bool aliases,
                                        Deadline deadline);
  /// Puts the handle and tells the observer, or undoes everything.
  [[nodiscard]] Result<Handle> put_made(const Made& made);
  [[nodiscard]] Handle put(const OrderLock& lock, const Made& made, ByteSpan contents);
  /// Of a handle that the backend did not make, or made.
  void undo(const Made& made);
  void discard(const Made& made);
  [[nodiscard]] Result<Contents> contents_of(std::uint32_t handle, std::uint64_t bytes) const;
  [[nodiscard]] Result<Contents> contents_of(const Made& made);
  void tell_set(const OrderLock& lock, const ObserverTap::Hold& hold, const HandleRecord& set);
  [[nodiscard]] Result<std::uint32_t> take_set(const OrderLock& lock,
                                               std::span<const std::uint32_t> members,
                                               bool aliases);
  [[nodiscard]] Status load(const ingest::File& file, const backend::Backend::ReadPiece& read,
                            Handle into, std::optional<ByteSpan> there, const CopyUntil& until);

  const Over over_;
};

}  // namespace vyre::runtime
