// Reads a line of a plan-items file; see plan_items_line.hpp.
#include "plan_items_line.hpp"

#include <map>

#include "base/message.hpp"
#include "json_fields.hpp"
#include "protocol/work_item.hpp"
#include "report/json_tree.hpp"

namespace vyre::conformance {
namespace {

/// Numbers of a line's handles and ops as indices into its work.
struct Names {
  std::map<std::uint32_t, std::uint32_t> buffers;
  std::map<std::uint32_t, std::vector<std::uint32_t>> sets;  // indices of the members
  std::map<std::uint32_t, std::uint32_t> ops;

  [[nodiscard]] Result<std::vector<std::uint32_t>> members(std::uint32_t handle) const {
    if (handle == 0) return std::vector<std::uint32_t>{};
    if (const auto buffer = buffers.find(handle); buffer != buffers.end())
      return std::vector<std::uint32_t>{buffer->second};
    if (const auto set = sets.find(handle); set != sets.end()) return set->second;
    return bad(message("handle {} is neither in \"buffers\" nor in \"sets\"", handle));
  }
};

Result<std::uint32_t> key_number(const std::string& key, const char* where) {
  const auto tree = report::parse_json<Json>(key);
  const Json none;
  return whole_number<std::uint32_t>(tree ? **tree : none, message("a key of \"{}\"", where));
}

Result<const Json*> object_of(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (value == nullptr || !value->is_object())
    return bad(message("key \"{}\" is missing or no object", key));
  return value;
}

Status read_buffers(const Json& object, PlanItemsCase& c, Names& names) {
  VYRE_ASSIGN(const Json* buffers, object_of(object, "buffers"));
  for (const auto& [key, kind] : buffers->items()) {
    VYRE_ASSIGN(const std::uint32_t handle, key_number(key, "buffers"));
    const std::string_view word = word_of(kind);
    if (word != "buffer" && word != "file" && word != "view")
      return bad("\"buffers\" has a kind that is neither buffer, file nor view");
    names.buffers[handle] = static_cast<std::uint32_t>(c.work.buffers.size());
    planner::BufferFacts facts;
    facts.handle = handle;
    facts.plain = word == "buffer";
    c.work.buffers.push_back(facts);
  }
  VYRE_ASSIGN(const Json* sets, object_of(object, "sets"));
  for (const auto& [key, members] : sets->items()) {
    VYRE_ASSIGN(const std::uint32_t handle, key_number(key, "sets"));
    if (!members.is_array()) return bad("an entry of \"sets\" is no list");
    auto& set = names.sets[handle];
    for (const Json& member : members) {
      VYRE_ASSIGN(const auto buffer, whole_number<std::uint32_t>(member, "a member of \"sets\""));
      const auto found = names.buffers.find(buffer);
      if (found == names.buffers.end())
        return bad(message("\"sets\" names buffer {}, which is not in \"buffers\"", buffer));
      set.push_back(found->second);
    }
  }
  return {};
}

Status read_bindings(const Json& op, const char* key, std::vector<planner::BindingFacts>& out) {
  VYRE_ASSIGN(const Json* bindings, list(op, key));
  for (const Json& one : *bindings) {
    planner::BindingFacts facts;
    const bool input = std::string_view(key) == "inputs";
    const std::string_view word = word_of(one);
    facts.read_write = word == "read_write";
    facts.whole = word == "whole";
    const bool known =
        input ? facts.read_write || word == "read" : facts.whole || word == "partial";
    if (!known)
      return bad(message("an entry of \"{}\" is neither {}", key,
                         input ? "read nor read_write" : "whole nor partial"));
    out.push_back(facts);
  }
  return {};
}

Status read_ops(const Json& object, PlanItemsCase& c, Names& names) {
  VYRE_ASSIGN(const Json* ops, object_of(object, "ops"));
  planner::OpFacts nop;
  nop.name = "nop";
  names.ops[nop.id] = 0;
  c.work.ops.push_back(nop);
  for (const auto& [key, op] : ops->items()) {
    planner::OpFacts facts;
    VYRE_ASSIGN(facts.id, key_number(key, "ops"));
    if (facts.id == 0) return bad("\"ops\" has op 0, which is nop");
    facts.name = key;
    VYRE_TRY(read_bindings(op, "inputs", facts.inputs));
    VYRE_TRY(read_bindings(op, "outputs", facts.outputs));
    const Json* pure = find(op, "pure");
    if (pure == nullptr || !pure->is_boolean())
      return bad("key \"pure\" is missing or neither true nor false");
    facts.repeatable = pure->get<bool>();
    for (const planner::BindingFacts& input : facts.inputs)
      facts.repeatable = facts.repeatable && !input.read_write;
    names.ops[facts.id] = static_cast<std::uint32_t>(c.work.ops.size());
    c.work.ops.push_back(std::move(facts));
  }
  return {};
}

Status read_item(const Json& event, PlanItemsCase& c, const Names& names) {
  std::array<std::uint32_t, 5> words{};
  if (event.size() != words.size() + 1)
    return bad("an item of \"events\" is no [\"item\", op, input, output, param, flags]");
  for (std::size_t i = 0; i < words.size(); ++i) {
    VYRE_ASSIGN(words[i], whole_number<std::uint32_t>(event[i + 1], "a number of \"events\""));
  }
  const auto [id, input, output, param, flags] = words;
  const auto op = names.ops.find(id);
  if (op == names.ops.end()) return bad(message("\"events\" names op {}, not in \"ops\"", id));
  if ((flags & ~std::uint32_t{kQueueFlagsOfCallers}) != 0)
    return bad(message("\"events\" has the flags {}, known are {}", flags, kQueueFlagsOfCallers));
  VYRE_ASSIGN(auto inputs, names.members(input));
  VYRE_ASSIGN(auto outputs, names.members(output));
  if (id == 0) {  // looks at no buffer
    inputs.clear();
    outputs.clear();
  }
  c.work.add(op->second, inputs, outputs, param, static_cast<std::uint8_t>(flags));
  c.events.push_back({});
  return {};
}

Status read_events(const Json& object, PlanItemsCase& c, const Names& names) {
  VYRE_ASSIGN(const Json* events, list(object, "events"));
  for (const Json& event : *events) {
    if (!event.is_array() || event.empty()) return bad("an entry of \"events\" is no list");
    const std::string_view word = word_of(event[0]);
    if (word == "item") {
      VYRE_TRY(read_item(event, c, names));
    } else if (word == "write" && event.size() == 2) {
      VYRE_ASSIGN(const auto handle,
                  whole_number<std::uint32_t>(event[1], "a buffer of \"events\""));
      const auto buffer = names.buffers.find(handle);
      if (buffer == names.buffers.end())
        return bad(message("\"events\" writes buffer {}, not in \"buffers\"", handle));
      c.events.push_back({buffer->second});
    } else {
      return bad("an entry of \"events\" is neither an item nor a write of a buffer");
    }
  }
  return {};
}

/// Items of a list entry, each in range.
Result<std::pair<std::uint32_t, std::uint32_t>> item_pair(const Json& entry, const char* key,
                                                          std::size_t size, std::size_t items) {
  if (!entry.is_array() || entry.size() != size)
    return bad(message("an entry of \"{}\" has not {} values", key, size));
  std::array<std::uint32_t, 2> pair{};
  for (std::size_t i = 0; i < 2; ++i) {
    VYRE_ASSIGN(pair[i], whole_number<std::uint32_t>(entry[i], message("an item of \"{}\"", key)));
    if (pair[i] >= items) return bad(message("\"{}\" names item {} of {}", key, pair[i], items));
  }
  return std::pair{pair[0], pair[1]};
}

Result<std::uint8_t> kinds(const Json& value) {
  if (!value.is_string()) return bad("a kind of \"conflicts\" is no string");
  std::string_view left = value.get_ref<const std::string&>();
  std::uint8_t bits = 0;
  while (true) {
    const std::string_view word = left.substr(0, left.find('+'));
    if (word == "raw") {
      bits |= planner::kRaw;
    } else if (word == "war") {
      bits |= planner::kWar;
    } else if (word == "waw") {
      bits |= planner::kWaw;
    } else {
      return bad("a kind of \"conflicts\" is not raw, war or waw");
    }
    if (word.size() == left.size()) return bits;
    left.remove_prefix(word.size() + 1);
  }
}

Status read_expected(const Json& object, PlanItemsCase& c) {
  const std::size_t items = c.work.items.size();
  VYRE_ASSIGN(const Json* removed, list(object, "removed"));
  for (const Json& entry : *removed) {
    VYRE_ASSIGN(const auto pair, item_pair(entry, "removed", 2, items));
    c.removed.push_back(pair);
  }
  VYRE_ASSIGN(c.published, number<std::uint64_t>(object, "published"));
  VYRE_ASSIGN(const Json* conflicts, list(object, "conflicts"));
  for (const Json& entry : *conflicts) {
    VYRE_ASSIGN(const auto pair, item_pair(entry, "conflicts", 3, items));
    VYRE_ASSIGN(const auto bits, kinds(entry[2]));
    c.conflicts.push_back({pair.first, pair.second, bits});
  }
  VYRE_ASSIGN(const Json* derives, list(object, "derives"));
  for (const Json& entry : *derives) {
    VYRE_ASSIGN(const auto pair, item_pair(entry, "derives", 2, items));
    c.derives.push_back({pair.first, pair.second});
  }
  return {};
}

}  // namespace

Result<PlanItemsCase> plan_items_case(const Json& object) {
  PlanItemsCase c;
  Names names;
  VYRE_TRY(read_buffers(object, c, names));
  VYRE_TRY(read_ops(object, c, names));
  VYRE_TRY(read_events(object, c, names));
  VYRE_TRY(read_expected(object, c));
  c.name = message("batch of {}", c.work.items.size());
  return c;
}

}  // namespace vyre::conformance
