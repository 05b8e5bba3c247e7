#include "json_value.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/message.hpp"

namespace vyre::cli {
namespace {

using Json = nlohmann::ordered_json;

JsonValue value_of(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return JsonValue(json.get<bool>());
    case Json::value_t::number_integer:
      return JsonValue(json.get<std::int64_t>());
    case Json::value_t::number_unsigned:
      return JsonValue(json.get<std::uint64_t>());
    case Json::value_t::number_float:
      return JsonValue(json.get<double>());
    case Json::value_t::string:
      return JsonValue(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      JsonValue::Array elements;
      elements.reserve(json.size());
      for (const Json& element : json) elements.push_back(value_of(element));
      return JsonValue(std::move(elements));
    }
    case Json::value_t::object: {
      JsonValue::Object members;
      members.reserve(json.size());
      for (auto member = json.begin(); member != json.end(); ++member)
        members.emplace_back(member.key(), value_of(member.value()));
      return JsonValue(std::move(members));
    }
    default:
      return {};
  }
}

auto place_of(auto& members, std::string_view name) {
  return std::find_if(members.begin(), members.end(),
                      [name](const auto& member) { return member.first == name; });
}

}  // namespace

double JsonValue::real() const {
  if (const auto* const whole = std::get_if<std::int64_t>(&held_))
    return static_cast<double>(*whole);
  if (const auto* const whole = std::get_if<std::uint64_t>(&held_))
    return static_cast<double>(*whole);
  return std::get<double>(held_);
}

bool JsonValue::has(std::string_view name) const {
  const auto* const members = std::get_if<Object>(&held_);
  return members != nullptr && place_of(*members, name) != members->end();
}

const JsonValue& JsonValue::operator[](std::string_view name) const {
  const Object& members = std::get<Object>(held_);
  const auto place = place_of(members, name);
  if (place == members.end()) throw std::out_of_range(message("no member '{}'", name));
  return place->second;
}

JsonValue& JsonValue::operator[](std::string_view name) {
  return const_cast<JsonValue&>(std::as_const(*this)[name]);
}

void JsonValue::erase(std::string_view name) {
  Object& members = std::get<Object>(held_);
  if (const auto place = place_of(members, name); place != members.end()) members.erase(place);
}

void JsonValue::write(JsonWriter& json) const {
  std::visit(
      [&json](const auto& held) {
        using Kind = std::remove_cvref_t<decltype(held)>;
        if constexpr (std::same_as<Kind, Array>) {
          cli::write(json, held);
        } else if constexpr (std::same_as<Kind, Object>) {
          json.begin_object();
          for (const auto& [name, value] : held) value.write(json.key(name));
          json.end_object();
        } else {
          json.value(held);
        }
      },
      held_);
}

void write(JsonWriter& json, const JsonValue::Array& elements) {
  json.begin_array();
  for (const JsonValue& element : elements) element.write(json);
  json.end_array();
}

Result<JsonValue> parse_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded())
    return fail(Errc::internal, message("the library answered with what is no JSON: '{}'", text));
  return value_of(json);
}

}  // namespace vyre::cli
