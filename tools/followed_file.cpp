#include "followed_file.hpp"

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/message.hpp"
#include "platform/descriptor.hpp"
#include "platform/file.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {
namespace {

using std::chrono::milliseconds;

/// How often the file is looked at while nothing comes.
constexpr milliseconds kLookEvery{50};
constexpr milliseconds kWait{100};

/// A signal ends it.
void rest(milliseconds time) {
  (void)::poll(nullptr, 0, static_cast<int>(time.count()));
}

class GrowingInput final : public InputBytes {
 public:
  GrowingInput(platform::Descriptor from, const std::string& path, FollowedFile::Last& read)
      : from_(std::move(from)), path_(path), read_(read) {}

  Result<std::size_t> read(MutableByteSpan out) override {
    while (!ready(kWait)) {
      if (platform::stop_asked()) return platform::interrupted();
    }
    if (read_.over) return std::size_t{0};
    auto n = platform::read_some(from_, out, platform::input_name(path_));
    if (n) read_.position += static_cast<off_t>(*n);
    return n;
  }

  bool ready(milliseconds timeout) override {
    for (milliseconds left = timeout;; left -= kLookEvery) {
      if (read_.over || grown()) return true;
      read_.over = cut() || replaced();
      if (read_.over) return true;
      if (left <= milliseconds(0) || platform::stop_asked()) return false;
      rest(std::min(left, kLookEvery));
    }
  }

 private:
  bool grown() {
    struct stat now {};
    return ::fstat(from_.get(), &now) == 0 && now.st_size > read_.position;
  }
  bool cut() {
    struct stat now {};
    return ::fstat(from_.get(), &now) == 0 && now.st_size < read_.position;
  }
  /// Another file has its name, and it was read to its end.
  bool replaced() {
    struct stat named {};
    return ::stat(path_.c_str(), &named) == 0 && !read_.is(named) && !grown();
  }

  platform::Descriptor from_;
  const std::string& path_;
  FollowedFile::Last& read_;
};

}  // namespace

Result<std::unique_ptr<InputBytes>> FollowedFile::next() {
  for (;; rest(kLookEvery)) {
    if (platform::stop_asked()) return platform::interrupted();
    auto opened = platform::open_input(path_);
    if (!opened && (!last_ || opened.error().detail != ENOENT))
      return tl::unexpected<Error>(std::move(opened).error());
    if (!opened) continue;
    struct stat status {};
    if (::fstat(opened->get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      return fail(Errc::invalid_argument, message("{} is no regular file, which --follow needs",
                                                  platform::input_name(path_)));
    }
    // Its reader may have had enough of it before it was over.
    if (last_ && !last_->over && last_->is(status) && status.st_size >= last_->position) continue;
    last_ = Last{status.st_dev, status.st_ino};
    return std::make_unique<GrowingInput>(std::move(*opened), path_, *last_);
  }
}

}  // namespace vyre::cli
