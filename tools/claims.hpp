// Whether the files and streams that a command names can all have what they are named for: asked
// before anything runs, because an output written over an input cannot be taken back. Spec:
// docs/cli.md, "Output files".
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "library.hpp"
#include "run_plan.hpp"
#include "shell.hpp"

namespace vyre::cli {

/// The regular files of one command by what they are, whatever name they go by: links of both
/// kinds, descriptors, names that nothing is at yet. Devices and pipes may be named often.
class Claims {
 public:
  /// A file that is read. `as` is for messages: "the program 'x'". "-" is standard input.
  void reads(const std::string& path, const std::string& as);
  /// What the text of a program includes.
  void reads_includes_of(const v0::Program& program);
  /// Refuses an output over what is read and over another output. "-" is standard output.
  [[nodiscard]] Status writes(const std::string& path, const std::string& flag);
  /// Refuses an input, or an output so far, that has a name in this directory already.
  [[nodiscard]] Status may_fill(const std::string& directory, const std::string& flag) const;

 private:
  [[nodiscard]] std::string identity(const std::string& path, int stream) const;

  // Of thousands of outputs, most go to one folder.
  mutable std::string folder_;
  mutable std::string folder_canonical_;
  mutable bool folder_exists_{false};
  std::unordered_map<std::string, std::string> taken_;
};

// Where standard output is an input, these also take --json away: not even the error belongs there.

/// For commands that read one program and give out one file.
[[nodiscard]] Status check_conversion(Shell& shell, const std::string& program,
                                      const std::string& output);
/// The same once the program is read: the output may be no file that it includes.
[[nodiscard]] Status check_includes(const v0::Program& program, const std::string& output,
                                    const std::string& flag);
/// For commands that only print what they make of files.
[[nodiscard]] Status check_printing(Shell& shell, const std::vector<std::string>& inputs);

/// Of run and record. Standard input is one reader's, standard output one writer's: asked before
/// the program is read.
[[nodiscard]] Status check_streams(const Shell& shell, const RunOptions& options);
/// Of run and record. No output may be an input, another output or a part of the trace. `program`:
/// null for a built-in op. `stored`: where the outputs of the items go; none: to standard output.
[[nodiscard]] Status check_paths(Shell& shell, const RunOptions& options,
                                 const v0::Program* program,
                                 const std::vector<std::string>& stored);
/// Of replay.
[[nodiscard]] Status check_replay(Shell& shell, const std::string& trace, const std::string& report,
                                  const std::string& timeline);

}  // namespace vyre::cli
