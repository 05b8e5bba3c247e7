// vyre scan: looks for many words in files. Flags and what contradicts what are here; scan_run.hpp
// does the work.
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <new>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "flag_checks.hpp"
#include "library.hpp"
#include "platform/descriptor.hpp"
#include "platform/stop.hpp"
#include "scan_file.hpp"
#include "scan_run.hpp"

namespace vyre::cli {
namespace {

struct Flags {
  ScanOptions scan;
  bool only_matching{false};
  bool count{false};
  bool count_matches{false};
  bool files_with{false};
  bool files_without{false};
  bool quiet{false};
  bool with_name{false};
  bool without_name{false};
  bool without_numbers{false};
  std::string colour{"auto"};
  std::vector<std::string> arguments;  // a word, unless -e or -f gave one, and paths
  ReportWishes report;
};

Status check(const Shell& shell, const Flags& flags) {
  const auto refused = [](std::string text) { return fail(Errc::invalid_argument, text); };
  const ScanOptions& scan = flags.scan;
  const std::uint64_t most = limit("max_chunk_bytes");
  if (scan.chunk_bytes < kBinaryHead || scan.chunk_bytes > most) {
    return refused(
        message("--chunk is {}; it takes {} to {}", scan.chunk_bytes, kBinaryHead, most));
  }
  if (shell.json && scan.output != ScanOutput::lines) {
    return refused(
        "--json shows lines with all that is in them; it goes with none of -o, -c, "
        "--count-matches, -l, -L and -q");
  }
  return {};
}

/// Names tell files apart, and there may be several.
bool several_files(const ScanOptions& scan) {
  if (!scan.paths_from.empty() || scan.paths.size() > 1) return true;
  const std::string& path = scan.paths[0];
  struct stat status;
  return path.empty() || (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode));
}

/// Sets what follows from several flags and from where standard output goes.
Status settle(Flags& flags) {
  ScanOptions& scan = flags.scan;
  scan.paths = std::move(flags.arguments);
  if (scan.expressions.empty() && scan.word_files.empty()) {
    if (scan.paths.empty())
      return fail(Errc::invalid_argument, "there is no word to look for: give WORD, -e or -f");
    scan.expressions.push_back(std::move(scan.paths.front()));
    scan.paths.erase(scan.paths.begin());
  }
  VYRE_TRY(check_inputs(scan, scan.paths.size()));
  if (!scan.follow.empty()) {
    struct stat status;
    if (::stat(scan.follow.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
      return fail(Errc::invalid_argument,
                  message("'{}' is a folder; --follow needs a file", shown(scan.follow)));
    }
    scan.paths = {scan.follow};
  }
  // Where grep and ripgrep look if no path is given: what comes through a pipe or from a file, and
  // else here.
  if (scan.paths.empty() && scan.paths_from.empty())
    scan.paths.emplace_back(::isatty(STDIN_FILENO) == 1 ? "" : "-");
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  scan.output = flags.quiet           ? ScanOutput::nothing
                : flags.files_with    ? ScanOutput::files_with
                : flags.files_without ? ScanOutput::files_without
                : flags.count         ? ScanOutput::line_count
                : flags.count_matches ? ScanOutput::match_count
                : flags.only_matching ? ScanOutput::matches
                                      : ScanOutput::lines;
  scan.colour = flags.colour == "always" || (flags.colour == "auto" && terminal);
  scan.line_buffered = terminal;
  scan.line_numbers = scan.line_numbers || (terminal && !flags.without_numbers);
  scan.names = flags.with_name || (!flags.without_name && several_files(scan));
  return {};
}

void add_flags(const Command& command, Flags& flags) {
  ScanOptions& scan = flags.scan;
  command
      .option("argument", flags.arguments,
              "the word, unless -e or -f gives one, and where to look: files, folders with all "
              "that is in them, - for standard input")
      .type_name("FILE");
  command.option("-e,--word", scan.expressions, "a word to look for; several with several -e")
      .type_name("WORD")
      .one_value_each();
  command
      .option("-f,--words", scan.word_files, "a file with a word on each line; - is standard input")
      .type_name("FILE")
      .one_value_each()
      .check(not_empty());
  command.flag("-i,--ignore-case", scan.ignore_case, "letters A to Z and a to z are the same");
  command.flag("-a,--text", scan.text, "a NUL byte does not make a file binary");
  command.flag("--binary", scan.binary,
               "in folders: look into binary files as if they had been named");
  add_inputs(command, scan);

  command.flag("-n,--line-number", scan.line_numbers,
               "show numbers of lines (default on a terminal)");
  command.flag("-N,--no-line-number", flags.without_numbers, "show none on a terminal");
  command.flag("-b,--byte-offset", scan.offsets, "show where each line begins, with -o each match");
  command.flag("-o,--only-matching", flags.only_matching, "show the matches, not their lines");
  command.flag("-c,--count", flags.count, "show how many lines of each file match");
  command.flag("--count-matches", flags.count_matches, "show how many matches each file has");
  command.flag("-l,--files-with-matches", flags.files_with, "show the names of files with a match");
  command.flag("-L,--files-without-match", flags.files_without,
               "show the names of files without one");
  command.flag("-q,--quiet", flags.quiet, "show nothing and stop at the first match");
  command.flag("-H,--with-filename", flags.with_name,
               "show names of files (default if there may be several)");
  command.flag("-h,--no-filename", flags.without_name, "show none");
  command
      .option("-m,--max-count", scan.most_lines,
              "stop a file after so many lines with a match (0: never)")
      .type_name("N")
      .check(whole<std::uint64_t>());
  command.flag("--null", scan.null_after_name, "put a NUL byte behind names of files");
  command.flag("--overlapping", scan.overlapping, "all matches, also those inside others");
  command.option("--color", flags.colour, "mark names, numbers and matches")
      .type_name("auto|always|never")
      .shows_default()
      .one_of({"auto", "always", "never"});

  command.option("--executor", scan.executor, "what searches")
      .shows_default()
      .one_of({"auto", "cpu", "cuda"});
  add_workers(command, scan.workers);
  command.option("--chunk", scan.chunk_bytes, "bytes that are searched at once")
      .type_name("BYTES")
      .shows_default()
      .check(bytes());
  const Option report = add_report_file(command, flags.report.file);
  add_labels(command, report, flags.report.labels);
  add_report_files(command, report, flags.report.by_file);
  add_report_every(command, report, flags.report.every);
  add_timeline(command, scan.timeline);
}

Outcome run(Shell& shell, Flags& flags) {
  VYRE_TRY(settle(flags));
  VYRE_TRY(check(shell, flags));
  const ScanOptions& options = flags.scan;
  Claims claims;
  for (const std::string& path : options.paths)
    claims.reads(path, message("what is searched, '{}'", shown(path)));
  for (const std::string& path : options.word_files) claims.reads(path, "a list of words");
  if (!options.paths_from.empty()) claims.reads(options.paths_from, "the list of paths");
  using Written = std::pair<const char*, const std::string*>;
  for (const auto& [flag, file] :
       {Written{"--report", &flags.report.file}, Written{"--timeline", &options.timeline}}) {
    if (file->empty()) continue;
    if (platform::names_standard_output(*file)) {
      return fail(Errc::invalid_argument,
                  message("{} - and the matches both want standard output; name a file", flag));
    }
    VYRE_TRY(claims.writes(*file, flag));
  }
  return scan(shell, options, flags.report);
}

}  // namespace

void add_scan(CommandLine& line) {
  auto flags = std::make_shared<Flags>();
  const Command command = line.command("scan", "look for many words in files");
  command.frees_h();
  add_flags(command, *flags);
  command.does([flags](Shell& shell) -> Outcome {
    const Outcome outcome = [&]() -> Outcome {
      try {
        return run(shell, *flags);
      } catch (const std::bad_alloc&) {
        return fail(Errc::out_of_memory, "the host has no memory left for this search");
      }
    }();
    if (outcome || platform::stop_asked()) return outcome;
    tell_error(shell, outcome.error(), shell.name);
    return kScanFailed;
  });
}

}  // namespace vyre::cli
