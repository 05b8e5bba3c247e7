// Error objects: how they are made, read and freed. See error.hpp.
#include "error.hpp"

#include <new>

namespace vyre::abi {
namespace {

/// The numbers of vyre.h are those of Errc, after that of success.
constexpr std::int32_t number_of(Errc code) noexcept {
  return static_cast<std::int32_t>(code) + 1;
}
static_assert(number_of(Errc::invalid_argument) == VYRE_INVALID_ARGUMENT);
static_assert(number_of(Errc::malformed) == VYRE_MALFORMED);
static_assert(number_of(Errc::version_mismatch) == VYRE_VERSION_MISMATCH);
static_assert(number_of(Errc::limit_exceeded) == VYRE_LIMIT_EXCEEDED);
static_assert(number_of(Errc::refused) == VYRE_REFUSED);
static_assert(number_of(Errc::unsupported) == VYRE_UNSUPPORTED);
static_assert(number_of(Errc::not_found) == VYRE_NOT_FOUND);
static_assert(number_of(Errc::io) == VYRE_IO);
static_assert(number_of(Errc::out_of_memory) == VYRE_OUT_OF_MEMORY);
static_assert(number_of(Errc::queue_full) == VYRE_QUEUE_FULL);
static_assert(number_of(Errc::deadline_exceeded) == VYRE_DEADLINE_EXCEEDED);
static_assert(number_of(Errc::closed) == VYRE_CLOSED);
static_assert(number_of(Errc::faulted) == VYRE_FAULTED);
static_assert(number_of(Errc::cancelled) == VYRE_CANCELLED);
static_assert(number_of(Errc::mismatch) == VYRE_MISMATCH);
static_assert(number_of(Errc::device_lost) == VYRE_DEVICE_LOST);
static_assert(number_of(Errc::internal) == VYRE_INTERNAL);
static_assert(number_of(Errc::wall_time) == VYRE_WALL_TIME);
static_assert(number_of(Errc::busy) == VYRE_BUSY);

constexpr const char* kNoMemory{
    "out_of_memory: the host had no memory for the call; free some and call again"};
constexpr std::size_t kNoMemoryMessage{sizeof("out_of_memory: ") - 1};

/// Its address is what counts: it has no text of its own, so that it needs no memory.
vyre_error& fixed() noexcept {
  static vyre_error error;
  return error;
}

}  // namespace

vyre_error* out_of_memory() noexcept {
  return &fixed();
}

vyre_error* make_error(const Error& error) noexcept {
  try {
    return new vyre_error{
        number_of(error.code), retryable(error) ? 1 : 0, error.detail, error.line, error.column,
        error.offset,          to_string(error),         error.message};
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

}  // namespace vyre::abi

int32_t vyre_error_code(const vyre_error* error) {
  return error == nullptr ? VYRE_OK : error->code;
}

const char* vyre_error_text(const vyre_error* error) {
  if (error == nullptr) return "ok";
  return error == vyre::abi::out_of_memory() ? vyre::abi::kNoMemory : error->text.c_str();
}

const char* vyre_error_message(const vyre_error* error) {
  if (error == nullptr) return "";
  if (error == vyre::abi::out_of_memory()) {
    return vyre::abi::kNoMemory + vyre::abi::kNoMemoryMessage;
  }
  return error->message.c_str();
}

int32_t vyre_error_retryable(const vyre_error* error) {
  return error == nullptr ? 0 : error->retryable;
}

int32_t vyre_error_detail(const vyre_error* error) {
  return error == nullptr ? 0 : error->detail;
}

uint64_t vyre_error_offset(const vyre_error* error) {
  return error == nullptr ? vyre::kNoOffset : error->offset;
}

uint32_t vyre_error_line(const vyre_error* error) {
  return error == nullptr ? 0 : error->line;
}

uint32_t vyre_error_column(const vyre_error* error) {
  return error == nullptr ? 0 : error->column;
}

void vyre_error_free(vyre_error* error) {
  if (error != vyre::abi::out_of_memory()) delete error;
}

const char* vyre_code_name(int32_t code) {
  if (code == VYRE_OK) return "ok";
  if (code < VYRE_OK || code > VYRE_BUSY) return "unknown";
  return vyre::errc_name(static_cast<vyre::Errc>(code - 1)).data();  // a literal, so it ends with 0
}
