#include "watch_log.hpp"

#include <string_view>

#include "base/message.hpp"
#include "json_value.hpp"

namespace vyre::cli {
namespace {

/// Lines that a run prints; further records are counted.
constexpr std::uint64_t kPrintedRecords{65'536};
/// Lines that the report spells out.
constexpr std::size_t kReportedRecords{64};

}  // namespace

Status watch_target(const RunOptions& options, RunTarget& target, v0::Timeout timeout) {
  if (target.builtin != nullptr) {
    return fail(Errc::invalid_argument,
                message("--watch is of programs; the built-in op {} has no statements",
                        target.builtin_name()));
  }
  VYRE_ASSIGN(target.program,
              taken(target.program->watch(options.watches, options.watch_records, timeout)));
  VYRE_ASSIGN(target.buffers, taken(target.program->buffers()));
  return {};
}

WatchLog::WatchLog(const Shell& shell, const RunPlan& plan, const RunOptions& options)
    : shell_(shell), plan_(plan) {
  if (options.watches.empty()) return;
  std::size_t place = 0;
  for (const v0::ProgramBuffer& buffer : plan.buffers) {
    if (!buffer.is_result()) continue;
    if (buffer.name.starts_with(kWatchBuffers)) returned_.push_back(place);
    ++place;
  }
}

Status WatchLog::add(const ItemName& item, std::span<const ByteSpan> outputs) {
  std::vector<ByteSpan> buffers;
  for (const std::size_t place : returned_) buffers.push_back(outputs[place]);
  VYRE_ASSIGN(const v0::Program::Watched told, taken(plan_.target.program->watched(buffers)));
  std::string_view lines = told.text.text();
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    std::string line = item.file.empty() ? "" : shown(item.text()) + ": ";
    line += lines.substr(0, end);
    lines.remove_prefix(end + 1);
    if (records_.records.size() < kReportedRecords) records_.records.push_back(line);
    if (records_.written++ < kPrintedRecords) complain(shell_, message("watch {}", line));
    if (records_.written == kPrintedRecords)
      complain(shell_, message("watch: {} records were shown; what follows is counted alone",
                               kPrintedRecords));
  }
  VYRE_ASSIGN(const JsonValue counts, parse_json(told.json.text()));
  if (const std::uint64_t dropped = counts["dropped"].number(); dropped != 0) {
    records_.dropped += dropped;
    complain(shell_,
             message("watch: {}{} records found no room; --watch-records gives an item more",
                     item.file.empty() ? "" : shown(item.text()) + ": ", dropped));
  }
  return {};
}

std::optional<v0::DebugRecords> WatchLog::records() const {
  if (!wanted()) return std::nullopt;
  return records_;
}

}  // namespace vyre::cli
