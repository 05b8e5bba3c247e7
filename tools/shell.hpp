// What every command shares: the global flags, writing to stdout and files without losing errors.
// Runs on the main thread. Spec: docs/cli.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/json_writer.hpp"

namespace vyre::cli {

struct Shell {
  bool json{false};
  std::string log_level{"warn"};
  std::string device;                // number or UUID; empty: VYRE_DEVICE decides
  std::vector<std::string> command;  // argv, for reports
  std::string name;                  // "run", for messages
};

/// The exit code, or the error that main() prints.
using Outcome = Result<int>;
using Action = std::function<Outcome(Shell&)>;

/// Buffered stdout. A write that fails (full disk, closed pipe) is an Errc::io with errno in
/// `detail`; after a failure nothing more is written.
class Output {
 public:
  [[nodiscard]] Status write(std::string_view text);
  [[nodiscard]] Status write(ByteSpan bytes);
  [[nodiscard]] Status flush();

 private:
  std::string buffer_;
};

/// One line for people on stderr: "vyre run: <text>".
void complain(const Shell& shell, const std::string& text);
/// The form of the documents that --json prints.
inline constexpr int kJsonIndent{2};
/// An error as a command ends with it: a line on standard error, and with --json an object on
/// standard output. `command`: its name in the object; empty: none was recognised.
void tell_error(const Shell& shell, const Error& error, const std::string& command);
/// The error as it stands under "error" in the output of --json.
void write_error(JsonWriter& json, const Error& error);
/// The same on one line.
[[nodiscard]] std::string error_json(const Error& error);
/// Printable as a file name on a terminal: control characters are escaped.
[[nodiscard]] std::string shown(std::string_view name);

/// One output of a command; "-" is stdout. See platform::OutputFiles.
[[nodiscard]] Status write_output(const std::string& path, ByteSpan bytes);
[[nodiscard]] Status write_output(const std::string& path, std::string_view text);

}  // namespace vyre::cli
