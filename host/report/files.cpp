// Reports on disk: one document written whole or not at all, or JSON Lines that grow by one line a
// run. Any thread; files are reached through platform/. Page: docs/report.md.
#include <algorithm>
#include <cstdio>

#include "base/message.hpp"
#include "platform/descriptor.hpp"
#include "platform/file.hpp"
#include "platform/log.hpp"
#include "platform/output.hpp"
#include "platform/stop.hpp"
#include "protocol/limits.hpp"
#include "report/documents.hpp"
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

/// Of a snapshot, as snapshot() writes it.
constexpr std::string_view kSnapshotStart{"{\"schema\":\"vyre.snapshot/"};

/// Takes lines as they come, with memory for the longest one.
class Lines {
 public:
  Lines(const std::string& path, const EachDocument& each) : path_(path), each_(each) {}

  Status add(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      if (line_.size() + std::min(end, text.size()) > kMaxReportFileBytes) return too_long();
      if (end == std::string_view::npos) {
        line_ += text;
        return {};
      }
      if (line_.empty()) {
        VYRE_TRY(take(text.substr(0, end)));
      } else {
        line_ += text.substr(0, end);
        VYRE_TRY(take(line_));
        line_.clear();
      }
      text.remove_prefix(end + 1);
    }
    return {};
  }
  Status end() {
    VYRE_TRY(take(line_));
    if (documents_ != 0) return {};
    return fail(Errc::malformed,
                message("'{}' holds no complete report{}", path_,
                        snapshots_ == 0 ? "" : message(", but {} snapshots of a run", snapshots_)));
  }

 private:
  Status take(std::string_view line) {
    ++number_;
    if (is_blank(line)) return {};
    if (!json_shape(line).complete) {
      // What a writer that was killed leaves behind: its line ends inside a value.
      platform::log().warn(
          "'{}' line {} is incomplete (its writer was interrupted) and was skipped", path_,
          number_);
      return {};
    }
    if (line.starts_with(kSnapshotStart)) {
      ++snapshots_;
      return {};
    }
    auto document = from_json(line);
    if (!document)
      return tl::unexpected<Error>(with_place(std::move(document).error(), path_, number_));
    ++documents_;
    return each_(std::move(*document));
  }
  Status too_long() const {
    return fail(Errc::limit_exceeded, message("'{}' line {} is longer than the limit of {} bytes",
                                              path_, number_ + 1, kMaxReportFileBytes));
  }

  const std::string& path_;
  const EachDocument& each_;
  std::string line_;  // as far as it has come
  std::size_t number_{0};
  std::uint64_t documents_{0};
  std::uint64_t snapshots_{0};
};

/// Of one document, which may have many lines, or of lines whose first one says so little.
Status each_of_text(std::string_view text, const std::string& path, const EachDocument& each) {
  if (is_blank(text))
    return fail(Errc::malformed, message("'{}' is empty; a report is a JSON object", path));
  // One document fills the file, or its first line opens one that goes on below (then the parser
  // says what is wrong with it); anything else is one document a line.
  const JsonShape shape = json_shape(text);
  const bool fills = shape.first_end != 0 ? is_blank(text.substr(shape.first_end)) : shape.complete;
  if (!fills && text.substr(0, text.find('\n')) != "{") {
    Lines lines(path, each);
    VYRE_TRY(lines.add(text));
    return lines.end();
  }
  auto document = from_json(text);
  if (!document) return tl::unexpected<Error>(with_place(std::move(document).error(), path, 0));
  return each(std::move(*document));
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

Status for_each_document(const std::string& path, const EachDocument& each) {
  constexpr std::size_t kPiece{1u << 16};
  VYRE_ASSIGN(const platform::Descriptor file, platform::open_input(path));
  const std::string name = platform::input_name(path);
  Bytes piece(kPiece);
  std::string text;    // until it is known what it is
  bool looked{false};  // at the first line, once it had come
  std::optional<Lines> lines;
  for (;;) {
    VYRE_ASSIGN(const std::size_t n, platform::read_some(file, piece, name));
    if (platform::stop_signal() != 0) return platform::interrupted();
    if (n == 0) return lines ? lines->end() : each_of_text(text, path, each);
    const std::string_view came(reinterpret_cast<const char*>(piece.data()), n);
    if (lines) {
      VYRE_TRY(lines->add(came));
      continue;
    }
    text += came;
    if (text.size() > kMaxReportFileBytes) {
      return fail(Errc::limit_exceeded,
                  message("{} is larger than the limit of {} bytes", name, kMaxReportFileBytes));
    }
    // A whole document on the first line: one a line, each for itself.
    if (looked || came.find('\n') == came.npos) continue;
    looked = true;
    const std::string_view first = std::string_view(text).substr(0, text.find('\n'));
    if (is_blank(first) || !json_shape(first).complete) continue;
    lines.emplace(path, each);
    VYRE_TRY(lines->add(text));
    text = {};
  }
}

Result<std::vector<Document>> read_documents(const std::string& path) {
  std::vector<Document> documents;
  VYRE_TRY(for_each_document(path, [&](Document&& document) -> Status {
    documents.push_back(std::move(document));
    return {};
  }));
  return documents;
}

}  // namespace vyre::report
