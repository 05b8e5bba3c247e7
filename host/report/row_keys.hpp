// What rows of a document are of: their label and key in names of numbers, and which rows of two
// documents are added. Private to this room. Page: docs/report-tools.md, "Numbers".
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "report/numbers.hpp"
#include "report/report.hpp"

namespace vyre::report {

[[nodiscard]] inline RowKey row_key(const OpRow& row) {
  return {"op", row.name};
}
[[nodiscard]] inline RowKey row_key(const QueueRow& row) {
  return {"queue", std::to_string(row.queue)};
}
[[nodiscard]] inline RowKey row_key(const IngestTier& row) {
  return {"tier", row.tier};
}
[[nodiscard]] inline RowKey row_key(const ErrnoCount& row) {
  return {"errno", std::to_string(row.error_number)};
}
[[nodiscard]] inline RowKey row_key(const RefusedCount& row) {
  return {"rule", row.rule};
}
[[nodiscard]] inline RowKey row_key(const ActCounts& row) {
  return {"output", row.output};
}
[[nodiscard]] inline RowKey row_key(const FileRow& row) {
  return {"file", row.name};
}

template <class T, class = void>
struct HasRowKey : std::false_type {};
template <class T>
struct HasRowKey<T, std::void_t<decltype(row_key(std::declval<const T&>()))>> : std::true_type {};

/// The key of an op that ran on several executors has the executor behind it.
[[nodiscard]] inline std::string key_with_executor(const OpRow& row) {
  return row.name + "@" + row.executor;
}
/// Equal for rows of two documents that are of the same thing.
template <class T>
[[nodiscard]] std::string identity_of(const T& row) {
  if constexpr (std::is_same_v<T, OpRow>) {
    return key_with_executor(row);
  } else {
    return row_key(row).key;
  }
}

}  // namespace vyre::report
