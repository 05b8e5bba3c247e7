// vyre caps: what this build and machine can do, how files are read here and why not better, and on
// request every bound of the runtime.
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "json_value.hpp"
#include "library.hpp"
#include "op_catalogue.hpp"
#include "platform/host_info.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::string directory;  // empty: that of temporary files
  bool limits{false};
};

/// What a session on a GPU with default options gets, not what the data sheet says.
struct Device {
  std::string name;
  std::uint32_t max_worker_count{0};
  std::uint64_t buffer_bytes{0};
  std::uint64_t occupancy_bps{0};
};

/// A backend is what opening a session on it says.
struct Backend {
  std::string name;
  std::uint32_t workers{0};
  std::optional<std::string> reason;  // why it is not available
  std::optional<Device> device;
};

/// What each way of reading files gives in a folder; file systems differ in it.
struct Ingest {
  std::string directory;  // printable
  JsonValue tiers;
};

struct Capabilities {
  std::vector<Backend> backends;
  Ingest ingest;
  std::vector<BuiltinOp> ops;
  std::vector<v0::Limit> limits;  // none: they were not asked for
};

Result<Backend> probe(const char* name) {
  v0::SessionOptions options;
  options.device = name;
  options.queues = 1;
  Backend backend;
  backend.name = name;
  const auto session = v0::Session::open(options);
  if (!session) {
    backend.reason = session.error().message;
    return backend;
  }
  VYRE_ASSIGN(backend.workers, taken(session->workers()));
  VYRE_ASSIGN(const MegakernelCaps caps, taken(session->caps()));
  if (!caps.supported) return backend;
  VYRE_ASSIGN(const MegakernelReport report, taken(session->report()));
  VYRE_ASSIGN(std::string device, taken(session->device_name()));
  backend.device = Device{std::move(device), caps.max_worker_count,
                          report.telemetry.device_memory_budget_bytes.value_or(0),
                          report.telemetry.occupancy_proxy_bps.value_or(0)};
  return backend;
}

Result<Ingest> ingest(const std::string& directory) {
  VYRE_ASSIGN(const v0::Blob tiers, taken(v0::probe_ingest(directory)));
  VYRE_ASSIGN(JsonValue parsed, parse_json(tiers.text()));
  return Ingest{shown(directory), std::move(parsed)};
}

std::string for_people(const Capabilities& found) {
  std::string text =
      message("{}\nhost: {}, {} logical CPUs, {}\n\n", vyre_build(), platform::cpu_model(),
              platform::logical_cpus(), platform::kernel_release());
  for (const Backend& backend : found.backends) {
    text += message("backend {}: ", backend.name);
    if (backend.reason) {
      text += message("not available: {}\n", *backend.reason);
      continue;
    }
    text += message("{} workers", backend.workers);
    if (backend.device) {
      text += message(" (warps) on {}, {} bytes for buffers", backend.device->name,
                      backend.device->buffer_bytes);
    }
    text += "\n";
  }
  text += message("\nreading files in '{}':\n", found.ingest.directory);
  for (const JsonValue& tier : found.ingest.tiers.elements()) {
    text += message("  tier {}{}{}\n", tier["tier"].text(),
                    tier["available"].flag() ? ": " : ": not available: ", tier["reason"].text());
  }
  text += message("\nbuilt-in ops: {}; `vyre ops` lists them\n", found.ops.size());
  if (found.limits.empty()) return text;
  text += "\nlimits:\n";
  for (const v0::Limit& limit : found.limits) {
    text += message("  {} = {} {}  ({})\n", limit.name, limit.value, limit.unit, limit.reason);
  }
  return text;
}

void write(JsonWriter& json, const Backend& backend) {
  json.begin_object()
      .member("name", backend.name)
      .member("available", !backend.reason)
      .member("workers", backend.workers)
      .member("reason", backend.reason)
      .key("device");
  if (backend.device) {
    json.begin_object()
        .member("name", backend.device->name)
        .member("max_worker_count", backend.device->max_worker_count)
        .member("buffer_bytes", backend.device->buffer_bytes)
        .member("occupancy_bps", backend.device->occupancy_bps)
        .end_object();
  } else {
    json.value(nullptr);
  }
  json.end_object();
}

std::string json_of(const Capabilities& found) {
  JsonWriter json(kJsonIndent);
  json.begin_object().member("command", "caps").member("build", vyre_build());
  json.key("host")
      .begin_object()
      .member("cpu", platform::cpu_model())
      .member("logical_cpus", platform::logical_cpus())
      .member("kernel", platform::kernel_release())
      .end_object();
  json.key("backends").begin_array();
  for (const Backend& backend : found.backends) write(json, backend);
  json.end_array();
  json.key("ingest").begin_object().member("directory", found.ingest.directory);
  found.ingest.tiers.write(json.key("tiers"));
  json.end_object().key("ops").begin_array();
  for (const BuiltinOp& op : found.ops)
    json.begin_object().member("op_handle", op.number).member("name", op.info.name).end_object();
  json.end_array();
  if (found.limits.empty()) return json.end_object().text() + "\n";
  json.key("limits").begin_array();
  for (const v0::Limit& limit : found.limits) {
    json.begin_object()
        .member("name", limit.name)
        .member("value", limit.value)
        .member("unit", limit.unit)
        .member("reason", limit.reason)
        .end_object();
  }
  return json.end_array().end_object().text() + "\n";
}

Outcome run(Shell& shell, const Options& options) {
  Capabilities found;
  for (const char* const name : {"cpu", "cuda"}) {
    VYRE_ASSIGN(Backend backend, probe(name));
    found.backends.push_back(std::move(backend));
  }
  std::error_code none;
  const std::string temporary = std::filesystem::temp_directory_path(none).string();
  VYRE_ASSIGN(found.ingest, ingest(!options.directory.empty()    ? options.directory
                                   : !none && !temporary.empty() ? temporary
                                                                 : "."));
  VYRE_ASSIGN(const auto catalogue, OpCatalogue::open());
  found.ops = catalogue->ops();
  if (options.limits) {
    VYRE_ASSIGN(found.limits, taken(v0::limits()));
  }
  Output out;
  VYRE_TRY(out.write(shell.json ? json_of(found) : for_people(found)));
  VYRE_TRY(out.flush());
  return kExitOk;
}

}  // namespace

void add_caps(CommandLine& line) {
  auto options = std::make_shared<Options>();
  const Command sub =
      line.command("caps", "print backends and ways of reading files of this build and machine");
  sub.option("--directory", options->directory,
             "where files are read from: a scratch file is made and read there "
             "(default: the folder of temporary files)")
      .type_name("DIR");
  sub.flag("--limits", options->limits, "every bound of the runtime, too, with its reason");
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli
