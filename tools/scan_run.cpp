#include "scan_run.hpp"

#include <sys/stat.h>

#include <deque>

#include "base/message.hpp"
#include "file_walk.hpp"
#include "followed_file.hpp"
#include "input_bytes.hpp"
#include "live_report.hpp"
#include "numbers.hpp"
#include "platform/descriptor.hpp"
#include "platform/stop.hpp"
#include "progress.hpp"
#include "scan_engine.hpp"
#include "scan_file.hpp"
#include "scan_printer.hpp"

namespace vyre::cli {
namespace {

class Scan final : private ScanEngine::Sink {
 public:
  Scan(const Shell& shell, const ScanOptions& options, ScanEngine& engine, ScanPrinter& printer,
       std::vector<std::string> paths, const WalkOutputs& outputs, bool by_file)
      : shell_(shell),
        options_(options),
        engine_(engine),
        printer_(printer),
        walk_(shell, options, std::move(paths), outputs),
        run_(options, shell.json, printer),
        by_file_(by_file) {}

  Status all() {
    Status searched = all_files();
    const bool followed = !options_.follow.empty() && platform::stop_asked();  // that is its end
    if (!searched && !followed) return searched;
    VYRE_TRY(std::move(printed_));
    VYRE_TRY(printer_.finish());
    return searched;
  }

  /// An error where the report would be written over what was to be searched.
  [[nodiscard]] Status may_report() const { return walk_.met_output(); }

  /// A row for each file in which something was searched, where they were asked for.
  [[nodiscard]] std::optional<std::vector<v0::InputTotal>> take_totals() {
    if (!by_file_) return std::nullopt;
    return std::move(totals_);
  }

  [[nodiscard]] int exit_code() const {
    if (run_.found() && options_.output == ScanOutput::nothing) return kScanFound;
    if (failed_ || walk_.failed()) return kScanFailed;
    return run_.found() ? kScanFound : kScanNone;
  }

 private:
  [[nodiscard]] bool streams(const InputFile& file) const {
    return options_.follow.empty() && file.regular && platform::size_is_true(file.path) &&
           !(options_.decompress && is_compressed(file.path));
  }

  Status all_files() {
    while (!enough()) {
      if (!ahead_) ahead_ = walk_.next();
      if (!ahead_) break;
      if (streams(*ahead_)) {
        VYRE_TRY(files());
      } else {
        const InputFile file = *std::exchange(ahead_, std::nullopt);
        VYRE_TRY(input(file));
      }
    }
    return {};
  }

  /// The next files as one stream, as far as files are such that can be streamed.
  Status files() {
    under_way_.clear();
    first_ = 0;
    const auto next = [this]() -> std::optional<std::string> {
      if (!ahead_) ahead_ = walk_.next();
      if (!ahead_ || !streams(*ahead_)) return std::nullopt;
      under_way_.push_back(*std::exchange(ahead_, std::nullopt));
      return under_way_.back().path;
    };
    VYRE_TRY(engine_.scan_files(next, *this));
    return end_file();
  }

  Status input(const InputFile& file) {
    if (options_.follow.empty())
      return read(file, open_input_bytes(file.path, options_.decompress));
    FollowedFile followed(file.path);
    while (!enough()) {
      auto next = followed.next();
      const bool here = next.has_value();
      VYRE_TRY(read(file, std::move(next)));
      if (!here) break;
    }
    return {};
  }

  Status read(const InputFile& file, Result<std::unique_ptr<InputBytes>> opened) {
    if (platform::stop_asked()) return platform::interrupted();
    under_way_.assign(1, file);
    first_ = 0;
    if (!opened) {
      tell(opened.error());
      return {};
    }
    const Status read = engine_.scan_input(**opened, *this);
    VYRE_TRY(end_file());
    if (read) return {};
    if (platform::stop_asked() || read.error().code == Errc::faulted) return read;
    tell(read.error());
    return {};
  }

  void tell(const Error& error) {
    failed_ = true;
    progress_.clear();
    complain(shell_, error.message);
  }

  /// Files come one after another, each from its first piece.
  void go_to(std::uint64_t file) {
    if (open_ == file) return;
    (void)keep(end_file());
    under_way_.erase(under_way_.begin(),
                     under_way_.begin() + static_cast<std::ptrdiff_t>(file - first_));
    first_ = file;
    open_ = file;
    run_.begin(under_way_.front());
    if (by_file_) totals_.push_back({scan_name(under_way_.front())});
  }
  Status end_file() {
    if (!std::exchange(open_, std::nullopt)) return {};
    return run_.end();
  }
  bool keep(Status status) {
    if (!status && printed_) printed_ = std::move(status);
    return printed_.has_value();
  }

