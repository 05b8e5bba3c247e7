// The session object: the runtime's session with what the C ABI adds to it, and the checks that
// begin every call. Host only; any thread. Its holders are the caller's references, and queues,
// batches, streams and recorders.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/message.hpp"
#include "guard.hpp"
#include "handle_table.hpp"
#include "object.hpp"
#include "op_list.hpp"
#include "queue_numbers.hpp"
#include "runtime/forks.hpp"
#include "runtime/session.hpp"
#include "session_tags.hpp"
#include "vyre/vyre.h"

struct vyre_session {
  vyre_session(vyre::runtime::Session opened, std::uint32_t own_tag, vyre_ns timeout);
  vyre_session(const vyre_session&) = delete;
  vyre_session& operator=(const vyre_session&) = delete;
  ~vyre_session();

  vyre::abi::Counted counted;
  const std::uint32_t tag;
  const std::uint32_t forks_at_open;
  const vyre_ns default_timeout;
  const std::string backend;  // of vyre_caps
  const std::string why_not_device;
  const std::string device_name;
  vyre::abi::HandleTable handles;
  vyre::abi::OpList ops;
  vyre::abi::QueueNumbers queues;
  vyre::runtime::Session engine;  // ends first: it closes

  /// This process is a child of the one that opened it: the session's threads are missing.
  [[nodiscard]] bool forked() const noexcept { return forks_at_open != vyre::runtime::forks(); }
  /// Of a call that begins now.
  [[nodiscard]] vyre::Deadline deadline(vyre_ns timeout) const noexcept;
};

namespace vyre::abi {

using SessionReference = Reference<vyre_session, vyre_session_free>;

/// Whether a call may go on: the object is there, and this process opened it.
[[nodiscard]] inline Status usable(const vyre_session* session) {
  VYRE_TRY(given(session, "session"));
  if (!session->forked()) return {};
  return fail(Errc::closed, message("session {} was opened before this process was forked, and its "
                                    "threads are in the parent; open a session in this process",
                                    session->tag));
}

/// A relative timeout of a call without a session; negative: kTimeoutWithoutSession.
inline constexpr vyre_ns kDefaultTimeout{30'000'000'000};
[[nodiscard]] Deadline deadline_after(vyre_ns timeout, vyre_ns otherwise) noexcept;

/// The runtime's op number; invalid_argument for another session's op or none.
[[nodiscard]] Result<std::uint32_t> op_number(const vyre_session& session, vyre_op op);

}  // namespace vyre::abi
