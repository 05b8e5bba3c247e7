// What fuzz targets share: a promise that ends the process when it is broken, and records of a
// trace whose checks are right whatever they hold. Test code.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "trace/format.hpp"

namespace vyre::test {

inline void require(bool holds, std::string_view promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(promise.size()), promise.data());
  std::abort();
}

/// Puts the header in front and makes each record's check right, as far as kinds are known. What
/// follows those stays in `records`.
inline Bytes sealed(ByteSpan& records) {
  const auto header = trace::header_cell();
  Bytes bytes(header.begin(), header.end());
  while (!records.empty()) {
    const std::size_t size = trace::cells_of(records[0]) * trace::kCellBytes;
    if (size == 0 || size > records.size()) break;
    trace::Record record;
    std::copy_n(records.begin(), size, record.data());
    record.seal(bytes.size());
    bytes.insert(bytes.end(), record.bytes().begin(), record.bytes().end());
    records = records.subspan(size);
  }
  return bytes;
}

}  // namespace vyre::test
