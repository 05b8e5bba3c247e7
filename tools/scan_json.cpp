// JSON Lines of the shape that `rg --json` writes: begin, match and end of each file with a match,
// and a summary; a match says beside which word it is. See scan_printer.hpp.
#include <algorithm>
#include <array>
#include <cstdio>

#include "base/json_writer.hpp"
#include "base/utf8.hpp"
#include "scan_printer.hpp"

namespace vyre::cli {
namespace {

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[]{
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"};
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t here = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 3; ++i)
      word = word << 8 | (i < here ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= here ? kDigits[word >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

void put_bytes(JsonWriter& json, std::string_view key, std::string_view bytes) {
  json.key(key).begin_object();
  if (find_bad_utf8(bytes) == bytes.npos) {
    json.member("text", bytes);
  } else {
    json.member("bytes", base64(bytes));
  }
  json.end_object();
}

void put_time(JsonWriter& json, std::string_view key, std::chrono::nanoseconds took) {
  const auto nanos = static_cast<std::uint64_t>(took.count());
  constexpr std::uint64_t kSecond{1'000'000'000};
  json.key(key).begin_object();
  json.member("secs", nanos / kSecond);
  json.member("nanos", nanos % kSecond);
  std::array<char, 32> human{};
  std::snprintf(human.data(), human.size(), "%.6fs", static_cast<double>(nanos) / 1e9);
  json.member("human", human.data());
  json.end_object();
}

struct Stats {
  std::chrono::nanoseconds took{0};
  std::uint64_t searches{0};
  std::uint64_t searches_with_match{0};
  std::uint64_t bytes_printed{0};
  ScanCounts counts;
};

void put_stats(JsonWriter& json, const Stats& stats) {
  json.key("stats").begin_object();
  put_time(json, "elapsed", stats.took);
  json.member("searches", stats.searches);
  json.member("searches_with_match", stats.searches_with_match);
  json.member("bytes_searched", stats.counts.bytes);
  json.member("bytes_printed", stats.bytes_printed);
  json.member("matched_lines", stats.counts.lines);
  json.member("matches", stats.counts.matches);
  json.end_object();
}

class JsonPrinter final : public ScanPrinter {
 public:
  explicit JsonPrinter(const ScanWords& words) : words_(words) {}

  void begin(const InputFile& file) override {
    name_ = file.path == "-" ? "<stdin>" : file.path;
    begun_ = false;
    bytes_printed_ = 0;
  }

  Status line(const ScanLine& line) override {
    if (!begun_) {
      begun_ = true;
      JsonWriter json;
      json.begin_object().member("type", "begin").key("data").begin_object();
      put_bytes(json, "path", name_);
      json.end_object().end_object();
      VYRE_TRY(write(std::move(json)));
    }
    JsonWriter json;
    json.begin_object().member("type", "match").key("data").begin_object();
    put_bytes(json, "path", name_);
    put_bytes(json, "lines", line.text);
    json.member("line_number", line.number).member("absolute_offset", line.offset);
    json.key("submatches").begin_array();
    for (const ScanMatch& match : line.matches) {
      json.begin_object();
      put_bytes(json, "match",
                line.text.substr(match.begin - line.offset, match.end - match.begin));
      json.member("start", match.begin - line.offset).member("end", match.end - line.offset);
      json.member("pattern", words_.numbers[match.literal]);
      json.end_object();
    }
    json.end_array().end_object().end_object();
    return write(std::move(json));
  }

  Status end(const ScanEnd& end) override {
    Stats stats{end.took, 1, begun_ ? 1u : 0u, bytes_printed_, end.counts};
    if (begun_) {
      JsonWriter json;
      json.begin_object().member("type", "end").key("data").begin_object();
      put_bytes(json, "path", name_);
      json.member("binary_offset", end.binary_at);
      put_stats(json, stats);
      json.end_object().end_object();
      VYRE_TRY(write(std::move(json)));
      stats.bytes_printed = bytes_printed_;
    }
    total_.took += stats.took;
    total_.searches += stats.searches;
    total_.searches_with_match += stats.searches_with_match;
    total_.bytes_printed += stats.bytes_printed;
    total_.counts.bytes += stats.counts.bytes;
    total_.counts.lines += stats.counts.lines;
    total_.counts.matches += stats.counts.matches;
    return begun_ ? flush() : Status{};
  }

  Status finish() override {
    JsonWriter json;
    json.begin_object().key("data").begin_object();
    put_time(json, "elapsed_total", std::chrono::steady_clock::now() - opened_);
    put_stats(json, total_);
    json.end_object().member("type", "summary").end_object();
    VYRE_TRY(write(std::move(json)));
    return flush();
  }

  Status flush() override { return out_.flush(); }

 private:
  Status write(JsonWriter json) {
    const std::string text = std::move(json).text() + "\n";
    bytes_printed_ += text.size();
    return out_.write(text);
  }

  const ScanWords& words_;
  Output out_;
  std::string name_;
  bool begun_{false};
  std::uint64_t bytes_printed_{0};
  Stats total_;
  const std::chrono::steady_clock::time_point opened_{std::chrono::steady_clock::now()};
};

}  // namespace

std::unique_ptr<ScanPrinter> scan_json_printer(const ScanWords& words) {
  return std::make_unique<JsonPrinter>(words);
}

}  // namespace vyre::cli
