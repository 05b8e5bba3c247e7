// What a session is opened with and over: options, test hooks, its number, and what was found out
// about the device. Host only.
//
// Lock: none. Nothing changes after the session has been opened.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/message.hpp"
#include "batch.hpp"
#include "platform/host_info.hpp"
#include "report/report.hpp"
#include "report/timeline.hpp"
#include "runtime/session.hpp"
#include "testing.hpp"

namespace vyre::runtime {

struct SessionSetup {
  SessionOptions options;
  TestHooks hooks;
  std::uint32_t number{0};  // of this session in this process, from 1
  Deadline opened{};
  std::string id;
  std::string started_at;
  platform::ProcessUse used_before;
  std::shared_ptr<report::Timeline> timeline;  // null: none is wanted
  MegakernelCaps caps;
  bool on_device{false};
  std::optional<std::string> device;

  [[nodiscard]] Error no_such_queue(std::uint32_t queue) const {
    return {Errc::invalid_argument,
            message("queue {} does not exist: this session has {}, numbered from 0", queue,
                    options.queues)};
  }
  /// A batch belongs to the session that opened it.
  [[nodiscard]] Status owns(const Batch& batch) const {
    if (batch.session() == number) return {};
    return fail(Errc::invalid_argument,
                message("the batch belongs to session {}, and this is session "
                        "{}; ask the one that opened it",
                        batch.session(), number));
  }
  [[nodiscard]] std::int64_t since_open_ns() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - opened).count();
  }
};

}  // namespace vyre::runtime
