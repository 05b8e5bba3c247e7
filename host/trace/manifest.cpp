// manifest.json of a trace. Page: docs/internals/trace.md.
#include <algorithm>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "report/json_tree.hpp"
#include "source.hpp"

namespace vyre::trace {
namespace {

// A map: the other form looks through every key of an object for each new one.
using ParsedJson = nlohmann::json;
constexpr std::string_view kSchema{"vyre.trace/1"};

/// Reads fields of one object; keeps the first complaint.
class Fields {
 public:
  Fields(const ParsedJson& object, std::string pointer, std::string& wrong)
      : object_(object), pointer_(std::move(pointer)), wrong_(wrong) {}

  const ParsedJson* find(const char* key) {
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    complain(key, "is missing");
    return nullptr;
  }
  void number(const char* key, std::uint64_t max, std::uint64_t& out) {
    const ParsedJson* json = find(key);
    if (json == nullptr) return;
    if (!json->is_number_unsigned() || json->get<std::uint64_t>() > max) {
      return complain(key, message("must be a whole number from 0 to {}", max));
    }
    out = json->get<std::uint64_t>();
  }
  void number(const char* key, std::optional<std::uint64_t>& out) {
    const ParsedJson* json = find(key);
    if (json == nullptr || json->is_null()) return;
    number(key, ~std::uint64_t{0}, out.emplace());
  }
  void text(const char* key, std::string& out) {
    const ParsedJson* json = find(key);
    if (json == nullptr) return;
    if (!json->is_string()) return complain(key, "must be a string");
    out = json->get<std::string>();
  }
  void complain(const char* key, const std::string& what) {
    if (wrong_.empty()) wrong_ = message("'{}/{}' {}", pointer_, key, what);
  }

 private:
  const ParsedJson& object_;
  std::string pointer_;
  std::string& wrong_;
};

std::string read_manifest(const ParsedJson& json, Manifest& m) {
  std::string wrong;
  Fields top(json, "", wrong);
  if (const ParsedJson* complete = top.find("complete"); complete != nullptr) {
    if (complete->is_boolean()) {
      m.complete = complete->get<bool>();
    } else {
      top.complain("complete", "must be true or false");
    }
  }
  top.text("recorded_at", m.recorded_at);
  top.text("build", m.build);
  top.text("host", m.host);
  top.number("items", m.items);
  top.number("programs", m.programs);
  top.number("buffers", m.buffers);
  if (const ParsedJson* events = top.find("events"); events != nullptr && events->is_object()) {
    Fields fields(*events, "/events", wrong);
    fields.number("bytes", m.events_bytes);
    if (const ParsedJson* digest = fields.find("blake3"); digest != nullptr && !digest->is_null()) {
      const auto bytes =
          digest->is_string() ? from_hex(digest->get<std::string>()) : Result<Bytes>(Bytes{});
      if (!bytes || bytes->size() != m.events_digest.emplace().bytes.size()) {
        fields.complain("blake3", "must be 64 hexadecimal digits");
      } else {
        std::copy(bytes->begin(), bytes->end(), m.events_digest->bytes.begin());
      }
    }
  } else if (events != nullptr) {
    top.complain("events", "must be an object");
  }
  if (const ParsedJson* session = top.find("session"); session != nullptr && session->is_object()) {
    Fields fields(*session, "/session", wrong);
    std::uint64_t queues = 1, slots = kDefaultRingSlots;
    fields.number("queues", kMaxQueues, queues);
    fields.number("ring_slots", kMaxRingSlots, slots);
    fields.number("memory_budget_bytes", ~std::uint64_t{0}, m.session.memory_budget_bytes);
    fields.number("fuel", ~std::uint64_t{0}, m.session.fuel);
    m.session.queues = static_cast<std::uint32_t>(queues);
    m.session.ring_slots = static_cast<std::uint32_t>(slots);
    if (queues == 0) fields.complain("queues", "must be at least 1");
  } else if (session != nullptr) {
    top.complain("session", "must be an object");
  }
  if (wrong.empty() && m.complete && !(m.items && m.events_bytes && m.events_digest)) {
    wrong = "'/complete' is true but items, /events/bytes or /events/blake3 is null";
  }
  return wrong;
}

}  // namespace

std::string manifest_json(const Manifest& m) {
  JsonWriter out(2);
  out.begin_object()
      .member("schema", kSchema)
      .member("complete", m.complete)
      .member("recorded_at", m.recorded_at)
      .member("build", m.build)
      .member("host", m.host)
      .member("items", m.items)
      .member("programs", m.programs)
      .member("buffers", m.buffers);
  std::optional<std::string> digest;
  if (m.events_digest) digest = m.events_digest->hex();
  out.key("events").begin_object();
  out.member("file", "events.bin").member("bytes", m.events_bytes).member("blake3", digest);
  out.end_object();
  out.key("session").begin_object();
  out.member("queues", m.session.queues)
      .member("ring_slots", m.session.ring_slots)
      .member("memory_budget_bytes", m.session.memory_budget_bytes)
      .member("fuel", m.session.fuel);
  return out.end_object().end_object().text() + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  VYRE_ASSIGN(const report::JsonTree<ParsedJson> tree, report::parse_json<ParsedJson>(text));
  const ParsedJson& json = *tree;
  if (!json.is_object()) return fail(Errc::malformed, "a trace manifest must be a JSON object");
  const auto schema = json.find("schema");
  if (schema == json.end() || !schema->is_string()) {
    return fail(Errc::malformed, "'/schema' is missing; this is no trace manifest");
  }
  if (schema->get_ref<const std::string&>() != kSchema) {
    return fail(Errc::version_mismatch, message("'/schema' is '{}'; this reader knows '{}'",
                                                schema->get<std::string>().substr(0, 40), kSchema));
  }
  Manifest manifest;
  if (const std::string wrong = read_manifest(json, manifest); !wrong.empty()) {
    return fail(Errc::malformed, wrong);
  }
  return manifest;
}

}  // namespace vyre::trace
