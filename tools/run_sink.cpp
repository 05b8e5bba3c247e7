#include "run_sink.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

namespace vyre::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

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

std::vector<std::string> stored_paths(const RunPlan& plan, const RunOptions& options) {
  if (!options.out_file.empty()) return {options.out_file};
  std::vector<std::string> paths;
  if (options.out_directory.empty()) return paths;
  std::vector<std::string> stems;
  for (const std::string& file : options.files) stems.push_back(file_name(file));
  if (plan.item_buffer == vir::kNone) stems.emplace_back("output");
  // Files of one name from different folders, and buffers whose names look alike, stay apart.
  std::unordered_set<std::string> used;
  std::unordered_map<std::string, std::uint32_t> numbers;
  for (const std::string& stem : stems) {
    for (const WantedOutput& output : plan.wanted) {
      const std::string suffix = "." + file_name(output.name);
      std::string name = stem + suffix;
      std::uint32_t& number = numbers.try_emplace(name, 1).first->second;
      while (!used.insert(name).second) name = stem + "." + std::to_string(++number) + suffix;
      paths.push_back(options.out_directory + "/" + name);
    }
  }
  return paths;
}

Sink::Sink(const Shell& shell, const RunPlan& plan, const RunOptions& options)
    : shell_(shell),
      plan_(plan),
      options_(options),
      labelled_(options.files.size() > 1 || plan.wanted.size() > 1),
      paths_(stored_paths(plan, options)) {}

Status Sink::begin(std::string_view executor) {
  if (!shell_.json) return {};
  return out_.write("{\"command\": \"" + shell_.name +
                    "\", \"program\": " + dump(options_.program) +
                    ", \"executor\": " + dump(executor) + ", \"items\": [");
}

Status Sink::json_item(const std::string& row) {
  return out_.write((items_++ == 0 ? "\n  " : ",\n  ") + row);
}

Status Sink::done(const std::string& file, std::vector<Bytes> outputs) {
  Json row{{"file", file}, {"status", "done"}, {"outputs", Json::object()}};
  if (plan_.item_buffer == vir::kNone) row["file"] = nullptr;
  std::size_t place = ended_++ * plan_.wanted.size();
  for (const WantedOutput& output : plan_.wanted) {
    ByteSpan bytes = outputs[output.returned];
    if (output.trim_by != vir::kNone && outputs[output.trim_by].size() >= 4) {
      const std::size_t length = load_le<std::uint32_t>(outputs[output.trim_by], 0);
      bytes = bytes.first(std::min(bytes.size(), length));
    }
    Json entry{{"bytes", bytes.size()}};
    if (!paths_.empty()) {
      const std::string& path = paths_[place++];
      if (Status stored = store(path, output, bytes); !stored) {
        // Standard output has no other item to go on with.
        if (path == "-") return stored;
        --ended_;  // it ends as failed
        write_failed_ = true;
        return failed(file, stored.error());
      }
      entry["file"] = path;
    } else if (shell_.json) {
      entry["text"] = to_text(bytes, output.format, ' ');
    } else {
      VYRE_TRY(print(file, output, bytes));
    }
    row["outputs"][output.name] = std::move(entry);
  }
  return shell_.json ? json_item(dump(row)) : Status{};
}

Status Sink::print(const std::string& file, const WantedOutput& output, ByteSpan bytes) {
  if (output.format == Format::raw) return out_.write(bytes);
  std::string line;
  if (labelled_) {
    if (!file.empty()) line += shown(file) + " ";
    if (plan_.wanted.size() > 1) line += shown(output.name) + " ";
    line.back() = ':';
    line += ' ';
  }
  return out_.write(line + to_text(bytes, output.format, labelled_ ? ' ' : '\n') + "\n");
}

Status Sink::store(const std::string& path, const WantedOutput& output, ByteSpan bytes) {
  if (output.format == Format::raw) return write_output(path, bytes);
  return write_output(path, to_text(bytes, output.format, '\n') + "\n");
}

Status Sink::failed(const std::string& file, const Error& error) {
  ++failures_;
  ++ended_;
  std::string text = to_string(error);
  if (!file.empty() && error.message.find(file) == std::string::npos)
    text = shown(file) + ": " + text;
  if (error.code == Errc::io && error.detail != 0)
    text += " (errno " + std::to_string(error.detail) + ")";
  // What is on standard output so far belongs before this line on a terminal.
  VYRE_TRY(out_.flush());
  complain(shell_, text);
  if (!shell_.json) return {};
  Json row{{"file", file}, {"status", "failed"}, {"error", Json::parse(error_json(error))}};
  if (plan_.item_buffer == vir::kNone) row["file"] = nullptr;
  return json_item(dump(row));
}

Status Sink::end(const Error* error) {
  if (shell_.json) {
    VYRE_TRY(out_.write("\n], \"failed\": " + std::to_string(failures_) +
                        (error == nullptr ? "" : ", \"error\": " + error_json(*error)) + "}\n"));
  }
  VYRE_TRY(out_.flush());
  if (error != nullptr) complain(shell_, to_string(*error));
  return {};
}

}  // namespace vyre::cli
