// From the handles of the C ABI to the runtime's and back. Host only; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "runtime/session.hpp"
#include "session.hpp"

namespace vyre::abi {

[[nodiscard]] Result<std::vector<runtime::Handle>> handles_of(const vyre_session& session,
                                                              const vyre_buffer* buffers,
                                                              std::size_t count);
/// The same for as many as a binding set holds at most.
[[nodiscard]] Result<std::vector<runtime::Handle>> members_of(const vyre_session& session,
                                                              const vyre_buffer* buffers,
                                                              std::size_t count);
/// The handle for the caller; from now on items may name it. Where there is no room for it, the
/// buffer is retired.
[[nodiscard]] Result<vyre_buffer> give_out(vyre_session& session, const runtime::Handle& handle);

}  // namespace vyre::abi
