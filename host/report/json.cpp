// Document <-> JSON text. Any thread. Page: docs/report.md.
#include <limits>
#include <type_traits>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "fields.hpp"
#include "report/json_tree.hpp"
#include "report/names.hpp"

namespace vyre::report {
namespace {

// A map: the other form looks through every key of an object for each new one.
using ParsedJson = nlohmann::json;

// ---- writing
// -------------------------------------------------------------------------------------------------

/// Visits the fields of one object that is open.
struct Writer {
  JsonWriter& out;

  template <class T>
  void operator()(const char* key, T& value) {
    out.key(key);
    write(value);
  }

  template <class T>
  void later(const char* key, T& value) {
    (*this)(key, value);
  }

  template <class T>
  void write(T& value) {
    if constexpr (HasFields<T>::value) {
      out.begin_object();
      visit_fields(*this, value);
      out.end_object();
    } else if constexpr (std::is_enum_v<T>) {
      out.value(enum_name(value));
    } else {
      out.value(value);
    }
  }
  void write(std::chrono::nanoseconds& value) { out.value(value.count()); }
  template <class T>
  void write(std::optional<T>& value) {
    if (value) {
      write(*value);
    } else {
      out.value(nullptr);
    }
  }
  void write(std::map<std::string, std::string>& names) {
    out.begin_object();
    for (const auto& [name, text] : names) out.member(name, text);
    out.end_object();
  }
  template <class T>
  void write(std::vector<T>& rows) {
    out.begin_array();
    for (T& row : rows) write(row);
    out.end_array();
  }
};

// ---- reading
// -------------------------------------------------------------------------------------------------

/// Walks the same fields over parsed JSON. The first thing wrong is kept; the rest is then skipped.
class Reader {
 public:
  Reader(const ParsedJson& object, std::string pointer, std::optional<Error>& error)
      : object_(object), pointer_(std::move(pointer)), error_(error) {}

  template <class T>
  void operator()(const char* key, T& value) {
    if (error_) return;
    const std::string at = pointer_ + "/" + key;
    const auto found = object_.find(key);
    if (found == object_.end()) return wrong(at, "is missing");
    read(*found, at, value);
  }

  template <class T>
  void later(const char* key, T& value) {
    if (object_.contains(key)) (*this)(key, value);
  }

  void wrong(const std::string& at, const std::string& what) {
    if (!error_)
      error_ = Error{Errc::malformed, message("report: '{}' {}", at, what), kNoOffset, 0, 0, 0};
  }

  template <class T>
  void read(const ParsedJson& json, const std::string& at, T& value) {
    if constexpr (HasFields<T>::value) {
      if (!json.is_object())
        return wrong(at, message("must be an object, not {}", json.type_name()));
      Reader inner(json, at, error_);
      visit_fields(inner, value);
    } else if constexpr (std::is_enum_v<T>) {
      const auto* text = json.get_ptr<const std::string*>();
      if (text == nullptr) return wrong(at, message("must be a word, not {}", json.type_name()));
      if (!parse_enum(*text, value))
        wrong(at, message("is '{}', which is none of its words", shortened(*text)));
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!json.is_boolean())
        return wrong(at, message("must be true or false, not {}", json.type_name()));
      value = json.get<bool>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!json.is_string())
        return wrong(at, message("must be a string, not {}", json.type_name()));
      value = json.get_ref<const std::string&>();
    } else if constexpr (std::is_same_v<T, std::int32_t>) {  // an errno
      std::uint64_t wide = 0;
      if (!read_count(json, at, std::numeric_limits<std::int32_t>::max(), wide)) return;
      value = static_cast<std::int32_t>(wide);
    } else {
      static_assert(std::is_unsigned_v<T>);
      std::uint64_t wide = 0;
      if (!read_count(json, at, std::numeric_limits<T>::max(), wide)) return;
      value = static_cast<T>(wide);
    }
  }

