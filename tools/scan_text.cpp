// The output of grep. See scan_printer.hpp.
#include <algorithm>

#include "base/message.hpp"
#include "scan_printer.hpp"

namespace vyre::cli {
namespace {

// The colours of grep.
constexpr std::string_view kNameColour{"\033[35m"};
constexpr std::string_view kNumberColour{"\033[32m"};
constexpr std::string_view kSeparatorColour{"\033[36m"};
constexpr std::string_view kMatchColour{"\033[1;31m"};
constexpr std::string_view kPlain{"\033[m"};

class TextPrinter final : public ScanPrinter {
 public:
  explicit TextPrinter(const ScanOptions& options) : options_(options) {}

  void begin(const InputFile& file) override { name_ = scan_name(file); }

  Status line(const ScanLine& line) override {
    text_.clear();
    if (options_.output == ScanOutput::matches) {
      for (const ScanMatch& match : line.matches) {
        put_place(line.number, match.begin);
        put(kMatchColour, line.text.substr(match.begin - line.offset, match.end - match.begin));
        text_ += '\n';
      }
    } else {
      put_place(line.number, line.offset);
      put_line(line);
    }
    return write();
  }

  Status end(const ScanEnd& end) override {
    text_.clear();
    const bool found = end.counts.lines != 0;
    switch (options_.output) {
      case ScanOutput::lines:
      case ScanOutput::matches:
        if (found && end.binary_at) put_binary(end);
        break;
      case ScanOutput::line_count:
      case ScanOutput::match_count:
        put_count(options_.output == ScanOutput::line_count ? end.counts.lines
                                                            : end.counts.matches);
        break;
      case ScanOutput::files_with:
      case ScanOutput::files_without:
        if (found == (options_.output == ScanOutput::files_with)) {
          put(kNameColour, name_);
          text_ += options_.null_after_name ? '\0' : '\n';
        }
        break;
      case ScanOutput::nothing:
        break;
    }
    VYRE_TRY(write());
    return flush();
  }

  Status finish() override { return flush(); }
  Status flush() override { return out_.flush(); }

 private:
  void put(std::string_view colour, std::string_view text) {
    if (options_.colour) text_ += colour;
    text_ += text;
    if (options_.colour) text_ += kPlain;
  }
  void put_separator() { put(kSeparatorColour, ":"); }
  void put_name() {
    put(kNameColour, name_);
    if (options_.null_after_name) {
      text_ += '\0';
    } else {
      put_separator();
    }
  }
  void put_place(std::uint64_t number, std::uint64_t offset) {
    if (options_.names) put_name();
    if (options_.line_numbers) {
      put(kNumberColour, std::to_string(number));
      put_separator();
    }
    if (options_.offsets) {
      put(kNumberColour, std::to_string(offset));
      put_separator();
    }
  }
  void put_line(const ScanLine& line) {
    std::uint64_t at = line.offset;
    if (options_.colour) {
      for (const ScanMatch& match : line.matches) {
        if (match.end <= at) continue;  // inside one that was shown
        const std::uint64_t begin = std::max(at, match.begin);
        text_ += line.text.substr(at - line.offset, begin - at);
        put(kMatchColour, line.text.substr(begin - line.offset, match.end - begin));
        at = match.end;
      }
    }
    text_ += line.text.substr(at - line.offset);
    if (text_.back() != '\n') text_ += '\n';
  }
  void put_count(std::uint64_t count) {
    if (options_.names) put_name();
    text_ += std::to_string(count);
    text_ += '\n';
  }
  void put_binary(const ScanEnd& end) {
    if (options_.names) text_ += name_ + ": ";
    if (end.stopped_there) {
      text_ += message(
          "WARNING: stopped searching binary file after match (found \"\\0\" byte "
          "around offset {})\n",
          *end.binary_at);
    } else {
      text_ +=
          message("binary file matches (found \"\\0\" byte around offset {})\n", *end.binary_at);
    }
  }
  Status write() {
    VYRE_TRY(out_.write(text_));
    return options_.line_buffered ? flush() : Status{};
  }

  const ScanOptions& options_;
  Output out_;
  std::string name_;
  std::string text_;
};

}  // namespace

std::unique_ptr<ScanPrinter> scan_text_printer(const ScanOptions& options) {
  return std::make_unique<TextPrinter>(options);
}

std::string scan_name(const InputFile& file) {
  return file.path == "-" ? "(standard input)" : file.path;
}

}  // namespace vyre::cli
