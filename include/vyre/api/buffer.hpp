// Buffer: owns a buffer, a mapped file or a binding set of a session; its destructor retires it,
// which never waits. Lease: the bytes of a buffer in this process, for a while. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/item.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/api/timeout.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// Elements that cross to a buffer byte by byte.
template <class T>
concept Element = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>;

/// A span of a buffer's bytes; ends with this object. `const T` holds back items that write the
/// buffer, `T` all that use it.
template <class T>
class Lease {
 public:
  Lease(Lease&& other) noexcept
      : session_(std::move(other.session_)),
        buffer_(std::exchange(other.buffer_, BufferRef{})),
        elements_(std::exchange(other.elements_, {})) {}
  Lease& operator=(Lease&& other) noexcept {
    Lease ended(std::move(*this));
    session_ = std::move(other.session_);
    buffer_ = std::exchange(other.buffer_, BufferRef{});
    elements_ = std::exchange(other.elements_, {});
    return *this;
  }
  ~Lease() {
    if (buffer_ != BufferRef{}) {
      vyre_error_free(vyre_buffer_unlease(session_.get(), buffer_.handle, VYRE_DEFAULT_TIMEOUT));
    }
  }
  [[nodiscard]] std::span<T> elements() const noexcept { return elements_; }
  [[nodiscard]] auto begin() const noexcept { return elements_.begin(); }
  [[nodiscard]] auto end() const noexcept { return elements_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return elements_.size(); }
  [[nodiscard]] T& operator[](std::size_t i) const { return elements_[i]; }

 private:
  friend class Buffer;
  Lease(detail::SharedSession session, BufferRef buffer, std::span<T> elements)
      : session_(std::move(session)), buffer_(buffer), elements_(elements) {}
  detail::SharedSession session_;
  BufferRef buffer_;
  std::span<T> elements_;
};

class Buffer {
 public:
  Buffer(Buffer&& other) noexcept
      : session_(std::move(other.session_)), ref_(std::exchange(other.ref_, BufferRef{})) {}
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer ended(std::move(*this));
    session_ = std::move(other.session_);
    ref_ = std::exchange(other.ref_, BufferRef{});
    return *this;
  }
  ~Buffer() {
    if (ref_ != BufferRef{}) vyre_error_free(vyre_buffer_retire(session_.get(), ref_.handle));
  }
  /// Takes over a handle that a call of the C ABI gave.
  [[nodiscard]] static Buffer adopt(vyre_session* session, vyre_buffer handle) {
    return Buffer(detail::SharedSession::of(session), BufferRef{handle});
  }

  [[nodiscard]] BufferRef ref() const noexcept { return ref_; }
  operator BufferRef() const noexcept { return ref_; }
  [[nodiscard]] Result<std::uint64_t> size_bytes() const {
    std::uint64_t bytes = 0;
    const detail::Failed failed{vyre_buffer_size(session_.get(), ref_.handle, &bytes)};
    if (failed) return failed.error();
    return bytes;
  }

  /// All of it, after the items that write it.
  template <Element T>
  [[nodiscard]] Result<std::vector<T>> read(Timeout timeout = {}) const {
    const Result<std::uint64_t> bytes = size_bytes();
    if (!bytes) return bytes.error();
    if (*bytes % sizeof(T) != 0) return not_whole<T>(*bytes);
    std::vector<T> elements(static_cast<std::size_t>(*bytes / sizeof(T)));
    if (const auto copied = read_into(std::span<T>(elements), 0, timeout); !copied) {
      return copied.error();
    }
    return elements;
  }
  /// From byte `at` on. Cut by its timeout, it has copied the bytes before Error::offset.
  template <Element T>
  [[nodiscard]] Result<void> read_into(std::span<T> elements, std::uint64_t at = 0,
                                       Timeout timeout = {}) const {
    return detail::status(vyre_buffer_read(session_.get(), ref_.handle, at, elements.data(),
                                           elements.size_bytes(), timeout.ns()));
  }
  template <std::ranges::contiguous_range Range>
  requires std::ranges::sized_range<Range> && Element<std::ranges::range_value_t<Range>>
  [[nodiscard]] Result<void> read_into(Range&& elements, std::uint64_t at = 0,
                                       Timeout timeout = {}) const {
    return read_into(std::span<std::ranges::range_value_t<Range>>(std::ranges::data(elements),
                                                                  std::ranges::size(elements)),
                     at, timeout);
  }
  /// From byte `at` on, after the items that use the buffer; as for reading.
  template <Element T>
  [[nodiscard]] Result<void> write(std::span<const T> elements, std::uint64_t at = 0,
                                   Timeout timeout = {}) {
    return detail::status(vyre_buffer_write(session_.get(), ref_.handle, at, elements.data(),
                                            elements.size_bytes(), timeout.ns()));
  }
  template <std::ranges::contiguous_range Range>
  requires std::ranges::sized_range<Range> && Element<std::ranges::range_value_t<Range>>
  [[nodiscard]] Result<void> write(const Range& elements, std::uint64_t at = 0,
                                   Timeout timeout = {}) {
    return write(std::span<const std::ranges::range_value_t<Range>>(std::ranges::data(elements),
                                                                    std::ranges::size(elements)),
                 at, timeout);
  }
  /// `lease<const T>()` to read, `lease<T>()` to read and write.
  template <class T>
  requires Element<std::remove_const_t<T>>
  [[nodiscard]] Result<Lease<T>> lease(Timeout timeout = {}) const {
    const Result<std::uint64_t> bytes = size_bytes();
    if (!bytes) return bytes.error();
    if (*bytes % sizeof(T) != 0) return not_whole<T>(*bytes);
    constexpr std::uint32_t kAccess = std::is_const_v<T> ? VYRE_READ : VYRE_READ_WRITE;
    void* data = nullptr;
    const detail::Failed failed{
        vyre_buffer_lease(session_.get(), ref_.handle, kAccess, timeout.ns(), &data)};
    if (failed) return failed.error();
    return Lease<T>(session_, ref_, {static_cast<T*>(data), *bytes / sizeof(T)});
  }
  /// What the destructor does, with its error.
  [[nodiscard]] Result<void> retire() {
    return detail::status(
        vyre_buffer_retire(session_.get(), std::exchange(ref_, BufferRef{}).handle));
  }

 private:
  Buffer(detail::SharedSession session, BufferRef ref) : session_(std::move(session)), ref_(ref) {}
  template <class T>
  [[nodiscard]] Error not_whole(std::uint64_t bytes) const {
    return Error::of(Code::invalid_argument,
                     "a buffer of " + std::to_string(bytes) +
                         " bytes is no whole number of elements of " + std::to_string(sizeof(T)) +
                         " bytes; read it into a span of the part you want");
  }

  detail::SharedSession session_;
  BufferRef ref_;
};

}  // namespace vyre::VYRE_V0
