// Watches: a program that also writes down when lanes reach a statement, and what variables hold
// there. It is an ordinary program with a few statements and returned buffers more, so every
// executor runs it and none knows of it. Host only, pure. Spec: docs/watching.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/interrupt.hpp"
#include "vir/program/program.hpp"

namespace vyre::vir {

/// A record has room for so many values.
inline constexpr std::size_t kWatchedValues{2};
/// Records that an item may keep: 32 MiB of them, and indices stay far below 2^32.
inline constexpr std::uint32_t kMaxWatchRecords{1u << 20};
/// Watches of one program.
inline constexpr std::size_t kMaxWatches{256};

struct Watch {
  std::vector<std::uint32_t> statements;  // by number; each of them writes records
  std::vector<std::string> values;        // variables, at most kWatchedValues
  /// Only lanes whose global id on axis 0 is from `first` to `last`; nullopt: all.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> lanes{};
};

/// How a value of a record is kept.
enum class WatchedKind : std::uint8_t { u32, i32, boolean, f32, u64 };

struct Watched {
  Program program;
  /// Of each watch, of each value, at each statement.
  std::vector<std::vector<std::vector<WatchedKind>>> kinds;
};

/// `program` must be prepare()d and validate()d. `records`: that an item keeps, from 1 to
/// kMaxWatchRecords. invalid_argument: a variable is not in scope, or has a kind that no record
/// holds; `program` is watched already.
[[nodiscard]] Result<Watched> watched(const Program& program, std::span<const Watch> watches,
                                      std::uint32_t records, Interrupt* interrupt = nullptr);

/// A record of an item that has ended.
struct WatchRecord {
  std::uint32_t watch{0};
  std::uint32_t site{0};  // index into Watch::statements
  std::uint32_t workgroup[3]{};
  std::uint32_t lane{0};                   // linear in its workgroup
  std::uint64_t values[kWatchedValues]{};  // bits, by the kinds of the site
};
struct WatchLog {
  std::vector<WatchRecord> records;  // by workgroup, then lane, then in the order of its execution
  std::uint64_t dropped{0};          // that found no room
};
/// `buffers`: the bytes of those that watched() added, in declaration order. malformed: they are
/// not what such a program leaves.
[[nodiscard]] Result<WatchLog> read_watch_log(const Watched& watched,
                                              std::span<const ByteSpan> buffers);

}  // namespace vyre::vir
