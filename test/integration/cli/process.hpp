// Runs a program as a process and collects what it says. Test code; bounded by a deadline.
#pragma once

#include <string>
#include <vector>

namespace vyre::test {

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

/// A folder of its own for one test, removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& bytes) const;  // returns the path

 private:
  std::string path_;
};

std::string read_all(const std::string& path);
/// `n` bytes that look like text with lines, the same for the same seed.
std::string some_text(std::size_t n, unsigned seed);

}  // namespace vyre::test
