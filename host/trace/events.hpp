// Reading events.bin record by record with bounded memory: form and checks here, meaning in
// TraceState. Host only, one thread. Untrusted input: every refusal names the file, the offset and
// the record. Page: docs/internals/trace.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "format.hpp"
#include "source.hpp"

namespace vyre::trace {

class EventReader {
 public:
  /// `sealed`: the file must end with the end record and nothing may be wrong. Otherwise a record
  /// cut by a kill (nothing but zeros beyond it) ends the trace.
  [[nodiscard]] static Result<EventReader> open(Source& source, bool sealed);

  /// False at the end. `record` stays valid until the next call.
  [[nodiscard]] Result<bool> next();
  [[nodiscard]] const Record& record() const noexcept { return record_; }
  [[nodiscard]] std::uint64_t index() const noexcept { return index_; }  // of record(), from 0
  [[nodiscard]] std::uint64_t offset() const noexcept {
    return offset_;
  }  // of record() in the file
  /// The last complete record was not the end record: the recording was cut short.
  [[nodiscard]] bool cut() const noexcept { return !ended_; }
  /// Of all records so far, in order: two passes that saw the same records have the same one. Finds
  /// changes by mistake, not by design.
  [[nodiscard]] std::uint64_t print() const noexcept { return print_; }
  /// An error about record().
  [[nodiscard]] tl::unexpected<Error> wrong(Errc code, const std::string& what) const;

 private:
  EventReader(std::unique_ptr<ByteSource> bytes, const Source& source, bool sealed);
  [[nodiscard]] Result<std::size_t> available(std::size_t wanted);
  [[nodiscard]] Result<bool> only_zeros_from(std::size_t skip);
  [[nodiscard]] Result<bool> stop_at_bad(const std::string& what);

  std::unique_ptr<ByteSource> source_;
  std::string name_;
  const Source* trace_;  // outlives this
  bool sealed_;
  bool ended_{false};
  bool stopped_{false};
  Record record_;
  std::uint64_t index_{~std::uint64_t{0}};
  std::uint64_t offset_{0};
  Bytes block_;
  std::size_t at_{0};    // read position in block_
  std::size_t have_{0};  // valid bytes of block_
  std::uint64_t block_offset_{0};
  std::uint64_t print_{0};
};

/// What the records before this one have made: programs, live buffers and sets, positions. Refuses
/// a record that names what does not exist, so that executors never see one.
class TraceState {
 public:
  struct Buffer {
    std::uint64_t bytes{0};
    bool file_backed{false};
    std::uint32_t sets{0};  // live sets that hold it
  };
  struct Queue {
    std::uint64_t submitted{0};
    std::uint64_t completed{0};
  };

  /// What executors make of the records counts against the budget: buffers that are not files, sets
  /// and programs with their copies. A reader that makes no buffers does not count them.
  enum class Counts : std::uint8_t { everything, all_but_buffers };
  explicit TraceState(std::uint64_t memory_budget_bytes, Counts counts = Counts::everything)
      : budget_(memory_budget_bytes), counts_(counts) {}

  /// Checks the record that `reader` stands on and takes it in. Reads the blob of a bind record
  /// from `source`.
  [[nodiscard]] Status take(const EventReader& reader, Source& source);
  /// Counts memory that the record makes its reader keep; `what` begins the refusal.
  [[nodiscard]] Status hold(const EventReader& reader, std::uint64_t bytes,
                            const std::string& what);
  void give_back(std::uint64_t bytes) noexcept { held_bytes_ -= bytes; }

  [[nodiscard]] const Buffer* buffer(std::uint32_t handle) const;
  /// Members of a set; null if `handle` is not a live set.
  [[nodiscard]] const std::vector<std::uint32_t>* set(std::uint32_t handle) const;
  [[nodiscard]] bool is_program(std::uint32_t op) const { return programs_.contains(op); }
  [[nodiscard]] const std::vector<Queue>& queues() const noexcept { return queues_; }
  [[nodiscard]] std::uint64_t submits() const noexcept { return submits_; }
  [[nodiscard]] std::uint64_t completions() const noexcept { return completions_; }
  [[nodiscard]] std::uint64_t programs() const noexcept { return programs_.size(); }
  [[nodiscard]] std::uint64_t buffers_seen() const noexcept { return buffers_seen_; }

 private:
  [[nodiscard]] Status take_buffer(const EventReader& reader);
  [[nodiscard]] Status take_bind(const EventReader& reader, Source& source);
  [[nodiscard]] Status take_release(const EventReader& reader);
  [[nodiscard]] Status take_submit(const EventReader& reader);
  [[nodiscard]] Status take_completions(const EventReader& reader, std::uint32_t queue,
                                        std::uint64_t first, std::uint64_t count);

  std::uint64_t budget_;
  Counts counts_;
  std::uint64_t held_bytes_{0};
  std::unordered_set<std::uint32_t> programs_;
  std::unordered_map<std::uint32_t, Buffer> buffers_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> sets_;
  std::vector<Queue> queues_;
  std::uint64_t submits_{0};
  std::uint64_t completions_{0};
  std::uint64_t buffers_seen_{0};
  std::uint64_t last_op_{
      ~std::uint64_t{0}};  // the op of the last submit is mostly the op of this one
  bool finals_{false};
};

/// Full position of a completion record: it carries the low 32 bits, and lies below `submitted`.
[[nodiscard]] std::uint64_t full_position(std::uint32_t low, std::uint64_t submitted) noexcept;

}  // namespace vyre::trace
