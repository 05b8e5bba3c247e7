// Making, renaming and removing a temporary file. See the header.
#include "temporary_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <utility>

#include "platform/os_error.hpp"

namespace vyre::platform {
namespace {

constexpr int kTemporaryTries{64};  // other processes may take a name first

}  // namespace

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

TemporaryFile::TemporaryFile(int folder, const Name& name, Descriptor file)
    : folder_(folder), name_(name), file_(std::move(file)), doomed_(folder, name_.data()) {}

Result<std::unique_ptr<TemporaryFile>> TemporaryFile::create(int folder, mode_t mode,
                                                             const std::string& beside) {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  for (int tries = 0;; ++tries) {
    Name name{};
    std::snprintf(name.data(), name.size(), ".vyre-%013llx",
                  static_cast<unsigned long long>(random() >> 12));
    Descriptor file(::openat(folder, name.data(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (file)
      return std::unique_ptr<TemporaryFile>(new TemporaryFile(folder, name, std::move(file)));
    if (errno != EEXIST || tries == kTemporaryTries)
      return os_error("cannot create a temporary file beside", beside, errno);
  }
}

TemporaryFile::~TemporaryFile() {
  if (!renamed_) (void)::unlinkat(folder_, name_.data(), 0);
}

Status TemporaryFile::rename_to(const std::string& name, const std::string& path) {
  if (::renameat(folder_, name_.data(), folder_, name.c_str()) != 0)
    return os_error("cannot rename to", path, errno);
  renamed_ = true;
  return {};
}

}  // namespace vyre::platform
