// match.literals by Hyperscan (or Vectorscan, which has the same interface), for pattern blobs that
// never change. Optional when vyre is built, looked for when a set of patterns has searched enough
// bytes to pay for being compiled. The plain form (builtin/ops.hpp) stays the judge: what this form
// cannot give in the plain form's order, the plain form gives. Host only. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "builtin/literals_layout.hpp"
#include "builtin/ops.hpp"

namespace vyre::cpu {

/// The header of a pattern blob, or nothing if it breaks the rules of headers.
[[nodiscard]] std::optional<builtin::LiteralsHeader> header_of(ByteSpan blob);

/// The patterns behind a blob of compile_literals(), or nothing for other bytes that happen to
/// follow the rules of blobs.
struct LiteralPatterns {
  std::vector<Bytes> patterns;
  bool ignore_ascii_case{false};
};
[[nodiscard]] std::optional<LiteralPatterns> patterns_of(ByteSpan blob);

/// Patterns made ready for Hyperscan, with memory for each thread that searches.
class CompiledLiterals {
 public:
  /// Null: the library is not here, or it does not take the patterns.
  [[nodiscard]] static std::unique_ptr<CompiledLiterals> make(const LiteralPatterns& patterns);
  virtual ~CompiledLiterals() = default;
  /// As builtin::LiteralMatcher.
  [[nodiscard]] virtual std::optional<FaultCode> match(ByteSpan text, MutableByteSpan out,
                                                       const builtin::StopWord& stop) noexcept = 0;
};

/// Of one blob: counts what is searched with it, and compiles it once that is worth it.
class LiteralSearch final : public builtin::LiteralMatcher {
 public:
  /// Null: `bytes` are no pattern blob, or there is no memory.
  [[nodiscard]] static std::unique_ptr<LiteralSearch> of(ByteSpan bytes) noexcept;
  explicit LiteralSearch(std::uint64_t worth_bytes) : worth_bytes_(worth_bytes) {}

  [[nodiscard]] std::optional<FaultCode> match(ByteSpan text, ByteSpan blob, MutableByteSpan out,
                                               const builtin::StopWord& stop) noexcept override;

 private:
  enum class State : std::uint8_t { counting, compiling, ready, impossible };

  std::mutex mutex_;
  State state_{State::counting};
  const std::uint64_t worth_bytes_;
  std::uint64_t searched_{0};
  std::unique_ptr<CompiledLiterals> compiled_;  // set once, before `ready`
};

}  // namespace vyre::cpu
