// Where what is in the log of a watched program: written by the statements that watch.cpp adds,
// read by watch_log.cpp. Private to this room.
#pragma once

#include <cstdint>

namespace vyre::vir {

// Words of the log: a head and then a record each.
inline constexpr std::uint32_t kRecordWords{8};
inline constexpr std::uint32_t kTaken{0};    // slots
inline constexpr std::uint32_t kDropped{1};  // records, and how often that count wrapped
inline constexpr std::uint32_t kDroppedWraps{2};
// Words of a record.
// kSite: its number among all sites and 1; 0: it was not finished.
inline constexpr std::uint32_t kSite{0};
inline constexpr std::uint32_t kWorkgroup{1};
inline constexpr std::uint32_t kLane{4};
inline constexpr std::uint32_t kValues{5};

}  // namespace vyre::vir
