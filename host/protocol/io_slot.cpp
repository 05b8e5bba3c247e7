// The codec of the upstream project's I/O slots. docs/internals/ingest-requests.md, "Upstream's
// slots".
#include "io_slot.hpp"

namespace vyre {
namespace {

enum Word : std::size_t {
  kOp,
  kSource,
  kDestination,
  kOffsetLow,
  kOffsetHigh,
  kBytes,
  kStatus,
  kTag
};

}  // namespace

IoSlotWords encode_io_slot(const IoSlot& slot) noexcept {
  IoSlotWords words{};
  words[kOp] = static_cast<std::uint32_t>(slot.op);
  words[kSource] = slot.source;
  words[kDestination] = slot.destination;
  words[kOffsetLow] = static_cast<std::uint32_t>(slot.offset);
  words[kOffsetHigh] = static_cast<std::uint32_t>(slot.offset >> 32);
  words[kBytes] = slot.bytes;
  words[kStatus] = static_cast<std::uint32_t>(slot.status);
  words[kTag] = slot.tag;
  return words;
}

Result<IoSlot> decode_io_slot(const IoSlotWords& words) {
  IoSlot slot;
  switch (static_cast<IoSlotOp>(words[kOp])) {
    case IoSlotOp::read:
    case IoSlotOp::write:
    case IoSlotOp::fence:
      slot.op = static_cast<IoSlotOp>(words[kOp]);
      break;
    default:
      return fail(Errc::malformed,
                  "word 0 (op) of an I/O slot is " + std::to_string(words[kOp]) +
                      ": only 1 (read), 2 (write) and 3 (fence) are known",
                  kOp * sizeof(std::uint32_t));
  }
  switch (static_cast<IoSlotStatus>(words[kStatus])) {
    case IoSlotStatus::pending:
    case IoSlotStatus::ok:
    case IoSlotStatus::error:
      slot.status = static_cast<IoSlotStatus>(words[kStatus]);
      break;
    default:
      return fail(Errc::malformed,
                  "word 6 (status) of an I/O slot is " + std::to_string(words[kStatus]) +
                      ": only 0 (pending), 16 (ok) and 17 (error) are known",
                  kStatus * sizeof(std::uint32_t));
  }
  slot.source = words[kSource];
  slot.destination = words[kDestination];
  slot.offset = std::uint64_t{words[kOffsetHigh]} << 32 | words[kOffsetLow];
  slot.bytes = words[kBytes];
  slot.tag = words[kTag];
  return slot;
}

}  // namespace vyre
