// vyre top: shows the snapshots of a run while it lasts.
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "json_value.hpp"
#include "library.hpp"
#include "platform/descriptor.hpp"
#include "platform/file.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {
namespace {

constexpr int kLookEveryMs{100};
constexpr std::size_t kMostLine{std::size_t{1} << 24};
constexpr std::string_view kSnapshot{"vyre.snapshot/1"};
constexpr std::string_view kReport{"vyre.report/"};

/// Lines of a file that grows, or of a pipe.
class Lines {
 public:
  static Result<Lines> open(const std::string& path) {
    VYRE_ASSIGN(platform::Descriptor file, platform::open_input(path));
    return Lines(platform::input_name(path), std::move(file));
  }
  /// nullopt: a pipe has ended, or a file that no run writes, as `over` says.
  Result<std::optional<std::string>> next(bool over) {
    for (;;) {
      if (const auto end = text_.find('\n'); end != text_.npos) {
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        ++number_;
        return line;
      }
      if (platform::stop_asked()) return platform::interrupted();
      if (text_.size() > kMostLine) {
        return fail(Errc::limit_exceeded,
                    message("{} line {} is longer than {} bytes", name_, number_ + 1, kMostLine));
      }
      Bytes piece(1u << 16);
      VYRE_ASSIGN(const std::size_t n, platform::read_some(file_, piece, name_));
      text_.append(reinterpret_cast<const char*>(piece.data()), n);
      if (n != 0) continue;
      if (!grows_ || over) return std::optional<std::string>();
      (void)::poll(nullptr, 0, kLookEveryMs);  // a signal ends it
    }
  }
  [[nodiscard]] std::string place() const { return message("{} line {}", name_, number_); }

 private:
  Lines(std::string name, platform::Descriptor file)
      : name_(std::move(name)), file_(std::move(file)) {
    struct stat status {};
    grows_ = ::fstat(file_.get(), &status) == 0 && S_ISREG(status.st_mode);
  }

  std::string name_;
  platform::Descriptor file_;
  bool grows_{false};
  std::string text_;
  std::uint64_t number_{0};
};

std::string number(double value, const char* form) {
  char text[40];
  std::snprintf(text, sizeof text, form, value);
  return text;
}

/// "12.3 GB"
std::string large(double value, std::string_view unit) {
  constexpr std::string_view kPrefixes[]{"", "k", "M", "G", "T"};
  std::size_t prefix = 0;
  while (value >= 1'000 && prefix + 1 < std::size(kPrefixes)) {
    value /= 1'000;
    ++prefix;
  }
  return message("{} {}{}", number(value, prefix == 0 ? "%.0f" : "%.1f"), kPrefixes[prefix], unit);
}

/// The numbers of a snapshot; 0 where one is not there.
class Snapshot {
 public:
  explicit Snapshot(const JsonValue& line) : line_(line) {}

  [[nodiscard]] std::optional<double> total(std::string_view name) const {
    return of("totals", name);
  }
  [[nodiscard]] double delta(std::string_view name) const { return of("deltas", name).value_or(0); }
  [[nodiscard]] double seconds() const { return line_["elapsed_ns"].real() / 1e9; }
  [[nodiscard]] double interval_s() const { return line_["interval_ns"].real() / 1e9; }
  /// Names of the ops that it has.
  [[nodiscard]] std::vector<std::string> ops() const {
    constexpr std::string_view kBegin{"ops["};
    constexpr std::string_view kEnd{"].items"};
    std::vector<std::string> names;
    for (const auto& [name, value] : line_["totals"].members()) {
      if (name.starts_with(kBegin) && name.ends_with(kEnd))
        names.push_back(name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size()));
    }
    return names;
  }
  [[nodiscard]] std::string head() const {
    return message("{}: {} s, {} items (+{}, {}/s), {} not done", run(), number(seconds(), "%.1f"),
                   number(total("items").value_or(0), "%.0f"), number(delta("items"), "%.0f"),
                   large(delta("items_per_s"), ""), number(total("faults").value_or(0), "%.0f"));
  }
  [[nodiscard]] std::string flow() const {
    std::string text;
    if (const auto bytes = total("input_bytes"))
      text += message("in {} ({}/s)", large(*bytes, "B"), large(delta("gbps") * 1e9, "B"));
    if (const auto hits = total("hits")) text += message(", {} hits", number(*hits, "%.0f"));
    if (total("cpu_s") && interval_s() > 0) {
      text += message("{}{} processors busy", text.empty() ? "" : ", ",
                      number(delta("cpu_s") / interval_s(), "%.2f"));
    }
    if (const auto peak = total("process.peak_resident_bytes"))
      text += message(", {} of memory at most", large(*peak, "B"));
    return text;
  }
  [[nodiscard]] std::string op_line(const std::string& op) const {
    const std::string row = message("ops[{}].", op);
    std::string text =
        message("{}: {} items (+{})", shown(op), number(total(row + "items").value_or(0), "%.0f"),
                number(delta(row + "items"), "%.0f"));
    for (const auto& [key, what] : {std::pair{"latency.p50_ns", "latency p50"},
                                    {"queueing.p50_ns", "queueing p50"},
                                    {"running.p50_ns", "running p50"}}) {
      if (const auto ns = total(row + key))
        text += message(", {} {} us", what, number(*ns / 1e3, "%.1f"));
    }
    return text;
  }

