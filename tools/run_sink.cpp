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

/// What the total of several files goes by.
constexpr const char* kTotal{"total"};

/// Only the run says how many items, or files of one name, have outputs of their own.
bool names_come_late(const RunPlan& plan, const RunOptions& options) {
  return !options.follow.empty() || (options.chunk_bytes != 0 && !plan.reduces_all());
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
  if (options.out_directory.empty() || names_come_late(plan, options)) return paths;
  OutputNames names(plan, options.out_directory);
  const auto add = [&](const ItemName& item) {
    for (std::string& path : names.of(item)) paths.push_back(std::move(path));
  };
  for (const std::string& file : options.files) add({file, std::nullopt});
  if (plan.item_buffer == kNoBuffer) add({});
  if (plan.has_total() && options.files.size() > 1) add({kTotal, std::nullopt});
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
  if (item.offset) row.member("offset", *item.offset).member("seen_bytes", item.seen);
  row.member("status", status);
  return row;
}

}  // namespace

Sink::Sink(const Shell& shell, const RunPlan& plan, const RunOptions& options)
    : shell_(shell),
      plan_(plan),
      options_(options),
      labelled_(options.files.size() > 1 || plan.wanted.size() > 1 ||
                names_come_late(plan, options)),
      files_(options.out_directory.empty() ? platform::Durability::each
                                           : platform::Durability::together),
      paths_(stored_paths(plan, options)),
      names_(plan, options.out_directory) {
  for (const WantedOutput& output : plan.wanted) parts_.push_back({empty(output), empty(output)});
}

Reduction Sink::empty(const WantedOutput& output) const {
  return {output.reduce, output.element, options_.max_memory_bytes};
}

Status Sink::begin(std::string_view executor) {
  if (!shell_.json) return {};
  return out_.write("{\"command\": \"" + shell_.name +
                    "\", \"program\": " + JsonWriter().value(options_.program).text() +
                    ", \"executor\": " + JsonWriter().value(executor).text() + ", \"items\": [");
}

Status Sink::json_item(const std::string& row) {
  return out_.write((rows_++ == 0 ? "\n  " : ",\n  ") + row);
}

std::vector<std::string> Sink::paths_of(const ItemName& item) {
  if (!options_.out_directory.empty() && names_come_late(plan_, options_)) return names_.of(item);
  if (paths_.empty()) return {};
  const auto first = paths_.begin() + static_cast<std::ptrdiff_t>(ended_ * plan_.wanted.size());
  return {first, first + static_cast<std::ptrdiff_t>(plan_.wanted.size())};
}

Result<ByteSpan> Sink::part_of(const WantedOutput& output,
                               std::span<const ByteSpan> outputs) const {
  VYRE_ASSIGN(ByteSpan bytes, written_part(plan_.target.builtin_name(), outputs, output.returned));
  bytes = bytes.first(bytes.size() / output.step * output.step);
  if (output.trim_by == kNoBuffer || outputs[output.trim_by].size() < 4) return bytes;
  const std::size_t length = load_le<std::uint32_t>(outputs[output.trim_by], 0);
  return bytes.first(std::min(bytes.size(), length));
}

Status Sink::done(const ItemName& item, std::span<const ByteSpan> outputs) {
  if (platform::log().should_log(spdlog::level::trace))
    platform::log().trace("item '{}' is done", shown(item.text()));
  std::vector<Shown> alone;
  for (std::size_t i = 0; i < plan_.wanted.size(); ++i) {
    const auto bytes = part_of(plan_.wanted[i], outputs);
    if (!bytes) return failed(item, bytes.error());
    if (plan_.wanted[i].reduce == Reduce::none) {
      alone.push_back({i, *bytes});
    } else if (file_failed_) {
      continue;  // it gets no answer any more
    } else if (Status added = parts_[i].file.add(*bytes); !added) {
      return failed(item, added.error());
    }
  }
  file_done_ = true;
  if (alone.empty() && !plan_.wanted.empty()) return {};
  return give_out(item, alone);
}

Status Sink::end_file(const ItemName& file) {
  std::vector<Shown> together;
  for (std::size_t i = 0; i < plan_.wanted.size(); ++i) {
    if (plan_.wanted[i].reduce != Reduce::none) together.push_back({i, parts_[i].file.result()});
  }
  Status given;
  if (file_done_ && !file_failed_ && !together.empty()) {
    const std::uint64_t failures = failures_;
    given = give_out(file, together);
    if (given && failures == failures_) given = add_to_total(file);
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].file = empty(plan_.wanted[i]);
  file_done_ = file_failed_ = false;
  ++ended_;
  return given;
}

Status Sink::add_to_total(const ItemName& file) {
  if (!plan_.has_total() || (options_.files.size() < 2 && options_.follow.empty())) return {};
  for (Parts& parts : parts_) {
    if (Status added = parts.total.add(parts.file); !added) return failed(file, added.error());
  }
  ++totalled_;
  return {};
}

/// Of the files that have answers, where the caller asked for one and there are several.
Status Sink::give_total() {
  if (totalled_ < (options_.follow.empty() ? 1u : 2u)) return {};
  std::vector<Shown> together;
  for (std::size_t i = 0; i < plan_.wanted.size(); ++i) {
    if (plan_.wanted[i].total) together.push_back({i, parts_[i].total.result()});
  }
  in_total_ = true;
  ended_ = options_.files.size();  // where its names stand
  return give_out({kTotal, std::nullopt}, together);
}

Status Sink::give_out(const ItemName& item, std::span<const Shown> outputs) {
  JsonWriter row;
  if (in_total_) {
    row.begin_object().member("files", totalled_);
  } else {
    row = row_of(plan_, item, "done");
  }
  row.key("outputs").begin_object();
  std::unordered_set<std::string_view> named;  // one may be asked for twice
  const std::vector<std::string> paths = paths_of(item);
  for (const auto& [wanted, bytes] : outputs) {
    const WantedOutput& output = plan_.wanted[wanted];
    if (!paths.empty()) {
      if (Status stored = store(paths[wanted], output, bytes); !stored) {
        // Standard output has no other item to go on with, and a stop is for all items.
        if (paths[wanted] == "-" || platform::stop_signal() != 0) return stored;
        write_failed_ = true;
        return failed(item, stored.error());
      }
    } else if (!shell_.json) {
      VYRE_TRY(print(item, output, bytes));
    }
    if (!shell_.json || !named.insert(output.name).second) continue;
    row.key(output.name).begin_object().member("bytes", bytes.size());
    if (paths.empty()) {
      write_values(row, bytes, output.format);
    } else {
      row.member("file", paths[wanted]);
    }
    row.end_object();
  }
  if (!shell_.json) return {};
  const std::string text = row.end_object().end_object().text();
  if (!in_total_) return json_item(text);
  total_json_ = ", \"total\": " + text;
  return {};
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
  file_failed_ = true;
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
  // A signal is how a followed file ends.
  const bool complete = error == nullptr || !options_.follow.empty();
  if (complete) VYRE_TRY(give_total());
  if (shell_.json) {
    const std::string why = error == nullptr ? "" : message(", \"error\": {}", error_json(*error));
    VYRE_TRY(out_.write(message("\n]{}, \"failed\": {}{}}}\n", total_json_, failures_, why)));
  }
  VYRE_TRY(out_.flush());
  if (error != nullptr) complain(shell_, to_string(*error));
  return {};
}

}  // namespace vyre::cli
