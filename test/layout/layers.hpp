// Reads docs/layers.txt and finds includes that break it. Test support; the rules stand in
// docs/layers.txt.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace vyre::layout {

struct Room {
  int floor{0};
  std::set<std::string> may;
};
using Layers = std::map<std::string, Room>;

/// Problems of the text are appended to `problems`: unknown rooms, a way up, a cycle.
[[nodiscard]] Layers parse_layers(std::string_view text, std::vector<std::string>& problems);

struct Include {
  int line{0};
  std::string target;
  bool quoted{false};
};
[[nodiscard]] std::vector<Include> includes_of(std::string_view source);

/// The room of a file by its path from the source root; empty if it lies in none (host/rooms.cmake,
/// say).
[[nodiscard]] std::string room_of(std::string_view path);

/// One sentence for each include of the file that its room may not have.
[[nodiscard]] std::vector<std::string> broken_rules(const Layers& layers, std::string_view path,
                                                    std::string_view source);

}  // namespace vyre::layout
