// The primitive encodings of the wire, read with one sticky error: after the first failure every
// read gives zero and moves nothing, so a caller checks where a loop or an allocation depends on
// what was read. Host only, private to this room. Spec: docs/internals/vir0.md, "Wire".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "protocol/limits.hpp"

namespace vyre::vir {

class WireReader {
 public:
  WireReader(ByteSpan bytes, std::size_t at) : bytes_(bytes), at_(at), end_(bytes.size()) {}

  [[nodiscard]] bool ok() const noexcept { return !error_; }
  [[nodiscard]] Error take_error() { return std::move(*error_); }
  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return end_ - at_; }

  /// Keeps the first failure only.
  void fail(Errc code, std::string message, std::size_t offset) {
    if (!error_) error_ = Error{code, std::move(message), offset, 0, 0, 0};
  }

  std::uint8_t u8(const char* what) { return fixed<std::uint8_t>(what); }
  std::uint32_t u32(const char* what) { return fixed<std::uint32_t>(what); }
  std::uint64_t u64(const char* what) { return fixed<std::uint64_t>(what); }

  /// Unsigned LEB128 of at most ten bytes; over-long forms are accepted, as upstream does.
  std::uint64_t leb(const char* what);
  /// A LEB that may not exceed `max`.
  std::uint64_t leb_up_to(std::uint64_t max, const char* what);
  std::uint32_t leb_u32(const char* what) {
    return static_cast<std::uint32_t>(leb_up_to(0xFFFF'FFFFu, what));
  }

  /// Views into the blob; UTF-8 is checked.
  std::string_view string(const char* what);
  std::string_view leb_string(const char* what);
  ByteSpan bytes(std::size_t count, const char* what);

  /// A presence byte that must be 0 or 1.
  bool strict(const char* what);
  /// A truth byte: anything but 0 is true.
  bool lax(const char* what) { return u8(what) != 0; }

  /// Until leave(): reads end at `count` bytes from here. The caller has checked that they exist.
  [[nodiscard]] std::size_t enter(std::size_t count) {
    const std::size_t outer = end_;
    end_ = at_ + count;
    return outer;
  }
  /// Fails unless everything inside was read.
  void leave(std::size_t outer, const char* what);

 private:
  template <class T>
  T fixed(const char* what) {
    if (!need(sizeof(T), what)) return T{0};
    const T value = load_le<T>(bytes_, at_);
    at_ += sizeof(T);
    return value;
  }
  bool need(std::size_t count, const char* what) {
    if (error_) return false;
    if (count <= remaining()) return true;
    truncated(count, what);
    return false;
  }
  void truncated(std::size_t count, const char* what);
  std::string_view text(std::uint64_t length, const char* what, std::size_t offset);

  ByteSpan bytes_;
  std::size_t at_;
  std::size_t end_;
  std::optional<Error> error_;
};

}  // namespace vyre::vir
