#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace vyre::test {
namespace {

constexpr std::chrono::seconds kDeadline{60};

[[noreturn]] void become(const std::vector<std::string>& argv, int in, int out, int err) {
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_DFL);
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  ::execvp(pointers[0], pointers.data());
  ::_exit(127);
}

/// True while the pipe is open.
bool drain(int descriptor, std::string& into) {
  char block[1 << 16];
  const ssize_t n = ::read(descriptor, block, sizeof(block));
  if (n > 0) into.append(block, static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);
}

}  // namespace

Ran run_process(const std::vector<std::string>& argv, const Input& input) {
  Ran ran;
  const Folder folder;
  const int in = ::open(folder.write("stdin", input.text).c_str(), O_RDONLY | O_CLOEXEC);
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) return ran;
  const int direct = input.out_path != nullptr ? ::open(input.out_path, O_WRONLY | O_CLOEXEC) : -1;
  const pid_t child = ::fork();
  if (child == 0) become(argv, in, direct >= 0 ? direct : out[1], err[1]);
  ::close(in);
  ::close(out[1]);
  ::close(err[1]);
  if (direct >= 0) ::close(direct);
  bool out_open = true;
  bool err_open = true;
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (out_open || err_open) {
    if (std::chrono::steady_clock::now() > end) ::kill(child, SIGKILL);
    pollfd fds[2]{{out_open ? out[0] : -1, POLLIN, 0}, {err_open ? err[0] : -1, POLLIN, 0}};
    if (::poll(fds, 2, 1000) < 0 && errno != EINTR) break;
    if (fds[0].revents != 0) out_open = drain(out[0], ran.out);
    if (fds[1].revents != 0) err_open = drain(err[0], ran.err);
  }
  ::close(out[0]);
  ::close(err[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

Ran shell(const std::string& folder, const std::string& command, const Input& input) {
  return run_process({"bash", "-c", "VYRE=" VYRE_BINARY "; cd \"$1\"; " + command, "bash", folder},
                     input);
}

Child::Child(std::vector<std::string> arguments, int in, int out, int err) : pid_(-1) {
  arguments.insert(arguments.begin(), VYRE_BINARY);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  pid_ = ::fork();
  if (pid_ == 0) become(arguments, in < 0 ? null : in, out < 0 ? null : out, err < 0 ? null : err);
  ::close(null);
}

Child::~Child() {
  if (ended()) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
}

void Child::signal(int number) const {
  ::kill(pid_, number);
}

bool Child::ended() {
  if (!ended_) ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
  return ended_;
}

bool Child::wait_until(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (ended() || std::chrono::steady_clock::now() > end) return false;
    ::usleep(500);
  }
  return true;
}

void Child::settle() {
  constexpr int kLooks{4};
  constexpr unsigned long kManyTicks{25};
  int rested = 0;
  unsigned long before = ~0ul;
  (void)wait_until([&] {
    const std::string stat = read_all("/proc/" + std::to_string(pid_) + "/stat");
    // After the name in parentheses: state, ten numbers, ticks as user and as system.
    std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
    std::string state;
    fields >> state;
    unsigned long skipped = 0;
    unsigned long user = 0;
    unsigned long system = 0;
    for (int i = 0; i < 10; ++i) fields >> skipped;
    fields >> user >> system;
    rested = state == "S" && user + system == before ? rested + 1 : 0;
    before = user + system;
    if (rested < kLooks && before < kManyTicks) ::usleep(20'000);
    return rested >= kLooks || before >= kManyTicks;
  });
}

int Child::exit_code() {
  (void)wait_until([] { return false; });
  if (!ended()) return -1;
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

Ran vyre(std::vector<std::string> arguments, const Input& input) {
  arguments.insert(arguments.begin(), VYRE_BINARY);
  return run_process(arguments, input);
}

Folder::Folder() {
  path_ = (std::filesystem::temp_directory_path() / "vyre-test.XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) std::abort();
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::write(const std::string& name, const std::string& bytes) const {
  std::ofstream file(path(name), std::ios::binary);
  file << bytes;
  return path(name);
}

std::vector<std::string> Folder::names() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string some_text(std::size_t n, unsigned seed) {
  static constexpr char kLetters[] = "etaoin shrdlu\nneedle ,.-\xC3\xA4 0123456789";
  std::string text;
  std::uint64_t state = seed * 2654435761u + 1;
  while (text.size() < n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    if ((state >> 33) % 23 == 0) {
      text += "needle";
    } else {
      text.push_back(kLetters[(state >> 33) % (sizeof(kLetters) - 1)]);
    }
  }
  text.resize(n);
  return text;
}

}  // namespace vyre::test
