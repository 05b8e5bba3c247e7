// The plain form of every built-in op: what docs/ops.md says, over bytes in host memory. The CPU
// backend's workers and the reference of replays call it; device versions are compared with it.
// Host only, no state, no allocation, any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "builtin/rules.hpp"

namespace vyre::builtin {

/// A buffer of the item. Different handles have different bytes.
struct Buffer {
  std::uint8_t* data{nullptr};  // may be null if bytes is 0; only read where read_only
  std::uint64_t bytes{0};
  std::uint32_t handle{0};
  bool read_only{false};
};

/// Whether an op is still wanted; asked every few milliseconds. Copies of the question are cheap.
class StopWord {
 public:
  using Question = bool (*)(const void* of) noexcept;

  StopWord() = default;  // never
  /// A flag of another thread. Relaxed: looked at again and again, and nothing is read on its
  /// account.
  StopWord(const std::atomic<bool>* flag)  // NOLINT: what callers have is a flag
      : question_(flag == nullptr ? nullptr
                                  : +[](const void* of) noexcept {
                                      return static_cast<const std::atomic<bool>*>(of)->load(
                                          std::memory_order_relaxed);
                                    }),
        of_(flag) {}
  StopWord(Question question, const void* of) : question_(question), of_(of) {}

  [[nodiscard]] bool asked() const noexcept { return question_ != nullptr && question_(of_); }

 private:
  Question question_{nullptr};
  const void* of_{nullptr};
};

/// Another form of match.literals, for a pattern blob whose bytes never change: it gives what the
/// plain form gives.
class LiteralMatcher {
 public:
  virtual ~LiteralMatcher() = default;
  /// As run() does match.literals; nothing: the plain form is to do it, and may find anything in
  /// `out`.
  [[nodiscard]] virtual std::optional<FaultCode> match(ByteSpan text, ByteSpan blob,
                                                       MutableByteSpan out,
                                                       const StopWord& stop) noexcept = 0;
};

/// What the rules (rules.hpp) say of an item; reads no byte.
[[nodiscard]] FaultCode refusal(std::uint32_t op, std::span<const Buffer> inputs,
                                std::span<const Buffer> outputs, std::uint32_t param) noexcept;

/// As run(), of an item that refusal() has passed.
[[nodiscard]] FaultCode run_passed(std::uint32_t op, std::span<const Buffer> inputs,
                                   std::span<const Buffer> outputs, std::uint32_t param,
                                   const StopWord& stop, LiteralMatcher* literals) noexcept;

/// Runs one item. none, or why nothing was written (rules.hpp, and bad_binding for a pattern blob
/// that breaks its rules); shutdown if `stop` said so on the way: then outputs are unspecified.
/// `literals`: of the pattern blob, where its bytes never change.
[[nodiscard]] FaultCode run(std::uint32_t op, std::span<const Buffer> inputs,
                            std::span<const Buffer> outputs, std::uint32_t param,
                            const StopWord& stop = {}, LiteralMatcher* literals = nullptr) noexcept;

}  // namespace vyre::builtin
