// The handle table of a session: which buffers, files, binding sets and aliases are alive, who uses
// them, and which numbers are free. It knows no backend and no items. Host only.
//
// Lock: the caller holds the order lock, which every function asks for. A HandleRecord may be read
// and changed under that lock only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/handle.hpp"
#include "backend/stable_table.hpp"
#include "done_call.hpp"
#include "hazards.hpp"
#include "imported_ranges.hpp"
#include "ingest/file.hpp"
#include "ingest/pump.hpp"
#include "memory_budget.hpp"
#include "order_lock.hpp"
#include "runtime/session.hpp"

namespace vyre::runtime {

struct BufferLineage;

struct HandleRecord {
  enum class Kind : std::uint8_t { none, buffer, file, set, alias };
  Kind kind{Kind::none};
  bool releasing{false};
  bool told{true};  // an observer that listens knows of it
  std::uint32_t handle{0};
  std::uint64_t serial{0};        // Handle::serial
  std::uint32_t releases{0};      // of handles in this place: the generation of the next
  std::uint32_t sets{0};          // live binding sets that name this buffer
  std::uint32_t host_readers{0};  // downloads under way
  std::uint32_t host_writers{0};  // writes under way
  std::uint64_t bytes{0};
  /// Another one after everything that writes the buffer; no two buffers of a session have the
  /// same.
  std::uint64_t version{0};
  std::vector<std::uint32_t> members;  // handles, of a set
  bool counted{false};                 // a set that takes of the memory budget
  std::shared_ptr<const ingest::File> file;
  std::uint32_t only_queue{ingest::kAnyQueue};  // of a file
  bool published{false};                        // the pump knows the file
  bool lent{false};          // memory of a caller, which takes nothing of the budget
  bool read_only{false};     // lent by a caller for reading, or cached
  bool cached{false};        // found by its contents: ResidentInputs
  std::uint32_t holders{0};  // callers that a cached buffer was given to
  DoneCall done;             // of memory that a caller lends
  std::uint32_t leases{0};   // each of them counts as one of host_readers or host_writers
  bool leased_to_write{false};
  bool lease_returning{false};        // its copy is being written back
  std::shared_ptr<Bytes> lease_copy;  // of a buffer on a device
  /// What its bytes come from; null: nothing that the session tracks (LineageLog).
  std::shared_ptr<const BufferLineage> lineage;
  Uses uses;
  Line line;
};

/// What keeps others from a leased buffer, for messages.
[[nodiscard]] std::string lease_held(const HandleRecord& record);

class HandleTable {
 public:
  /// A place is used again only when so many free ones wait. Together with the generations a number
  /// comes again after a million releases at the earliest. Until then an item with a stale number
  /// meets an error.
  static constexpr std::uint32_t kFreePlacesKept{4'096};

  HandleTable(std::uint32_t session, MemoryBudget& budget,
              std::uint32_t free_places_kept = kFreePlacesKept)
      : session_(session), budget_(budget), free_places_kept_(free_places_kept) {}

  /// By the number alone, as items name it. Null if it is not alive.
  [[nodiscard]] HandleRecord* find(const OrderLock&, std::uint32_t handle) noexcept {
    HandleRecord* record = records_.find(backend::handle_index(handle));
    if (record == nullptr || record->kind == HandleRecord::Kind::none || record->handle != handle)
      return nullptr;
    return record;
  }
  /// Alive, not about to be released, and of this session; an error says which of these it is not.
  /// `what` is the verb of the message.
  [[nodiscard]] Result<HandleRecord*> find_live(const OrderLock&, const Handle& handle,
                                                const char* what);
  /// The same, also where it is about to be released.
  [[nodiscard]] Result<HandleRecord*> find_known(const OrderLock&, const Handle& handle,
                                                 const char* what);
  /// find_live() for something that holds bytes. Aliases count only where `aliases` says so.
  [[nodiscard]] Result<HandleRecord*> find_buffer(const OrderLock&, const Handle& handle,
                                                  const char* what, bool aliases = false);
  [[nodiscard]] Handle public_handle(const HandleRecord& record) const noexcept {
    return {record.handle, session_, record.serial};
  }

  /// A number for a new handle. The caller follows with put() or free_place().
  [[nodiscard]] Result<std::uint32_t> take_place(const OrderLock&);
  /// From now on the handle is alive.
  HandleRecord& put(const OrderLock&, std::uint32_t handle, HandleRecord::Kind kind,
                    std::uint64_t bytes);
  /// A cached buffer that was released is alive again. Handles that were given out before are not.
  void revive(const OrderLock&, HandleRecord& record) noexcept;
  /// Ends a handle, or undoes take_place(). The caller gives back budget and members itself.
  void free_place(const OrderLock&, std::uint32_t handle);
  /// Ends a handle: gives back what it takes of the budget, lets go of its members, frees its
  /// place.
  void remove(const OrderLock&, HandleRecord& record);

  /// Takes memory of a caller for a handle that take_place() gave, until free_place().
  [[nodiscard]] Status lend(const OrderLock& lock, std::uint32_t handle, ByteSpan host,
                            bool writable) {
    return imported_.add(lock, handle, host, writable);
  }

  // Binding sets. A member cannot be released while a set holds it.
  void hold_members(const OrderLock&, std::span<const std::uint32_t> members) noexcept;
  void let_members_go(const OrderLock&, std::span<const std::uint32_t> members) noexcept;
  /// Bytes that a set takes of the budget.
  [[nodiscard]] static std::uint64_t set_bytes(std::size_t members) noexcept;

  // Aliases alive, and those that are being made.
  void count_view(const OrderLock&) noexcept { ++aliases_; }
  void uncount_view(const OrderLock&) noexcept { --aliases_; }
  [[nodiscard]] std::uint32_t aliases(const OrderLock&) const noexcept { return aliases_; }

  /// Something is about to write the buffer: an item that is published, or a copy of the host.
  void raise_version(const OrderLock&, HandleRecord& record) noexcept {
    record.version = next_version_++;
  }

  /// A place in the lines of buffers (Line), later than all before.
  [[nodiscard]] std::uint64_t draw_turn(const OrderLock&) noexcept { return next_turn_++; }

  /// Calls `visit(HandleRecord&, index)` for the buffer that a handle of an item names, or for the
  /// members of its binding set.
  template <class Visit>
  void for_each_buffer(const OrderLock& lock, std::uint32_t handle, const Visit& visit) {
    HandleRecord* const record = handle == 0 ? nullptr : find(lock, handle);
    if (record == nullptr) return;
    if (record->kind != HandleRecord::Kind::set) return visit(*record, std::size_t{0});
    for (std::size_t i = 0; i < record->members.size(); ++i) {
      if (HandleRecord* const member = find(lock, record->members[i])) visit(*member, i);
    }
  }

  /// Calls `visit(HandleRecord&)` for every live handle, until it returns false.
  template <class Visit>
  void for_each(const OrderLock&, const Visit& visit) {
    for (std::uint32_t i = 1; i < places_used_; ++i) {
      HandleRecord* record = records_.find(i);
      if (record == nullptr || record->kind == HandleRecord::Kind::none) continue;
      if (!visit(*record)) return;
    }
  }

 private:
  const std::uint32_t session_;
  MemoryBudget& budget_;
  const std::uint32_t free_places_kept_;
  backend::StableTable<HandleRecord> records_;
  std::uint32_t places_used_{1};  // place 0 means "none"
  std::uint64_t next_serial_{1};
  std::uint64_t next_turn_{1};
  std::uint64_t next_version_{1};
  std::deque<std::uint32_t> free_places_;
  ImportedRanges imported_;
  std::uint32_t aliases_{0};
};

}  // namespace vyre::runtime
