// vyre caps: what this build and machine can do, how files are read here and why not better, and
// every bound of the runtime.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/message.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "ingest/probe.hpp"
#include "platform/host_info.hpp"
#include "protocol/limits_table.hpp"
#include "runtime/session.hpp"

namespace vyre::cli {
namespace {

using Json = nlohmann::ordered_json;
using runtime::BackendKind;

struct Options {
  std::string directory;  // empty: that of temporary files
};

/// A backend is what opening a session on it says. `device` are the capabilities of its device, if
/// it needs one.
Json probe(BackendKind kind, const char* name) {
  runtime::SessionOptions options;
  options.backend = kind;
  const auto session = runtime::Session::open(options);
  Json json{{"name", name},
            {"available", session.has_value()},
            {"workers", 0},
            {"reason", nullptr},
            {"device", nullptr}};
  if (!session) {
    json["reason"] = session.error().message;
    return json;
  }
  const MegakernelCaps caps = session->caps();
  json["workers"] = caps.supported ? caps.max_worker_count : session->options().workers;
  if (!caps.supported) return json;
  // What a session with default options gets, not what the data sheet says.
  const report::Document document = session->report();
  const MegakernelTelemetry& t = document.report.telemetry;
  json["device"] = Json{{"name", document.run.device.value_or("")},
                        {"max_worker_count", caps.max_worker_count},
                        {"buffer_bytes", t.device_memory_budget_bytes.value_or(0)},
                        {"occupancy_bps", t.occupancy_proxy_bps.value_or(0)}};
  return json;
}

Json builtin_ops() {
  Json ops = Json::array();
  runtime::SessionOptions options;
  options.backend = BackendKind::cpu;
  options.workers = 1;
  const auto session = runtime::Session::open(options);
  if (!session) return ops;
  for (std::uint32_t id = 0; id < kFirstUserOp; ++id) {
    const auto info = session->op_info(runtime::OpHandle{id});
    if (info) ops.push_back(Json{{"op_handle", id}, {"name", info->name}});
  }
  return ops;
}

/// What each way of reading files gives in a folder; file systems differ in it.
Json ingest(const std::string& directory) {
  Json tiers = Json::array();
  for (const ingest::TierFacts& facts : ingest::probe_tiers(directory)) {
    tiers.push_back(Json{{"tier", ingest::letter(facts.tier)},
                         {"available", facts.available},
                         {"reason", facts.reason}});
  }
  return Json{{"directory", shown(directory)}, {"tiers", std::move(tiers)}};
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
  Json json{{"command", "caps"}, {"build", platform::build_description()}};
  json["host"] = Json{{"cpu", platform::cpu_model()},
                      {"logical_cpus", platform::logical_cpus()},
                      {"kernel", platform::kernel_release()}};
  json["backends"] =
      Json::array({probe(BackendKind::cpu, "cpu"), probe(BackendKind::cuda, "cuda")});
  std::error_code none;
  const std::string temporary = std::filesystem::temp_directory_path(none).string();
  json["ingest"] = ingest(!options.directory.empty()    ? options.directory
                          : !none && !temporary.empty() ? temporary
                                                        : ".");
  json["ops"] = builtin_ops();
  json["limits"] = Json::array();
  for (const Limit& limit : limits()) {
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
