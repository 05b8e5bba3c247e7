// Files of a session: the pump learns of a mapped file, or its bytes are brought to where items
// read them, with the first item that needs it. Host only; any thread. Spec:
// docs/internals/ingest.md.
//
// Lock: SessionFiles owns one mutex, the bring lock, as a type: one file at a time is made
// resident. A thread that holds it may take the order lock and the lock of SessionPump. Submits do
// not hold the order lock while a file is provided.
#pragma once

#include <memory>
#include <mutex>

#include "backend/backend.hpp"
#include "copy_until.hpp"
#include "handle_table.hpp"
#include "item_accesses.hpp"
#include "order_lock.hpp"
#include "results.hpp"
#include "session_counters.hpp"
#include "session_pump.hpp"
#include "session_setup.hpp"

namespace vyre::runtime {

class [[nodiscard]] BringLock {
 private:
  friend class SessionFiles;
  explicit BringLock(std::mutex& mutex) : lock_(mutex) {}
  std::unique_lock<std::mutex> lock_;
};

class SessionFiles {
 public:
  SessionFiles(const SessionSetup& setup, backend::Backend& backend, OrderMutex& order,
               HandleTable& handles, SessionPump& pump, Results& results, SessionCounters& counters)
      : setup_(setup),
        backend_(backend),
        order_(order),
        handles_(handles),
        pump_(pump),
        results_(results),
        counters_(counters) {}

  /// A file has to be made resident before items or downloads read it.
  [[nodiscard]] bool must_bring(std::uint32_t handle) const noexcept {
    return backend_.must_bring(handle);
  }
  /// Makes it so that an item can read the file.
  [[nodiscard]] Status provide(const FileWant& want, Deadline deadline) {
    return want.pump ? publish(want.file) : bring(want.file, {deadline});
  }
  /// Tells the pump of a mapped file.
  [[nodiscard]] Status publish(Handle file);
  /// Makes a mapped file resident, which may take long. The caller holds no lock.
  [[nodiscard]] Status bring(Handle file, const CopyUntil& until);
  /// No file is brought while the caller has it.
  BringLock bring_lock() { return BringLock(bring_mutex_); }
  /// Makes a file resident for the caller, who knows that no other thread can use the handle.
  [[nodiscard]] Status bring_alone(const BringLock&, std::uint32_t handle,
                                   const std::shared_ptr<const ingest::File>& file);
  /// Reads any piece of the file: through the pump, or plainly in sessions without one.
  [[nodiscard]] backend::Backend::ReadPiece piece_reader(
      const std::shared_ptr<const ingest::File>& file, const CopyUntil& until = {});
  /// The pump forgets the file, if it knows it.
  void withdraw(const OrderLock&, const HandleRecord& record);

 private:
  const SessionSetup& setup_;
  backend::Backend& backend_;
  OrderMutex& order_;
  HandleTable& handles_;
  SessionPump& pump_;
  Results& results_;
  SessionCounters& counters_;
  std::mutex bring_mutex_;
};

}  // namespace vyre::runtime
