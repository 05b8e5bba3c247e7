// Runs a program as a process and collects what it says. Test code; bounded by a deadline.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace vyre::test {

using Strings = std::vector<std::string>;
inline Strings operator+(Strings a, const Strings& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline const std::string kExamples = VYRE_SOURCE_DIR "/docs/examples/";
inline const std::string kLines = kExamples + "line_count.vir";

struct Ran {
  int exit_code{-1};  // 128 + signal if it was killed
  std::string out;
  std::string err;
};

struct Input {
  std::string text;               // standard input
  const char* out_path{nullptr};  // standard output goes here instead of into Ran::out
};

/// `argv[0]` is looked up in PATH. Kills the process after 60 s.
Ran run_process(const std::vector<std::string>& argv, const Input& input = {});
/// The built `vyre` with these arguments.
Ran vyre(std::vector<std::string> arguments, const Input& input = {});

/// A shell command in which $VYRE is the built `vyre`, run in `folder`.
Ran shell(const std::string& folder, const std::string& command, const Input& input = {});

/// The built `vyre` in the background, with these descriptors (-1: /dev/null).
class Child {
 public:
  Child(std::vector<std::string> arguments, int in, int out, int err);
  ~Child();  // kills it if it has not ended
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  void signal(int number) const;
  /// False: it ended first, or a minute passed.
  [[nodiscard]] bool wait_until(const std::function<bool()>& condition);
  /// Until its main thread rests, or has worked for so long that it is past its beginning.
  void settle();
  /// Waits for its end, at most a minute. 128 + signal if it was killed.
  int exit_code();

 private:
  [[nodiscard]] bool ended();
  pid_t pid_;
  bool ended_{false};
  int status_{0};
};

/// A folder of its own for one test, removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& bytes) const;  // returns the path
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::vector<std::string> names() const;  // of what is in it, sorted

 private:
  std::string path_;
};

std::string read_all(const std::string& path);
/// `n` bytes that look like text with lines, the same for the same seed.
std::string some_text(std::size_t n, unsigned seed);

}  // namespace vyre::test
