// What cuFile says of itself on this machine, for tier D. Host only. Private to this room. Page:
// docs/internals/ingest.md, "Tiers".
#pragma once

#include <string>

namespace vyre::ingest {

/// Why tier D cannot be had here, as far as a question to the library shows. Never empty: where
/// cuFile does report a direct path, the reason is that nothing here reads through it.
[[nodiscard]] std::string why_no_cufile();
/// The sentence for what the library's properties say; `status_flags` has a bit for each kind of
/// storage that it reaches directly.
[[nodiscard]] std::string describe_cufile(unsigned major, unsigned minor, unsigned status_flags);

}  // namespace vyre::ingest
