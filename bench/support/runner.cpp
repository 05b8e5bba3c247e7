#include "support/runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <thread>

#include "support/statistics.hpp"

namespace vyre::bench {
namespace {

struct Arguments {
  std::vector<std::string> only;
  std::string out;
  std::string section;  // of a child
  int rows{1};          // of a child: where its rows go
  int limit_seconds{30};
  std::vector<std::string> passed_on;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool parse(const BenchPlan& plan, int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word.find('=') == std::string::npos && i + 1 < argc && argv[i + 1][0] != '-')
      word += std::string("=") + argv[++i];
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (name == "--only") {
      arguments.only = split(value);
    } else if (name == "--out") {
      arguments.out = value;
    } else if (name == "--section") {
      arguments.section = value;
    } else if (name == "--rows") {
      arguments.rows = std::atoi(value.c_str());
    } else if (name == "--limit") {
      arguments.limit_seconds = std::max(1, std::atoi(value.c_str()));
    } else if (plan.argument && plan.argument(name, value)) {
      arguments.passed_on.push_back(word);
    } else {
      std::fprintf(stderr, "%s is no argument of %s; the first lines of its source say which are\n",
                   word.c_str(), plan.program.c_str());
      return false;
    }
  }
  return true;
}

/// The child: one section, its rows to the parent.
int run_section(const BenchPlan& plan, const Arguments& arguments) {
  ::alarm(static_cast<unsigned>(arguments.limit_seconds) + 5);  // should the parent be gone
  const RowSink sink(arguments.rows);
  if (plan.describe) plan.describe(sink);
  for (const BenchSection& section : plan.sections()) {
    if (section.name != arguments.section) continue;
    const Status done = section.run(sink);
    if (done) return 0;
    std::fprintf(stderr, "%s: %s\n", arguments.section.c_str(), to_string(done.error()).c_str());
    return 1;
  }
  return 2;
}

Row lost_row(const std::string& section, const std::string& why) {
  Row row;
  row.section = section;
  row.name = "ended_early";
  row.ours = Number("", Result<double>(fail(Errc::deadline_exceeded, why)));
  return row;
}

/// What a child did with its arguments: never returns.
[[noreturn]] void become_child(const BenchPlan& plan, const Arguments& arguments,
                               const std::string& section, int rows) {
  constexpr int kRows{3};
  if (rows == kRows) {
    ::fcntl(kRows, F_SETFD, 0);
  } else {
    ::dup2(rows, kRows);  // without the close-on-exec flag
  }
  std::vector<std::string> words{plan.program, "--section=" + section,
                                 "--rows=" + std::to_string(kRows),
                                 "--limit=" + std::to_string(arguments.limit_seconds)};
  words.insert(words.end(), arguments.passed_on.begin(), arguments.passed_on.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv("/proc/self/exe", argv.data());
  ::_exit(127);
}

/// Starts a child and gathers its lines until it ends or its time is up. False: it did not end
/// well.
bool gather(const BenchPlan& plan, const std::string& section, const Arguments& arguments,
            std::vector<std::string>& lines) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  const pid_t child = ::fork();
  if (child == 0) become_child(plan, arguments, section, ends[1]);
  ::close(ends[1]);
  std::string text;
  const auto start = Clock::now();
  bool late = child < 0;
  while (!late) {
    const double left = arguments.limit_seconds - seconds_since(start);
    pollfd waiting{ends[0], POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left * 1e3) + 1) == 0) {
      late = true;
      break;
    }
    char part[4096];
    const ssize_t n = ::read(ends[0], part, sizeof part);
    if (n <= 0) break;
    text.append(part, static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  // The rows are complete; the child still has to tear down, within the same limit.
  int status = 0;
  pid_t ended = 0;
  while (child > 0 && (ended = ::waitpid(child, &status, WNOHANG)) == 0) {
    late |= seconds_since(start) > arguments.limit_seconds;
    if (late) ::kill(child, SIGKILL);
    if (seconds_since(start) > arguments.limit_seconds + 10) break;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  const bool well = ended == child && !late && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!well) {
    const std::string why = late ? "killed after " + std::to_string(arguments.limit_seconds) + " s"
                            : ended == child && WIFSIGNALED(status)
                                ? "ended by signal " + std::to_string(WTERMSIG(status))
                                : "failed; its standard error says why";
    lines.push_back(to_line(lost_row(section, why)));
  }
  std::fprintf(stderr, "%s: %s after %.1f s\n", section.c_str(), well ? "done" : "ended early",
               seconds_since(start));
  return well;
}

/// Names of the sections to run; nullopt: one was asked for that there is not.
std::optional<std::vector<std::string>> wanted_of(const BenchPlan& plan,
                                                  const Arguments& arguments) {
  const std::vector<BenchSection> sections = plan.sections();
  std::vector<std::string> names;
  for (const BenchSection& section : sections) {
    const auto is_it = [&](const std::string& word) {
      return word == section.letter || word == section.name;
    };
    if (arguments.only.empty() || std::any_of(arguments.only.begin(), arguments.only.end(), is_it))
      names.push_back(section.name);
  }
  for (const std::string& word : arguments.only) {
    const bool known = std::any_of(sections.begin(), sections.end(), [&](const BenchSection& s) {
      return word == s.letter || word == s.name;
    });
    if (known) continue;
    std::fprintf(stderr, "there is no section '%s'\n", word.c_str());
    return std::nullopt;
  }
  return names;
}

int run_all(const BenchPlan& plan, Arguments arguments) {
  const auto names = wanted_of(plan, arguments);
  if (!names) return 2;
  std::vector<std::string> lines;
  auto facts = host_facts();
  if (plan.facts) {
    for (auto& fact : plan.facts()) facts.push_back(std::move(fact));
  }
  bool well = true;
  if (plan.prepare) {
    const auto start = Clock::now();
    auto more = plan.prepare(*names);
    std::fprintf(stderr, "prepared in %.1f s\n", seconds_since(start));
    well = more.has_value();
    if (well) {
      arguments.passed_on.insert(arguments.passed_on.end(), more->begin(), more->end());
    } else {
      std::fprintf(stderr, "%s: %s\n", plan.program.c_str(), to_string(more.error()).c_str());
    }
  }
  if (well) {
    for (const std::string& name : *names) well &= gather(plan, name, arguments, lines);
  }
  if (plan.clean_up) plan.clean_up();
  if (!arguments.out.empty()) {
    std::ofstream file(arguments.out);
    file << to_document(lines, facts);
    if (!file.flush()) {
      std::fprintf(stderr, "cannot write %s\n", arguments.out.c_str());
      well = false;
    }
  }
  std::fputs(to_table(lines).c_str(), stdout);
  return well ? 0 : 1;
}

}  // namespace

int run_bench(const BenchPlan& plan, int argc, char** argv) {
  Arguments arguments;
  arguments.limit_seconds = plan.limit_seconds;
  if (!parse(plan, argc, argv, arguments)) return 2;
  return arguments.section.empty() ? run_all(plan, std::move(arguments))
                                   : run_section(plan, arguments);
}

}  // namespace vyre::bench