  bool piece(std::uint64_t file, const ScanPiece& piece) override {
    go_to(file);
    read_ += piece.bytes.size() - piece.seen;
    if (by_file_) {
      totals_.back().bytes += piece.bytes.size() - piece.seen;
      ++totals_.back().items;
    }
    if (!options_.line_buffered) progress_.update_bytes(read_, options_.files_bytes);
    return run_.add(piece);
  }
  void failed(std::uint64_t file, const Error& error) override {
    if (open_ == file) {
      if (by_file_) ++totals_.back().failed;
      (void)keep(end_file());
    }
    tell(error);
  }
  bool enough() const override {
    return !printed_ || (run_.found() && options_.output == ScanOutput::nothing);
  }
  void waiting() override { (void)keep(printer_.flush()); }

  const Shell& shell_;
  const ScanOptions& options_;
  ScanEngine& engine_;
  ScanPrinter& printer_;
  FileWalk walk_;
  Progress progress_{"scan"};
  std::uint64_t read_{0};  // bytes of which the matches are known
  ScanFileRun run_;
  const bool by_file_;
  std::vector<v0::InputTotal> totals_;
  std::optional<InputFile> ahead_;   // found, and not begun
  std::deque<InputFile> under_way_;  // of this stream, from number first_ on
  std::uint64_t first_{0};
  std::optional<std::uint64_t> open_;  // the file that run_ is in
  bool failed_{false};
  Status printed_;
};

/// Of all, if none is a folder or lasts.
std::optional<std::uint64_t> bytes_of_files(const std::vector<std::string>& paths) {
  std::uint64_t bytes = 0;
  for (const std::string& path : paths) {
    struct stat status;
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    bytes += static_cast<std::uint64_t>(status.st_size);
  }
  return bytes;
}

}  // namespace

Outcome scan(const Shell& shell, ScanOptions options, const ReportWishes& report) {
  VYRE_ASSIGN(const ScanWords words, read_words(shell, options));
  options.longest_word = words.longest();
  const std::vector<std::string> outputs{report.file, options.timeline};
  std::vector<std::string> paths = options.paths;
  if (!options.paths_from.empty()) {
    VYRE_ASSIGN(paths, paths_of_list(options.paths_from, options.null_separated));
  }
  options.files_bytes = bytes_of_files(paths);
  VYRE_ASSIGN(const std::unique_ptr<ScanEngine> engine, ScanEngine::open(options, words));
  // A label that cannot be is refused before anything is searched.
  if (!report.labels.empty()) VYRE_TRY(engine->report({0, {}, {}, report.labels}));
  std::unique_ptr<LiveReport> live;
  if (!report.every.empty()) {
    // Its file is written from now on, so this must be known before.
    FileWalk look(shell, options, paths, {.paths = outputs});
    while (look.next()) {
    }
    VYRE_TRY(look.met_output());
    VYRE_ASSIGN(const auto every, interval_of(report.every));
    VYRE_ASSIGN(live, LiveReport::begin(report.file, every, [&] {
                  return engine->report({0, {}, {}, report.labels});
                }));
  }
  const auto printer = shell.json ? scan_json_printer(words) : scan_text_printer(options);
  Scan scan(shell, options, *engine, *printer, std::move(paths),
            {.paths = outputs, .skipped = live != nullptr}, report.by_file);
  const Status scanned = scan.all();
  if (!scanned) (void)printer->flush();
  VYRE_TRY(scan.may_report());
  if (!report.file.empty()) {
    if (live) live->stop();
    VYRE_ASSIGN(
        const std::string json,
        engine->report(
            {live ? 0u : kJsonIndent, shell.command, {}, report.labels, {}, scan.take_totals()}));
    VYRE_TRY(live ? live->end(json) : write_output(report.file, json + "\n"));
  }
  if (!options.timeline.empty()) {
    VYRE_ASSIGN(const std::string timeline, engine->timeline());
    VYRE_TRY(write_output(options.timeline, timeline + "\n"));
  }
  VYRE_TRY(scanned);
  return scan.exit_code();
}

}  // namespace vyre::cli
