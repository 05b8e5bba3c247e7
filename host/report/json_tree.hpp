// Parsing JSON into a tree of the JSON library that can be destroyed without memory. The library's
// own destructor makes a list of what it destroys, and the process ends where there is no memory
// for the list. Every reader of JSON parses by this file. Host only; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/message.hpp"
#include "report/json_guard.hpp"

namespace vyre::report {

/// Leaves a tree without children, whose destructor needs no memory. Recurses as deep as the tree
/// nests, which check_json_shape() bounds.
template <class Json>
void take_apart(Json& json) noexcept {
  if (auto* const array = json.template get_ptr<typename Json::array_t*>()) {
    for (Json& element : *array) take_apart(element);
    array->clear();
  } else if (auto* const object = json.template get_ptr<typename Json::object_t*>()) {
    for (auto& member : *object) take_apart(member.second);
    object->clear();
  }
}

template <class Json>
class JsonTree {
 public:
  JsonTree() = default;
  JsonTree(JsonTree&& other) noexcept : root_(std::move(other.root_)) {}
  JsonTree& operator=(JsonTree&&) = delete;
  ~JsonTree() { take_apart(root_); }

  [[nodiscard]] Json& operator*() noexcept { return root_; }
  [[nodiscard]] const Json& operator*() const noexcept { return root_; }

 private:
  Json root_;
};

/// What the parser tells, put into a tree.
template <class Json>
class JsonBuilder final : public nlohmann::json_sax<Json> {
 public:
  using Sax = nlohmann::json_sax<Json>;
  explicit JsonBuilder(Json& root) : root_(root) {}
  /// Of the text that the parser refused.
  [[nodiscard]] Error& error() noexcept { return error_; }

  bool null() override { return put(Json(nullptr)); }
  bool boolean(bool value) override { return put(Json(value)); }
  bool number_integer(typename Sax::number_integer_t value) override { return put(Json(value)); }
  bool number_unsigned(typename Sax::number_unsigned_t value) override { return put(Json(value)); }
  bool number_float(typename Sax::number_float_t value, const typename Sax::string_t&) override {
    return put(Json(value));
  }
  bool string(typename Sax::string_t& value) override { return put(Json(std::move(value))); }
  bool binary(typename Sax::binary_t&) override { return false; }  // not in a text
  bool start_object(std::size_t) override { return open(Json::value_t::object); }
  bool key(typename Sax::string_t& name) override {
    member_ = &(*open_.back())[name];
    take_apart(*member_);  // the last of two members with one name counts
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::value_t::array); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& why) override {
    const bool form = dynamic_cast<const typename Json::parse_error*>(&why) != nullptr;
    error_.message =
        message("not {} JSON: {}", form ? "valid" : "usable", shortened_json_error(why.what()));
    if (form) error_.offset = position == 0 ? 0 : position - 1;
    return false;
  }

 private:
  /// Without children, so that a value which finds no place needs no memory to go.
  Json& place(Json&& value) {
    if (open_.empty()) return root_ = std::move(value);
    if (open_.back()->is_array()) {
      auto& array = open_.back()->template get_ref<typename Json::array_t&>();
      array.push_back(std::move(value));
      return array.back();
    }
    return *member_ = std::move(value);
  }
  bool put(Json&& value) {
    (void)place(std::move(value));
    return true;
  }
  bool open(typename Json::value_t kind) {
    open_.reserve(open_.size() + 1);
    open_.push_back(&place(Json(kind)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Json& root_;
  std::vector<Json*> open_;  // the objects and arrays that the parser is in
  Json* member_{nullptr};    // of the innermost one, whose value comes next
  Error error_{Errc::malformed, {}};
};

/// The whole text as one value, or what is wrong with it and where.
template <class Json>
[[nodiscard]] Result<JsonTree<Json>> parse_json(std::string_view text) {
  VYRE_TRY(check_json_shape(text));
  JsonTree<Json> tree;
  JsonBuilder<Json> builder(*tree);
  if (!Json::sax_parse(text.begin(), text.end(), &builder))
    return tl::unexpected<Error>(std::move(builder.error()));
  return tree;
}

}  // namespace vyre::report
