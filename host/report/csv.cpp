// Reports as comma-separated values (RFC 4180). See export.hpp.
#include <charconv>

#include "base/message.hpp"
#include "report/documents.hpp"
#include "report/export.hpp"
#include "report/numbers.hpp"

namespace vyre::report {
namespace {

std::string field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string labels_field(const RunInfo& run) {
  std::string text;
  for (const auto& [name, value] : run.labels)
    text += message("{}{}={}", text.empty() ? "" : ";", name, value);
  return field(text);
}

}  // namespace

Result<std::string> csv(const std::vector<std::string>& files) {
  std::string text = "run,started_at,labels,number,value\r\n";
  for (const std::string& file : files) {
    VYRE_TRY(for_each_document(file, [&](Document&& document) -> Status {
      const std::string run = message("{},{},{}", field(document.run.id),
                                      field(document.run.started_at), labels_field(document.run));
      for (const Number& number : numbers_of(document)) {
        if (!number.value) continue;
        char value[40];
        const auto end = std::to_chars(value, value + sizeof value, *number.value).ptr;
        text += message("{},{},{}\r\n", run, field(number.name), std::string_view(value, end));
      }
      return {};
    }));
  }
  return text;
}

}  // namespace vyre::report
