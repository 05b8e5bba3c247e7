// From the items of the C ABI to the runtime's. Inline: every item of a submit passes here. Host
// only; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/message.hpp"
#include "numbers.hpp"
#include "op_list.hpp"
#include "protocol/work_item.hpp"
#include "session.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {

/// The runtime's number of a buffer, or 0 for none; false if it is no live one of the session.
[[nodiscard]] inline bool find_number(const vyre_session& session, vyre_buffer buffer,
                                      std::uint32_t& number) noexcept {
  number = buffer == 0 ? 0 : session.handles.item_number(buffer);
  return buffer == 0 || number != 0;
}

/// False if a handle of the item is none that it may name; why_refused() says which.
[[nodiscard]] inline bool convert(const vyre_session& session, const vyre_item& item,
                                  MegakernelWorkItem& made) noexcept {
  const Number op = Number::of(item.op);
  made.op_handle = op.index;
  made.param = item.param;
  return names(item.op, Kind::op, session.tag) && op.generation == kOnlyGeneration &&
         find_number(session, item.input, made.input_handle) &&
         find_number(session, item.output, made.output_handle);
}

[[nodiscard]] inline Error why_refused(const vyre_session& session, const vyre_item& item) {
  if (auto op = op_number(session, item.op); !op) return std::move(op).error();
  for (const bool input : {true, false}) {
    const vyre_buffer buffer = input ? item.input : item.output;
    if (buffer == 0) continue;
    auto handle = session.handles.find(buffer);
    if (handle) continue;
    Error error = std::move(handle).error();
    error.message = message("its {}: {}", input ? "input" : "output", error.message);
    return error;
  }
  return {Errc::internal, "it was refused for no reason; please report it"};
}

/// Why an item was refused, with its place in the call.
[[nodiscard]] inline Error at_item(Error error, std::size_t index) {
  error.message = message("item {}: {}", index, error.message);
  return error;
}

[[nodiscard]] inline Status known_flags(std::uint32_t flags, std::size_t index) {
  if ((flags & ~std::uint32_t{VYRE_AFTER_PREVIOUS | VYRE_AFTER_ALL}) == 0) return {};
  return tl::unexpected<Error>(at_item(
      {Errc::invalid_argument, message("flags {} are not all known: VYRE_AFTER_PREVIOUS and "
                                       "VYRE_AFTER_ALL are",
                                       flags)},
      index));
}

}  // namespace vyre::abi
