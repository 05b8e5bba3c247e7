#include "run_sink.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <unordered_set>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "platform/log.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {
namespace {

/// The part of a path or buffer name that is safe in a file name everywhere.
std::string file_name(std::string text) {
  text = text.substr(text.find_last_of('/') + 1);
  if (text == "-" || text.empty()) return "stdin";
  for (char& c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '-' && c != '_')
      c = '_';
  }
  if (text.find_first_not_of('.') == std::string::npos) return "_";
  return text;
}

}  // namespace

std::vector<std::string> OutputNames::of(const ItemName& item) {
  std::string stem = plan_.item_buffer == kNoBuffer ? "output" : file_name(item.file);
  if (item.offset) stem += message("@{}", *item.offset);
  std::vector<std::string> paths;
  for (const WantedOutput& output : plan_.wanted) {
    const std::string suffix = "." + file_name(output.name);
    std::string name = stem + suffix;
    std::uint32_t& number = numbers_.try_emplace(name, 1).first->second;
    while (!used_.insert(name).second) name = message("{}.{}{}", stem, ++number, suffix);
    paths.push_back(directory_ + "/" + name);
  }
  return paths;
}

std::vector<std::string> stored_paths(const RunPlan& plan, const RunOptions& options) {
  if (!options.out_file.empty()) return {options.out_file};
  std::vector<std::string> paths;
  if (options.out_directory.empty() || options.chunk_bytes != 0) return paths;
  OutputNames names(plan, options.out_directory);
  const auto add = [&](const ItemName& item) {
    for (std::string& path : names.of(item)) paths.push_back(std::move(path));
  };
  for (const std::string& file : options.files) add({file, std::nullopt});
  if (plan.item_buffer == kNoBuffer) add({});
  return paths;
}

namespace {

JsonWriter row_of(const RunPlan& plan, const ItemName& item, const char* status) {
  JsonWriter row;
  row.begin_object().key("file");
  if (plan.item_buffer == kNoBuffer) {
    row.value(nullptr);
  } else {
    row.value(item.file);
  }
  if (item.offset) row.member("offset", *item.offset);
  row.member("status", status);
  return row;
}

}  // namespace

Sink::Sink(const Shell& shell, const RunPlan& plan, const RunOptions& options)
    : shell_(shell),
      plan_(plan),
      options_(options),
      labelled_(options.files.size() > 1 || plan.wanted.size() > 1 || options.chunk_bytes != 0),
      files_(options.out_directory.empty() ? platform::Durability::each
                                           : platform::Durability::together),
      paths_(stored_paths(plan, options)),
      names_(plan, options.out_directory) {}

Status Sink::begin(std::string_view executor) {
  if (!shell_.json) return {};
  return out_.write("{\"command\": \"" + shell_.name +
                    "\", \"program\": " + JsonWriter().value(options_.program).text() +
                    ", \"executor\": " + JsonWriter().value(executor).text() + ", \"items\": [");
}

Status Sink::json_item(const std::string& row) {
  return out_.write((items_++ == 0 ? "\n  " : ",\n  ") + row);
}

std::vector<std::string> Sink::paths_of(const ItemName& item) {
  if (!options_.out_directory.empty() && options_.chunk_bytes != 0) return names_.of(item);
  if (paths_.empty()) return {};
  const auto first = paths_.begin() + static_cast<std::ptrdiff_t>(ended_ * plan_.wanted.size());
  return {first, first + static_cast<std::ptrdiff_t>(plan_.wanted.size())};
}

Status Sink::done(const ItemName& item, std::span<const ByteSpan> outputs) {
  if (platform::log().should_log(spdlog::level::trace))
    platform::log().trace("item '{}' is done", shown(item.text()));
  JsonWriter row = row_of(plan_, item, "done");
  row.key("outputs").begin_object();
  std::unordered_set<std::string_view> named;  // one may be asked for twice
  const std::vector<std::string> paths = paths_of(item);
  for (std::size_t i = 0; i < plan_.wanted.size(); ++i) {
    const WantedOutput& output = plan_.wanted[i];
    auto written = written_part(plan_.target.builtin_name(), outputs, output.returned);
    if (!written) return failed(item, written.error());
    ByteSpan bytes = *written;
    bytes = bytes.first(bytes.size() / output.step * output.step);
    if (output.trim_by != kNoBuffer && outputs[output.trim_by].size() >= 4) {
      const std::size_t length = load_le<std::uint32_t>(outputs[output.trim_by], 0);
      bytes = bytes.first(std::min(bytes.size(), length));
    }
    std::string text;  // of an output that goes into the row
    if (!paths.empty()) {
      if (Status stored = store(paths[i], output, bytes); !stored) {
        // Standard output has no other item to go on with, and a stop is for all items.
        if (paths[i] == "-" || platform::stop_signal() != 0) return stored;
        write_failed_ = true;
        return failed(item, stored.error());
      }
    } else if (shell_.json) {
      text = to_text(bytes, output.format, ' ');
    } else {
      VYRE_TRY(print(item, output, bytes));
    }
    if (!shell_.json || !named.insert(output.name).second) continue;
    row.key(output.name).begin_object().member("bytes", bytes.size());
    row.member(paths.empty() ? "text" : "file", paths.empty() ? text : paths[i]).end_object();
  }
  ++ended_;
  return shell_.json ? json_item(row.end_object().end_object().text()) : Status{};
}

Status Sink::print(const ItemName& item, const WantedOutput& output, ByteSpan bytes) {
  if (output.format == Format::raw) return out_.write(bytes);
  std::string line;
  if (labelled_) {
    if (plan_.item_buffer != kNoBuffer) line += shown(item.text()) + " ";
    if (plan_.wanted.size() > 1) line += shown(output.name) + " ";
    line.back() = ':';
    line += ' ';
  }
  return out_.write(line + to_text(bytes, output.format, labelled_ ? ' ' : '\n') + "\n");
}

Status Sink::store(const std::string& path, const WantedOutput& output, ByteSpan bytes) {
  if (output.format != Format::raw) {
    const std::string text = to_text(bytes, output.format, '\n') + "\n";
    return path == "-" ? out_.write(text) : files_.write(path, as_bytes(text));
  }
  return path == "-" ? out_.write(bytes) : files_.write(path, bytes);
}

Status Sink::failed(const ItemName& item, const Error& error) {
  ++failures_;
  ++ended_;
  const std::string name = item.text();
  platform::log().trace("item '{}' failed", shown(name));
  std::string text = to_string(error);
  if (!name.empty() && error.message.find(name) == std::string::npos)
    text = message("{}: {}", shown(name), text);
  if (error.code == Errc::io && error.detail != 0) text += message(" (errno {})", error.detail);
  // What is on standard output so far belongs before this line on a terminal.
  VYRE_TRY(out_.flush());
  complain(shell_, text);
  if (!shell_.json) return {};
  JsonWriter row = row_of(plan_, item, "failed");
  write_error(row.key("error"), error);
  return json_item(row.end_object().text());
}

Status Sink::end(const Error* error) {
  if (shell_.json) {
    const std::string why = error == nullptr ? "" : message(", \"error\": {}", error_json(*error));
    VYRE_TRY(out_.write(message("\n], \"failed\": {}{}}}\n", failures_, why)));
  }
  VYRE_TRY(out_.flush());
  if (error != nullptr) complain(shell_, to_string(*error));
  return {};
}

}  // namespace vyre::cli
