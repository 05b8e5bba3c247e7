#include "layers.hpp"

#include <algorithm>
#include <functional>
#include <sstream>

namespace vyre::layout {
namespace {

bool starts_with(std::string_view text, std::string_view head) {
  return text.substr(0, head.size()) == head;
}

// Headers of others that are slow to compile or open a door, and the rooms, or the files alone,
// that may name them. No public header does.
struct Door {
  std::string_view header;
  std::set<std::string_view> rooms_and_files;
};
const std::vector<Door>& doors() {
  static const std::vector<Door> kDoors{
      {"liburing", {"ingest"}},
      {"cuda_runtime", {"cuda/door", "cuda/megakernel"}},
      {"cuda.h", {"cuda/door"}},
      {"CLI/", {"tools/options.cpp"}},
      {"spdlog/", {"platform", "tools"}},
      {"nlohmann/", {"report", "trace", "conformance", "tools/json_value.cpp"}},
      {"zlib.h", {"conformance", "trace", "platform", "tools/input_bytes.cpp"}},
      {"zstd.h", {"tools/input_bytes.cpp"}},
      {"hs.h", {"host/cpu/backend/hyperscan.cpp"}},
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

namespace {

/// The longest room whose folder the path lies in.
std::string room_above(const Layers& layers, std::string_view path) {
  for (auto slash = path.rfind('/'); slash != std::string_view::npos && slash > 0;
       slash = path.rfind('/', slash - 1)) {
    std::string room{path.substr(0, slash)};
    if (layers.count(room) != 0) return room;
  }
  return {};
}

/// The path from the source root of a header that is spelled with its room.
std::string path_of(std::string_view spelled) {
  if (starts_with(spelled, "vyre/")) return "include/" + std::string{spelled};
  if (starts_with(spelled, "cuda/")) return std::string{spelled};
  return "host/" + std::string{spelled};
}

std::string folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string{} : std::string{path.substr(0, slash + 1)};
}

}  // namespace

std::string room_of(const Layers& layers, std::string_view path) {
  if (starts_with(path, "include/vyre/")) return layers.count("api") != 0 ? "api" : "";
  if (starts_with(path, "host/")) return room_above(layers, path.substr(5));
  return room_above(layers, path);
}

std::vector<std::string> broken_rules(const Layers& layers, std::string_view path,
                                      std::string_view source) {
  std::vector<std::string> broken;
  const std::string room = room_of(layers, path);
  const auto own = layers.find(room);
  if (own == layers.end()) {
    broken.push_back(std::string{path} + ": it lies in no room of docs/layers.txt");
    return broken;
  }
  const bool is_public = starts_with(path, "include/");
  for (const Include& include : includes_of(source)) {
    const std::string where = std::string{path} + ':' + std::to_string(include.line) + ": ";
    if (include.target.find("..") != std::string::npos) {
      broken.push_back(where + "a path out of the room: " + include.target);
    } else if (include.quoted || starts_with(include.target, "vyre/")) {
      if (is_public && !starts_with(include.target, "vyre/")) {
        broken.push_back(where + "a public header includes only public ones, not " +
                         include.target);
      } else if (include.target.find('/') != std::string::npos) {
        const std::string target = room_of(layers, path_of(include.target));
        if (target.empty()) {
          broken.push_back(where + "no room of docs/layers.txt has " + include.target);
        } else if (target != room && own->second.may.count(target) == 0) {
          broken.push_back(where + "room " + room + " may not include " + include.target);
        }
      }
    }
    for (const Door& door : doors()) {
      if (!starts_with(include.target, door.header)) continue;
      if (is_public) {
        broken.push_back(where + include.target + " belongs into no public header");
      } else if (door.rooms_and_files.count(room) == 0 && door.rooms_and_files.count(path) == 0) {
        broken.push_back(where + "this file of room " + room + " is no door to " + include.target);
      }
    }
  }
  return broken;
}

void Spellings::add(const Layers& layers, std::string_view path, std::string_view source) {
  const std::string room = room_of(layers, path);
  for (const Include& include : includes_of(source)) {
    if (!include.quoted && !starts_with(include.target, "vyre/")) continue;
    if (include.target.find('/') == std::string::npos) {
      own_[folder_of(path) + include.target].push_back(std::string{path} + ':' +
                                                       std::to_string(include.line));
      continue;
    }
    const std::string header = path_of(include.target);
    const std::string target = room_of(layers, header);
    if (target == room) continue;
    used_.insert({room, target});
    shown_.insert(header);
  }
}

std::vector<std::string> Spellings::problems(const Layers& layers) const {
  std::vector<std::string> found;
  for (const auto& [header, places] : own_) {
    if (shown_.count(header) == 0) continue;
    found.push_back(places.front() + ": other rooms include " + header +
                    ", so its own room spells it with the room, too");
  }
  for (const auto& [name, room] : layers) {
    for (const auto& dep : room.may) {
      if (used_.count({name, dep}) == 0)
        found.push_back("docs/layers.txt: room " + name + " does not use " + dep);
    }
  }
  return found;
}

}  // namespace vyre::layout
