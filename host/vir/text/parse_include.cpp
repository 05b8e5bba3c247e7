// include: declarations of another file, read once each. Spec: docs/vir0-forms.md, "Files".
#include <algorithm>

#include "base/message.hpp"
#include "parser.hpp"

namespace vyre::vir::text {
namespace {

/// The path from the first folder on, or nothing where it would leave that folder.
std::optional<std::string> joined(std::string_view folder, std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos) return {};
  std::string whole(folder);
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part == "..") return {};
    if (part.empty() || part == ".") continue;
    whole += whole.empty() ? "" : "/";
    whole += part;
  }
  if (whole == folder) return {};
  return whole;
}

std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

}  // namespace

void Parser::move_to(const Cursor& cursor) {
  lexer_ = cursor.lexer;
  now_ = cursor.now;
  next_ = cursor.next;
}

/// `include "file.vir";`
void Parser::include_directive() {
  take();
  const Token where = now_;
  const std::string named = quoted("the path of the file");
  if (!ok()) return;
  if (!options_.read)
    return fail_at(where, "include needs a folder to look in, and this text was given without one");
  const auto path = joined(folder_of(files_[where.file].path), named);
  if (!path) {
    return fail_at(
        where,
        "include takes a path beside the file, such as \"parts/words.vir\", without '..' "
        "and not from the root");
  }
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (files_[i].path != *path) continue;
    if (files_[i].open)
      return fail_at(where,
                     message("'{}' includes itself; move what both need to a third file", *path));
    return expect(";", "after the path");  // it is here already
  }
  if (files_.size() > kMaxIncludes)
    return fail_at(where,
                   message("more than {} files are included; join some of them", kMaxIncludes),
                   Errc::limit_exceeded);
  std::uint32_t depth_of_files = 0;
  for (std::uint32_t file = where.file; file != 0; file = files_[file].from.file) ++depth_of_files;
  if (depth_of_files >= kMaxIncludeDepth) {
    return fail_at(where,
                   message("files include each other more than {} deep; include them from one file",
                           kMaxIncludeDepth),
                   Errc::limit_exceeded);
  }
  auto text = options_.read(*path);
  if (!text) return fail_at(where, text.error().message, text.error().code);
  included_bytes_ += text->size();
  if (included_bytes_ > kMaxTextBytes) {
    return fail_at(
        where, message("the files have more than {} bytes together; include less", kMaxTextBytes),
        Errc::limit_exceeded);
  }
  const Cursor outer{lexer_, now_, next_};
  const Depth depth(*this);
  const auto file = static_cast<std::uint32_t>(files_.size());
  files_.push_back({*path, place_of(where), true});
  places_.files.push_back(options_.folder.empty() ? *path
                                                  : message("{}/{}", options_.folder, *path));
  texts_.push_back(std::move(*text));
  lexer_ = Lexer(texts_.back(), file);
  now_ = next_ = Token{};
  take();
  take();
  while (ok() && directive()) {
  }
  if (ok() && now_.kind != TokenKind::end)
    unexpected("a declaration", "; an included file holds no statements outside of fn");
  files_[file].open = false;
  if (!ok()) return;
  move_to(outer);
  expect(";", "after the path");
}

/// How the parser came to a place: the calls of fns, and the files that include its file.
std::string Parser::way_to(std::uint32_t file) const {
  std::vector<std::string> steps = calls_to(places_, {0, 0, 0, call_of(frame_)});
  for (; file != 0; file = files_[file].from.file)
    steps.push_back(message("included at {}", to_string(places_, files_[file].from)));
  return joined_steps(steps);
}

}  // namespace vyre::vir::text
