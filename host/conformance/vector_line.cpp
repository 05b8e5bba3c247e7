// JSON of one vector line into values; every complaint names the key. See vector_line.hpp.
#include "vector_line.hpp"

#include "base/message.hpp"
#include "json_fields.hpp"
#include "report/json_tree.hpp"

namespace vyre::conformance {
namespace {

Result<Bytes> hex(const Json& value, const char* key) {
  if (!value.is_string()) return bad(message("\"{}\" is no hexadecimal string", key));
  auto bytes = from_hex(value.get_ref<const std::string&>());
  if (!bytes) return bad(message("\"{}\": {}", key, bytes.error().message));
  return bytes;
}

Result<std::vector<Bytes>> hex_list(const Json& value, const char* key) {
  if (!value.is_array()) return bad(message("key \"{}\" is no list", key));
  std::vector<Bytes> list;
  for (const Json& item : value) {
    VYRE_ASSIGN(Bytes bytes, hex(item, key));
    list.push_back(std::move(bytes));
  }
  return list;
}

Result<bool> flag(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (value == nullptr) return false;
  if (!value->is_boolean()) return bad(message("key \"{}\" is neither true nor false", key));
  return value->get<bool>();
}

Result<vir::Grid> grid(const Json& value) {
  if (!value.is_array() || value.size() != 3)
    return bad("key \"grid\" is no list of three numbers");
  vir::Grid grid{};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!value[i].is_number_unsigned() || value[i].get<std::uint64_t>() > 0xFFFF'FFFFu) {
      return bad("key \"grid\" is no list of three 32-bit numbers");
    }
    grid[i] = value[i].get<std::uint32_t>();
  }
  return grid;
}

Result<ExecutionCase> execution_case(const Json& object) {
  ExecutionCase c;
  VYRE_ASSIGN(c.name, text(object, "name"));
  const Json* wire = find(object, "wire");
  if (wire == nullptr) return bad("key \"wire\" is missing");
  VYRE_ASSIGN(c.wire, hex(*wire, "wire"));
  if (const Json* value = find(object, "grid"); value != nullptr && !value->is_null()) {
    VYRE_ASSIGN(c.grid, grid(*value));
  }
  if (const Json* value = find(object, "inputs")) {
    VYRE_ASSIGN(c.inputs, hex_list(*value, "inputs"));
  }
  if (const Json* value = find(object, "outputs")) {
    VYRE_ASSIGN(c.outputs, hex_list(*value, "outputs"));
  }
  if (find(object, "error") != nullptr) {
    VYRE_ASSIGN(c.error, text(object, "error"));
    if (c.error != "refused" && c.error != "fault") {
      return bad(message("key \"error\" is \"{}\", it must be refused or fault", c.error));
    }
  }
  if (c.outputs.has_value() == !c.error.empty()) {
    return bad("a case has either \"outputs\" or \"error\"");
  }
  if (const Json* value = find(object, "ulp")) {
    if (!value->is_number_unsigned()) return bad("key \"ulp\" is no count");
    c.ulp = value->get<std::uint64_t>();
  }
  if (find(object, "order") != nullptr) {
    VYRE_ASSIGN(const std::string order, text(object, "order"));
    if (order != "independent" && order != "dependent") {
      return bad(message("key \"order\" is \"{}\", it must be independent or dependent", order));
    }
    c.order_dependent = order == "dependent";
  }
  VYRE_ASSIGN(c.fp_sensitive, flag(object, "fp_sensitive"));
  return c;
}

Result<MutationKind> mutation_kind(const std::string& name) {
  if (name == "xor") return MutationKind::xor_byte;
  if (name == "truncate") return MutationKind::truncate;
  if (name == "insert0") return MutationKind::insert_zero;
  if (name == "overlong_count") return MutationKind::overlong_count;
  if (name == "xor_no_rehash") return MutationKind::xor_no_rehash;
  if (name == "set_no_rehash") return MutationKind::set_no_rehash;
  return bad(message("mutation \"{}\" is unknown", name));
}

/// [verdict, extra?], the extra only where the verdict needs one.
Status verdict(const Json& list, std::size_t at, Mutation& mutation) {
  if (list.size() <= at || !list[at].is_number_unsigned() || list[at].get<std::uint64_t>() > 3) {
    return bad("a verdict is no number from 0 to 3");
  }
  mutation.verdict = static_cast<DecoderVerdict>(list[at].get<std::uint8_t>());
  if (mutation.verdict != DecoderVerdict::different) return {};
  if (list.size() <= at + 1 || !list[at + 1].is_string() ||
      list[at + 1].get_ref<const std::string&>().size() < 16) {
    return bad("verdict 2 needs the first 16 digits of the re-encoding's BLAKE3");
  }
  mutation.extra = list[at + 1].get<std::string>().substr(0, 16);
  return {};
}

Result<DecoderCase> decoder_case(const Json& object) {
  DecoderCase c;
  VYRE_ASSIGN(c.name, text(object, "name"));
  const Json* wire = find(object, "wire");
  if (wire == nullptr) return bad("key \"wire\" is missing");
  VYRE_ASSIGN(c.wire, hex(*wire, "wire"));
  const Json* base = find(object, "base");
  if (base == nullptr || !base->is_array()) return bad("key \"base\" is missing or no list");
  Mutation whole;
  VYRE_TRY(verdict(*base, 0, whole));
  c.mutations.push_back(whole);
  const Json& mutations = *find(object, "mutations");
  if (!mutations.is_array()) return bad("key \"mutations\" is no list");
  for (const Json& item : mutations) {
    if (!item.is_array() || item.size() < 4 || !item[0].is_string() ||
        !item[1].is_number_unsigned() || !item[2].is_number_unsigned()) {
      return bad("a mutation is no [kind, at, value, verdict]");
    }
    Mutation m;
    VYRE_ASSIGN(m.kind, mutation_kind(item[0].get<std::string>()));
    m.at = item[1].get<std::uint64_t>();
    m.value = item[2].get<std::uint64_t>();
    VYRE_TRY(verdict(item, 3, m));
    c.mutations.push_back(std::move(m));
  }
  return c;
}

}  // namespace

Result<VectorLine> parse_line(std::string_view line) {
  auto tree = report::parse_json<Json>(line);
  if (!tree && tree.error().code == Errc::limit_exceeded)
    return tl::unexpected<Error>(std::move(tree).error());
  if (!tree || !(**tree).is_object()) return bad("not a JSON object");
  const Json& object = **tree;
  // Without a wire there is no program: then the line is one of the planner, if it has its keys.
  const bool program = find(object, "wire") != nullptr;
  if (!program && find(object, "request") != nullptr) {
    VYRE_ASSIGN(PolicyCase c, policy_case(object));
    return VectorLine(std::move(c));
  }
  if (!program && find(object, "edges") != nullptr) {
    VYRE_ASSIGN(LineageCase c, lineage_case(object));
    return VectorLine(std::move(c));
  }
  if (!program && find(object, "events") != nullptr) {
    VYRE_ASSIGN(PlanItemsCase c, plan_items_case(object));
    return VectorLine(std::move(c));
  }
  if (find(object, "mutations") != nullptr) {
    VYRE_ASSIGN(DecoderCase c, decoder_case(object));
    return VectorLine(std::move(c));
  }
  VYRE_ASSIGN(ExecutionCase c, execution_case(object));
  return VectorLine(std::move(c));
}

}  // namespace vyre::conformance
