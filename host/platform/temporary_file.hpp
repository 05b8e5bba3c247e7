// A file under a temporary name, which becomes a file under its own name or goes. Private to this
// room: output.hpp and record_file.hpp have the doors. Spec: docs/cli.md, "Output files".
#pragma once

#include <sys/stat.h>

#include <array>
#include <memory>
#include <string>

#include "platform/descriptor.hpp"
#include "platform/stop.hpp"

namespace vyre::platform {

/// "." where the path has no folder.
[[nodiscard]] std::string folder_of(const std::string& path);

/// Its name is `.vyre-...`, at most 20 bytes long and so never longer than the name that it stands
/// for may be. What is not renamed is removed with this object, and by a second stop signal.
class TemporaryFile {
 public:
  /// In `folder`, an open directory that outlives this. `mode` goes through the process umask.
  /// `beside` is for messages.
  [[nodiscard]] static Result<std::unique_ptr<TemporaryFile>> create(int folder, mode_t mode,
                                                                     const std::string& beside);
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();

  [[nodiscard]] Descriptor& file() noexcept { return file_; }
  /// `name` is one in the folder, `path` for messages. Once.
  [[nodiscard]] Status rename_to(const std::string& name, const std::string& path);

 private:
  using Name = std::array<char, 24>;
  TemporaryFile(int folder, const Name& name, Descriptor file);

  int folder_;
  Name name_;
  Descriptor file_;
  bool renamed_{false};
  DoomedFile doomed_;  // of name_
};

}  // namespace vyre::platform
