// vyre caps: what this build and machine can do, how files are read here and why not better, and
// every bound of the runtime.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/message.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "library.hpp"
#include "platform/host_info.hpp"

namespace vyre::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string directory;  // empty: that of temporary files
};

/// A backend is what opening a session on it says.
Result<Json> probe(const char* name) {
  v0::SessionOptions options;
  options.device = name;
  options.queues = 1;
  const auto session = v0::Session::open(options);
  Json json{{"name", name},
            {"available", session.has_value()},
            {"workers", 0},
            {"reason", nullptr},
            {"device", nullptr}};
  if (!session) {
    json["reason"] = session.error().message;
    return json;
  }
  VYRE_ASSIGN(json["workers"], taken(session->workers()));
  VYRE_ASSIGN(const MegakernelCaps caps, taken(session->caps()));
  if (!caps.supported) return json;
  // What a session with default options gets, not what the data sheet says.
  VYRE_ASSIGN(const MegakernelReport report, taken(session->report()));
  VYRE_ASSIGN(const std::string device, taken(session->device_name()));
  json["device"] = Json{{"name", device},
                        {"max_worker_count", caps.max_worker_count},
                        {"buffer_bytes", report.telemetry.device_memory_budget_bytes.value_or(0)},
                        {"occupancy_bps", report.telemetry.occupancy_proxy_bps.value_or(0)}};
  return json;
}

Result<Json> builtin_ops() {
  Json rows = Json::array();
  v0::SessionOptions options;
  options.device = "cpu";
  options.queues = 1;
  options.workers = 1;
  const auto session = v0::Session::open(options);
  if (!session) return rows;
  VYRE_ASSIGN(const std::vector<v0::Op> ops, taken(session->ops()));
  for (const v0::Op op : ops) {
    VYRE_ASSIGN(const std::uint32_t number, taken(session->number(op)));
    VYRE_ASSIGN(const v0::OpInfo info, taken(session->describe(op)));
    rows.push_back(Json{{"op_handle", number}, {"name", info.name}});
  }
  return rows;
}

/// What each way of reading files gives in a folder; file systems differ in it.
Result<Json> ingest(const std::string& directory) {
  VYRE_ASSIGN(const v0::Blob tiers, taken(v0::probe_ingest(directory)));
  return Json{{"directory", shown(directory)}, {"tiers", Json::parse(tiers.text())}};
}

std::string for_people(const Json& json) {
  std::string text = message(
      "{}\nhost: {}, {} logical CPUs, {}\n\n", json["build"].get<std::string>(),
      json["host"]["cpu"].get<std::string>(), json["host"]["logical_cpus"].get<std::uint32_t>(),
      json["host"]["kernel"].get<std::string>());
  for (const Json& backend : json["backends"]) {
    text += message("backend {}: ", backend["name"].get<std::string>());
    if (backend["available"].get<bool>()) {
      text += message("{} workers", backend["workers"].get<std::uint32_t>());
      if (const Json& device = backend["device"]; !device.is_null()) {
        text += message(" (warps) on {}, {} bytes for buffers", device["name"].get<std::string>(),
                        device["buffer_bytes"].get<std::uint64_t>());
      }
      text += "\n";
    } else {
      text += message("not available: {}\n", backend["reason"].get<std::string>());
    }
  }
  text += message("\nreading files in '{}':\n", json["ingest"]["directory"].get<std::string>());
  for (const Json& tier : json["ingest"]["tiers"]) {
    text += message("  tier {}{}{}\n", tier["tier"].get<std::string>(),
                    tier["available"].get<bool>() ? ": " : ": not available: ",
                    tier["reason"].get<std::string>());
  }
  text += "\nbuilt-in ops:\n";
  for (const Json& op : json["ops"]) {
    text +=
        message("  {} {}\n", op["op_handle"].get<std::uint32_t>(), op["name"].get<std::string>());
  }
  text += "\nlimits:\n";
  for (const Json& limit : json["limits"]) {
    text += message("  {} = {} {}  ({})\n", limit["name"].get<std::string>(),
                    limit["value"].get<std::uint64_t>(), limit["unit"].get<std::string>(),
                    limit["reason"].get<std::string>());
  }
  return text;
}

Outcome run(Shell& shell, const Options& options) {
  Json json{{"command", "caps"}, {"build", vyre_build()}};
  json["host"] = Json{{"cpu", platform::cpu_model()},
                      {"logical_cpus", platform::logical_cpus()},
                      {"kernel", platform::kernel_release()}};
  json["backends"] = Json::array();
  for (const char* const name : {"cpu", "cuda"}) {
    VYRE_ASSIGN(Json backend, probe(name));
    json["backends"].push_back(std::move(backend));
  }
  std::error_code none;
  const std::string temporary = std::filesystem::temp_directory_path(none).string();
  VYRE_ASSIGN(json["ingest"], ingest(!options.directory.empty()    ? options.directory
                                     : !none && !temporary.empty() ? temporary
                                                                   : "."));
  VYRE_ASSIGN(json["ops"], builtin_ops());
  VYRE_ASSIGN(const std::vector<v0::Limit> limits, taken(v0::limits()));
  json["limits"] = Json::array();
  for (const v0::Limit& limit : limits) {
    json["limits"].push_back(Json{{"name", limit.name},
                                  {"value", limit.value},
                                  {"unit", limit.unit},
                                  {"reason", limit.reason}});
  }
  Output out;
  VYRE_TRY(out.write(shell.json ? json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                                : for_people(json)));
  VYRE_TRY(out.flush());
  return kExitOk;
}

}  // namespace

void add_caps(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand(
      "caps",
      "print backends, ways of reading files, built-in ops and limits of this build and machine");
  sub->add_option("--directory", options->directory,
                  "where files are read from: a scratch file is made and read there "
                  "(default: the folder of temporary files)")
      ->type_name("DIR");
  sub->callback(
      [options, &chosen] { chosen = [options](Shell& shell) { return run(shell, *options); }; });
}

}  // namespace vyre::cli
