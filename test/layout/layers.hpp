// Reads docs/layers.txt and finds includes that break it. Test support; the rules stand in
// docs/layers.txt.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
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
[[nodiscard]] std::string room_of(const Layers& layers, std::string_view path);

/// One sentence for each include of the file that its room may not have.
[[nodiscard]] std::vector<std::string> broken_rules(const Layers& layers, std::string_view path,
                                                    std::string_view source);

/// What the includes of the whole tree say together.
class Spellings {
 public:
  void add(const Layers& layers, std::string_view path, std::string_view source);
  /// Headers that are spelled as their room's own although others include them, and permissions
  /// that no file uses.
  [[nodiscard]] std::vector<std::string> problems(const Layers& layers) const;

 private:
  std::map<std::string, std::vector<std::string>> own_;  // header, by the places that spell it so
  std::set<std::string> shown_;                          // headers that other rooms include
  std::set<std::pair<std::string, std::string>> used_;   // room, room it includes from
};

}  // namespace vyre::layout
