// The resident kernel beside its baselines:
//   megakernel_bench [--only=a,c,native] [--out=FILE] [--limit=30] [--backend=cpu] [--quick]
// Runs each section in a child process (--section, --rows are for those), kills one that takes
// longer than the limit in seconds, writes all rows as JSON and prints a short table last. Exit
// code 1: a section failed or was killed. Spec: docs/benchmarking.md.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "megakernel/sections.hpp"
#include "support/device.hpp"
#include "support/statistics.hpp"

namespace vyre::bench {
namespace {

struct Arguments {
  Settings settings;
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

/// False: an argument that we do not know.
bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
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
    } else if (word == "--backend=cpu" || word == "--backend=cuda") {
      arguments.settings.cpu = value == "cpu";
      arguments.passed_on.push_back(word);
    } else if (word == "--quick") {
      arguments.settings.quick = true;
      arguments.passed_on.push_back(word);
    } else {
      std::fprintf(stderr, "%s is no argument of this bench; its first lines say which are\n",
                   word.c_str());
      return false;
    }
  }
  for (const std::string& wanted : arguments.only) {
    bool known = false;
    for (const Section& section : kSections)
      known |= wanted == section.letter || wanted == section.name;
    if (!known) {
      std::fprintf(stderr, "there is no section '%s'\n", wanted.c_str());
      return false;
    }
  }
  return true;
}

/// The child: one section, its rows to the parent.
int run_section(const Arguments& arguments) {
  ::alarm(static_cast<unsigned>(arguments.limit_seconds) + 5);  // should the parent be gone
  const RowSink sink(arguments.rows);
  if (const auto names = device_names()) {
    sink.fact("device", names->device);
    sink.fact("driver_cuda", names->driver);
  }
  for (const Section& section : kSections) {
    if (section.name != arguments.section) continue;
    const Status done = section.run(arguments.settings, sink);
    if (done) return 0;
    std::fprintf(stderr, "%s: %s\n", arguments.section.c_str(), to_string(done.error()).c_str());
    return 1;
  }
  return 2;
}

Row lost_row(const Section& section, const std::string& why) {
  Row row;
  row.section = std::string(section.name);
  row.name = "ended_early";
  row.ours = Number("", Result<double>(fail(Errc::deadline_exceeded, why)));
  return row;
}

/// Starts a child and gathers its lines until it ends or its time is up. False: it did not end
/// well.
bool gather(const Section& section, const Arguments& arguments, std::vector<std::string>& lines) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  const std::string limit = std::to_string(arguments.limit_seconds);
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr int kRows{3};
    if (ends[1] == kRows) {
      ::fcntl(kRows, F_SETFD, 0);
    } else {
      ::dup2(ends[1], kRows);  // without the close-on-exec flag
    }
    std::vector<std::string> words{"megakernel_bench", "--section=" + std::string(section.name),
                                   "--rows=" + std::to_string(kRows), "--limit=" + limit};
    words.insert(words.end(), arguments.passed_on.begin(), arguments.passed_on.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv("/proc/self/exe", argv.data());
    ::_exit(127);
  }
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
    const std::string why = late ? "killed after " + limit + " s"
                            : ended == child && WIFSIGNALED(status)
                                ? "ended by signal " + std::to_string(WTERMSIG(status))
                                : "failed; its standard error says why";
    lines.push_back(to_line(lost_row(section, why)));
  }
  std::fprintf(stderr, "%s: %s after %.1f s\n", std::string(section.name).c_str(),
               well ? "done" : "ended early", seconds_since(start));
  return well;
}

int run_all(const Arguments& arguments) {
  std::vector<std::string> lines;
  auto facts = host_facts();
  facts.emplace_back("backend", arguments.settings.cpu ? "cpu" : "cuda");
  if (arguments.settings.quick) facts.emplace_back("quick", "yes: no number here is a claim");
  bool well = true;
  for (const Section& section : kSections) {
    bool wanted = arguments.only.empty();
    for (const std::string& name : arguments.only)
      wanted |= name == section.letter || name == section.name;
    if (wanted) well &= gather(section, arguments, lines);
  }
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
}  // namespace vyre::bench

int main(int argc, char** argv) {
  // A kernel that is loaded when it is first launched would wait for the resident one for ever.
  ::setenv("CUDA_MODULE_LOADING", "EAGER", 1);
  vyre::bench::Arguments arguments;
  if (!vyre::bench::parse(argc, argv, arguments)) return 2;
  return arguments.section.empty() ? vyre::bench::run_all(arguments)
                                   : vyre::bench::run_section(arguments);
}