 private:
  [[nodiscard]] std::optional<double> of(std::string_view part, std::string_view name) const {
    for (const auto& [key, value] : line_[part].members()) {
      if (key == name) return value.real();
    }
    return std::nullopt;
  }
  [[nodiscard]] std::string run() const {
    return message("run {}", line_["run"].text().substr(0, 8));
  }

  const JsonValue& line_;
};

/// A line for each snapshot, or on a terminal a screen that the next one replaces.
Status show(const Snapshot& snapshot, bool terminal) {
  Output out;
  std::string text = snapshot.head();
  if (!terminal) {
    text += "; " + snapshot.flow() + "\n";
  } else {
    text = "\x1b[H\x1b[2J" + text + "\n" + snapshot.flow() + "\n\n";
    for (const std::string& op : snapshot.ops()) text += snapshot.op_line(op) + "\n";
  }
  VYRE_TRY(out.write(text));
  return out.flush();
}

Outcome run(Shell& shell, const std::string& path) {
  VYRE_TRY(check_printing(shell, {path}));
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  VYRE_ASSIGN(Lines lines, Lines::open(path));
  const auto unusable = [&](const char* why) {
    return fail(Errc::malformed, message("{} {}", lines.place(), why));
  };
  bool over = false;  // the last line was a report: the last run has ended
  for (;;) {
    VYRE_ASSIGN(const std::optional<std::string> line, lines.next(over));
    if (!line) break;
    if (line->find_first_not_of(" \t\r") == line->npos) continue;
    const auto read = parse_json(*line);
    if (!read && line->front() == '{') {
      complain(shell, message("{} is cut short and was skipped", lines.place()));
      continue;
    }
    if (!read || !read->has("schema"))
      return unusable("is neither a snapshot nor a report on one line; see --report-every");
    const std::string& schema = (*read)["schema"].text();
    over = schema.starts_with(kReport);
    if (over) continue;
    if (schema != kSnapshot) return unusable("has a schema that this command does not know");
    if (shell.json) {
      Output out;
      VYRE_TRY(out.write(*line + "\n"));
      VYRE_TRY(out.flush());
      continue;
    }
    VYRE_TRY(show(Snapshot(*read), terminal));
  }
  if (!over) return fail(Errc::malformed, message("{} ended without a report", lines.place()));
  Output out;
  if (!shell.json) VYRE_TRY(out.write("the run has ended\n"));
  VYRE_TRY(out.flush());
  return kExitOk;
}

}  // namespace

void add_top(CommandLine& line) {
  auto path = std::make_shared<std::string>();
  const Command sub =
      line.command("top", "show what a run does while it lasts (run --report-every)");
  sub.option("file", *path, "the file of --report, which grows; - is standard input")
      .type_name("FILE")
      .required();
  sub.does([path](Shell& shell) { return run(shell, *path); });
}

}  // namespace vyre::cli
