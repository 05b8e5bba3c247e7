// Where a trace's bytes come from: a directory, or memory (fuzzing, tests). Blobs are named by
// digest only, so a trace cannot name a path. Host only. Page: docs/internals/trace.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/digest.hpp"
#include "runtime/session.hpp"

namespace vyre::trace {

/// manifest.json. Absent numbers are null in the file: a trace that was not sealed does not know
/// them.
struct Manifest {
  bool complete{false};
  std::string recorded_at;
  std::string build;
  std::string host;
  runtime::SessionOptions session;  // queues, ring_slots, memory_budget_bytes, fuel
  std::optional<std::uint64_t> items;
  std::optional<std::uint64_t> programs;
  std::optional<std::uint64_t> buffers;
  std::optional<std::uint64_t> events_bytes;
  std::optional<Digest> events_digest;
};
[[nodiscard]] std::string manifest_json(const Manifest& manifest);
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view text);

/// Bytes in order, once.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills `out` unless the bytes end first; 0 at the end.
  [[nodiscard]] virtual Result<std::size_t> read(MutableByteSpan out) = 0;
};

/// Contents of a blob in memory: the bytes that were held against its digest, and no others,
/// whatever happens to the file meanwhile. Empty for no blob.
class Blob {
 public:
  Blob() = default;
  explicit Blob(std::shared_ptr<const Bytes> bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] ByteSpan bytes() const noexcept { return bytes_ ? ByteSpan(*bytes_) : ByteSpan(); }

 private:
  std::shared_ptr<const Bytes> bytes_;
};

class Source {
 public:
  virtual ~Source() = default;
  Manifest manifest;
  /// Passes over the records, and reads of blobs, end with it: deadline_exceeded.
  Deadline deadline{Deadline::max()};
  /// Said true: they end, too, with cancelled.
  bool (*stopped)(){nullptr};
  /// An error once one of them has come, about what `name` has.
  [[nodiscard]] Status go_on(const std::string& name) const;
  /// A new pass over events.bin.
  [[nodiscard]] virtual Result<std::unique_ptr<ByteSource>> events() = 0;
  /// For messages.
  [[nodiscard]] virtual std::string events_name() const = 0;
  /// Read once; its size and its digest are checked.
  [[nodiscard]] virtual Result<Blob> blob(const Digest& digest, std::uint64_t bytes) = 0;
  /// The same checks for a blob that no caller holds: read piece by piece, and only the first time.
  [[nodiscard]] virtual Status verify(const Digest& digest, std::uint64_t bytes) = 0;
  /// A file with exactly these bytes, or "" where there is none.
  [[nodiscard]] virtual std::string blob_path(const Digest& digest) const = 0;
};

[[nodiscard]] Result<std::unique_ptr<Source>> open_directory(const std::string& directory);

/// For tests and fuzzing. With `any_blob` set, a digest that is not there gives zeros of the size
/// asked for, up to that many bytes.
class MemorySource : public Source {
 public:
  Bytes events_bytes;
  std::unordered_map<std::string, Bytes> blobs;  // by hexadecimal digest
  std::uint64_t any_blob{0};

  [[nodiscard]] Result<std::unique_ptr<ByteSource>> events() override;
  [[nodiscard]] std::string events_name() const override { return "events.bin"; }
  [[nodiscard]] Result<Blob> blob(const Digest& digest, std::uint64_t bytes) override;
  [[nodiscard]] Status verify(const Digest& digest, std::uint64_t bytes) override;
  [[nodiscard]] std::string blob_path(const Digest&) const override { return {}; }
};

}  // namespace vyre::trace
