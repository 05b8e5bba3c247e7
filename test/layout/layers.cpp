#include "layers.hpp"

#include <algorithm>
#include <functional>
#include <sstream>

namespace vyre::layout {
namespace {

bool starts_with(std::string_view text, std::string_view head) {
  return text.substr(0, head.size()) == head;
}

// Headers of others that are slow to compile or open a door, and the rooms whose files may name
// them. In include/ they appear only in the header that is the door.
struct Door {
  std::string_view header;
  std::set<std::string_view> rooms;
  std::string_view public_header{};  // may name it, alone in include/
};
const std::vector<Door>& doors() {
  static const std::vector<Door> kDoors{
      {"liburing", {"ingest"}},
      {"cuda_runtime", {"cuda"}},
      {"cuda.h", {"cuda"}},
      {"CLI/", {"tools"}},
      {"spdlog/", {"platform", "tools"}, "include/vyre/platform/log.hpp"},
      {"nlohmann/", {"report", "trace", "conformance", "tools"}},
      {"zlib.h", {"conformance", "trace", "platform"}},
      {"gtest/", {}},
      {"benchmark/", {}},
  };
  return kDoors;
}

}  // namespace

Layers parse_layers(std::string_view text, std::vector<std::string>& problems) {
  Layers layers;
  std::istringstream lines{std::string{text}};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto colon = line.find(':');
    std::istringstream head{line.substr(0, colon)};
    Room room;
    std::string name;
    if (colon == std::string::npos || !(head >> room.floor >> name)) {
      problems.push_back("not `floor room: rooms`: " + line);
      continue;
    }
    std::istringstream rest{line.substr(colon + 1)};
    for (std::string dep; rest >> dep;) room.may.insert(dep);
    if (!layers.emplace(name, room).second) problems.push_back("room " + name + " has two lines");
  }
  for (const auto& [name, room] : layers) {
    for (const auto& dep : room.may) {
      const auto found = layers.find(dep);
      if (found == layers.end()) {
        problems.push_back("room " + name + " may use " + dep + ", which has no line");
      } else if (found->second.floor > room.floor) {
        problems.push_back("room " + name + " may use " + dep + " on a higher floor");
      }
    }
  }
  // Siblings may use each other one way only.
  std::map<std::string, int> state;  // 1: on the path, 2: done
  const std::function<void(const std::string&)> visit = [&](const std::string& name) {
    state[name] = 1;
    for (const auto& dep : layers[name].may) {
      if (layers.count(dep) == 0) continue;
      if (state[dep] == 1) problems.push_back("rooms " + name + " and " + dep + " are in a cycle");
      if (state[dep] == 0) visit(dep);
    }
    state[name] = 2;
  };
  std::vector<std::string> names;
  for (const auto& entry : layers) names.push_back(entry.first);
  for (const auto& name : names) {
    if (state[name] == 0) visit(name);
  }
  return layers;
}

std::vector<Include> includes_of(std::string_view source) {
  std::vector<Include> found;
  int number = 0;
  for (std::size_t at = 0; at < source.size();) {
    const auto end = std::min(source.find('\n', at), source.size());
    std::string_view line = source.substr(at, end - at);
    at = end + 1;
    ++number;
    const auto skip = [&line] {
      const auto text = line.find_first_not_of(" \t");
      line = text == std::string_view::npos ? std::string_view{} : line.substr(text);
    };
    skip();
    if (!starts_with(line, "#")) continue;
    line.remove_prefix(1);
    skip();
    if (!starts_with(line, "include")) continue;
    line.remove_prefix(7);
    skip();
    if (line.empty() || (line[0] != '"' && line[0] != '<')) continue;
    const char close = line[0] == '"' ? '"' : '>';
    const auto stop = line.find(close, 1);
    if (stop == std::string_view::npos) continue;
    found.push_back({number, std::string{line.substr(1, stop - 1)}, close == '"'});
  }
  return found;
}

std::string room_of(std::string_view path) {
  if (starts_with(path, "cuda/")) return "cuda";
  if (starts_with(path, "tools/")) return "tools";
  for (const std::string_view root : {"include/vyre/", "host/"}) {
    if (!starts_with(path, root)) continue;
    const auto rest = path.substr(root.size());
    const auto slash = rest.find('/');
    return slash == std::string_view::npos ? std::string{} : std::string{rest.substr(0, slash)};
  }
  return {};
}

std::vector<std::string> broken_rules(const Layers& layers, std::string_view path,
                                      std::string_view source) {
  std::vector<std::string> broken;
  const std::string room = room_of(path);
  const auto own = layers.find(room);
  if (own == layers.end()) {
    broken.push_back(std::string{path} + ": room '" + room + "' has no line in docs/layers.txt");
    return broken;
  }
  const bool is_public = starts_with(path, "include/");
  for (const Include& include : includes_of(source)) {
    const std::string where = std::string{path} + ':' + std::to_string(include.line) + ": ";
    if (starts_with(include.target, "vyre/")) {
      const std::string target = room_of("include/" + include.target);
      if (target != room && own->second.may.count(target) == 0) {
        broken.push_back(where + "room " + room + " may not include " + include.target);
      }
    } else if (include.target.find("..") != std::string::npos) {
      broken.push_back(where + "a path out of the room: " + include.target);
    } else if (include.quoted && is_public) {
      broken.push_back(where + "a public header names others as \"vyre/room/file\", not as " +
                       include.target);
    }
    for (const Door& door : doors()) {
      if (!starts_with(include.target, door.header)) continue;
      if (is_public && path != door.public_header) {
        broken.push_back(where + include.target +
                         " belongs into a source file, not into a header of all");
      } else if (door.rooms.count(room) == 0) {
        broken.push_back(where + "room " + room + " is no door to " + include.target);
      }
    }
  }
  return broken;
}

}  // namespace vyre::layout
