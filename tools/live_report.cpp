#include "live_report.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "base/message.hpp"
#include "platform/file.hpp"

namespace vyre::cli {
Result<std::unique_ptr<LiveReport>> LiveReport::begin(const std::string& path,
                                                      std::chrono::nanoseconds every,
                                                      Report report) {
  platform::Descriptor file = platform::Descriptor::borrowed(STDOUT_FILENO);
  bool cut = false;
  if (!platform::names_standard_output(path)) {
    const auto last = platform::last_byte(path);
    cut = last && last->value_or('\n') != '\n';  // by a crash: it must not swallow the next line
    file =
        platform::Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    if (!file) {
      const int error = errno;
      return tl::unexpected<Error>(
          Error{Errc::io, message("cannot open '{}' for --report: {}", path, std::strerror(error)),
                kNoOffset, 0, 0, error});
    }
  }
  std::unique_ptr<LiveReport> live(new LiveReport(path, std::move(file), every, std::move(report)));
  if (cut) VYRE_TRY(live->write(""));
  live->thread_ = std::thread([raw = live.get()] { raw->work(); });
  return live;
}

LiveReport::LiveReport(std::string path, platform::Descriptor file, std::chrono::nanoseconds every,
                       Report report)
    : name_(message("to '{}'", path)),
      file_(std::move(file)),
      every_(every),
      report_(std::move(report)) {}

LiveReport::~LiveReport() {
  stop();
}

void LiveReport::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LiveReport::work() {
  auto due = std::chrono::steady_clock::now() + every_;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_until(lock, due, [this] { return stopping_; }) && written_) {
    lock.unlock();
    try {
      if (const auto report = report_()) written_ = add(*report);
    } catch (const std::bad_alloc&) {
      // The next one may find memory.
    }
    due += every_;
    lock.lock();
  }
}

Status LiveReport::add(const std::string& report) {
  VYRE_ASSIGN(const v0::Blob line, taken(v0::snapshot_of_reports(before_, report)));
  VYRE_TRY(write(std::string(line.text())));
  before_ = report;
  return {};
}

Status LiveReport::write(std::string line) {
  line += '\n';
  return platform::write_all(file_, as_bytes(line), name_);
}

Status LiveReport::end(const std::string& report) {
  stop();
  VYRE_TRY(std::move(written_));
  VYRE_TRY(add(report));
  return write(report);
}

}  // namespace vyre::cli
