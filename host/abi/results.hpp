// From the runtime's tickets and results to those of the C ABI and back. Host only; any thread.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "runtime/session.hpp"
#include "session.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {

[[nodiscard]] inline vyre_ticket ticket_for(const vyre_session& session, std::uint32_t queue,
                                            std::uint64_t position,
                                            std::uint32_t member = 0) noexcept {
  return {Number{session.tag, Kind::queue, kOnlyGeneration + member, queue}.bits(), position};
}
/// invalid_argument for another session's ticket or none.
[[nodiscard]] Result<runtime::Ticket> ticket_of(const vyre_session& session,
                                                const vyre_ticket& ticket);
[[nodiscard]] vyre_result result_for(const vyre_session& session,
                                     const runtime::ItemResult& result) noexcept;
/// Writes the i-th of results that lie `stride` bytes apart; a shorter stride cuts it.
void write_result(void* results, std::size_t stride, std::size_t i,
                  const vyre_result& result) noexcept;
/// The stride itself, or `otherwise` for 0; invalid_argument for one that no structure has.
[[nodiscard]] Result<std::size_t> checked_stride(std::size_t stride, std::size_t otherwise);

}  // namespace vyre::abi
