// Reports on disk: one document written whole or not at all, or JSON Lines that grow by one line a
// run. Any thread; files are reached through platform/. Page: docs/report.md.
#include <algorithm>
#include <cstdio>

#include "base/message.hpp"
#include "platform/file.hpp"
#include "platform/log.hpp"
#include "platform/output.hpp"
#include "protocol/limits.hpp"
#include "report/json_guard.hpp"
#include "report/names.hpp"

namespace vyre::report {
namespace {

/// A document that readers would refuse is not written: it would mean that a counter of the program
/// is wrong.
Status check_before_writing(const Document& document) {
  if (auto checked = check_identities(document); !checked) {
    return fail(Errc::internal, message("not written, its numbers contradict each other: {}",
                                        checked.error().message));
  }
  return {};
}

Status write_stdout(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return fail(Errc::io, "cannot write the report to standard output");
  }
  return {};
}

Error with_place(Error error, const std::string& path, std::size_t line) {
  error.message =
      message("'{}'{}: {}", path, line != 0 ? message(" line {}", line) : "", error.message);
  return error;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

Result<std::vector<Document>> read_lines(std::string_view text, const std::string& path) {
  std::vector<Document> documents;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (is_blank(line)) continue;
    if (!json_shape(line).complete) {
      // What a writer that was killed leaves behind: its line ends inside a value.
      platform::log().warn(
          "'{}' line {} is incomplete (its writer was interrupted) and was skipped", path, number);
      continue;
    }
    auto document = from_json(line);
    if (!document)
      return tl::unexpected<Error>(with_place(std::move(document).error(), path, number));
    documents.push_back(std::move(*document));
  }
  if (documents.empty())
    return fail(Errc::malformed, message("'{}' holds no complete report", path));
  return documents;
}

}  // namespace

Status write_json(const Document& document, const std::string& path) {
  VYRE_TRY(check_before_writing(document));
  const std::string text = to_json(document) + "\n";
  if (path == "-") return write_stdout(text);
  return platform::write_file_atomically(path, as_bytes(text));
}

Status append_json_line(const Document& document, const std::string& path) {
  VYRE_TRY(check_before_writing(document));
  std::string line = to_json(document, -1) + "\n";
  if (path == "-") return write_stdout(line);
  // A last line without its end was cut by a crash: it must not swallow this one.
  if (const auto last = platform::last_byte(path); last && last->value_or('\n') != '\n')
    line.insert(line.begin(), '\n');
  return platform::append_file(path, as_bytes(line));
}

Result<std::vector<Document>> read_documents(const std::string& path) {
  VYRE_ASSIGN(const Bytes bytes, platform::read_file(path, kMaxReportFileBytes));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (is_blank(text))
    return fail(Errc::malformed, message("'{}' is empty; a report is a JSON object", path));
  // One document fills the file, or its first line opens one that goes on below (then the parser
  // says what is wrong with it); anything else is one document a line.
  const JsonShape shape = json_shape(text);
  const bool fills = shape.first_end != 0 ? is_blank(text.substr(shape.first_end)) : shape.complete;
  const std::string_view first_line = text.substr(0, text.find('\n'));
  if (!fills && first_line != "{") return read_lines(text, path);
  auto document = from_json(text);
  if (!document) return tl::unexpected<Error>(with_place(std::move(document).error(), path, 0));
  std::vector<Document> documents;
  documents.push_back(std::move(*document));
  return documents;
}

}  // namespace vyre::report