  void read(const ParsedJson& json, const std::string& at, std::chrono::nanoseconds& value) {
    std::uint64_t wide = 0;
    if (!read_count(json, at, std::numeric_limits<std::int64_t>::max(), wide)) return;
    value = std::chrono::nanoseconds(static_cast<std::int64_t>(wide));
  }

  template <class T>
  void read(const ParsedJson& json, const std::string& at, std::optional<T>& value) {
    if (json.is_null()) {
      value.reset();
      return;
    }
    read(json, at, value.emplace());
  }

  template <class T>
  void read(const ParsedJson& json, const std::string& at, std::vector<T>& rows) {
    if (!json.is_array()) return wrong(at, message("must be an array, not {}", json.type_name()));
    rows.clear();
    for (const ParsedJson& element : json) {
      if (error_) return;
      const std::string element_at = message("{}/{}", at, rows.size());
      read(element, element_at, rows.emplace_back());
    }
  }

  void read(const ParsedJson& json, const std::string& at,
            std::map<std::string, std::string>& names) {
    if (!json.is_object()) return wrong(at, message("must be an object, not {}", json.type_name()));
    for (const auto& [name, text] : json.items()) read(text, at + "/" + name, names[name]);
  }

 private:
  static std::string shortened(const std::string& text) {
    return text.size() <= 40 ? text : text.substr(0, 40) + "...";
  }

  bool read_count(const ParsedJson& json, const std::string& at, std::uint64_t max,
                  std::uint64_t& value) {
    if (!json.is_number_unsigned()) {
      wrong(at, message("must be a whole number from 0 to {}{}", max,
                        json.is_number() ? "" : message(", not {}", json.type_name())));
      return false;
    }
    value = json.get<std::uint64_t>();
    if (value <= max) return true;
    wrong(at, message("is {}, above its limit of {}", value, max));
    return false;
  }

  const ParsedJson& object_;
  std::string pointer_;
  std::optional<Error>& error_;
};

Result<JsonTree<ParsedJson>> parse(std::string_view text) {
  auto tree = parse_json<ParsedJson>(text);
  if (!tree) tree.error().message.insert(0, "report: ");
  return tree;
}

Result<Document> from_value(const ParsedJson& json) {
  if (!json.is_object()) {
    return fail(Errc::malformed,
                message("report: the document must be an object, not {}", json.type_name()));
  }
  const auto schema = json.find("schema");
  if (schema == json.end() || !schema->is_string()) {
    return fail(Errc::malformed,
                "report: '/schema' is missing or not a string; this is not a vyre report");
  }
  const auto& version = schema->get_ref<const std::string&>();
  if (version != kSchema && version != kSchemaBefore) {
    return fail(Errc::version_mismatch,
                message("report: '/schema' is '{}'; this reader knows '{}' and '{}'",
                        version.substr(0, 40), kSchema, kSchemaBefore));
  }
  Document document;
  std::optional<Error> error;
  Reader reader(json, "", error);
  visit_fields(reader, document);
  std::uint64_t rest = 0;
  reader("faults_rest", rest);
  visit_sections(reader, document);
  if (error) return tl::unexpected<Error>(std::move(*error));
  if (document.faults.size() + rest != document.faults_total) {
    return fail(Errc::mismatch,
                message("report: faults listed ({}) + faults_rest ({}) is not faults_total ({})",
                        document.faults.size(), rest, document.faults_total));
  }
  VYRE_TRY(check_identities(document));
  return document;
}

}  // namespace

std::string to_json(const Document& document, int indent) {
  Document copy =
      document;  // the field list is written once, for readers and writers, over mutable fields
  JsonWriter out(indent);
  Writer writer{out};
  out.begin_object().member("schema", kSchema);
  visit_fields(writer, copy);
  const std::uint64_t listed = document.faults.size();
  out.member("faults_rest", document.faults_total > listed ? document.faults_total - listed : 0);
  visit_sections(writer, copy);
  return std::move(out.end_object()).text();
}

Result<Document> from_json(std::string_view text) {
  VYRE_ASSIGN(const JsonTree<ParsedJson> tree, parse(text));
  return from_value(*tree);
}

}  // namespace vyre::report
