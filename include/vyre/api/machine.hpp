// The bounds of the library, and how files are read on this machine. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// Views of texts that never end.
struct Limit {
  std::string_view name;  // "max_ring_slots"
  std::uint64_t value{0};
  std::string_view unit;
  std::string_view reason;  // why it is so much and no more
};
[[nodiscard]] inline Result<std::vector<Limit>> limits() {
  std::vector<Limit> all;
  for (;;) {
    vyre_limit c = VYRE_INIT(vyre_limit);
    const detail::Failed failed{vyre_limit_at(all.size(), &c)};
    if (failed && failed.error().code == Code::not_found) return all;
    if (failed) return failed.error();
    all.push_back({c.name, c.value, c.unit, c.reason});
  }
}

/// What each way of reading files gives in a folder, as JSON (vyre_ingest_probe).
[[nodiscard]] inline Result<Blob> probe_ingest(const std::string& directory) {
  vyre_blob* json = nullptr;
  const detail::Failed failed{vyre_ingest_probe(directory.c_str(), &json)};
  if (failed) return failed.error();
  return Blob(json);
}

}  // namespace vyre::VYRE_V0
