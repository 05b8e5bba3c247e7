// The report file of a run that says more than once how far the run is (--report-every): a snapshot
// on each line, and the report on the last one. A thread of its own writes them, the only one of
// the command, so that a run which waits for an item is told of, too. Spec: docs/report-tools.md,
// "While a run lasts".
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "library.hpp"
#include "platform/descriptor.hpp"

namespace vyre::cli {

class LiveReport {
 public:
  /// The report so far; any thread. An error: there is none at this moment.
  using Report = std::function<Result<std::string>()>;

  /// Lines are put behind those that the file has. "-" is standard output.
  [[nodiscard]] static Result<std::unique_ptr<LiveReport>> begin(const std::string& path,
                                                                 std::chrono::nanoseconds every,
                                                                 Report report);
  ~LiveReport();
  LiveReport(const LiveReport&) = delete;
  LiveReport& operator=(const LiveReport&) = delete;

  /// No snapshot comes from here on.
  void stop();
  /// After the run, with its report on one line. An error also says what became of the snapshots.
  [[nodiscard]] Status end(const std::string& report);

 private:
  LiveReport(std::string path, platform::Descriptor file, std::chrono::nanoseconds every,
             Report report);
  void work();
  [[nodiscard]] Status add(const std::string& report);
  [[nodiscard]] Status write(std::string line);

  const std::string name_;  // for messages
  const platform::Descriptor file_;
  const std::chrono::nanoseconds every_;
  const Report report_;
  std::string before_;  // the report of the last snapshot; empty: none yet
  Status written_;
  std::mutex mutex_;  // guards stopping_
  std::condition_variable changed_;
  bool stopping_{false};
  std::thread thread_;  // last: it uses the others
};

}  // namespace vyre::cli
