// Primitive reads of the wire format; see reader.hpp.
#include "vir/wire/reader.hpp"
#include "base/message.hpp"
#include "base/utf8.hpp"

namespace vyre::vir {

void WireReader::truncated(std::size_t count, const char* what) {
  fail(Errc::malformed,
       message("{} needs {} bytes, {} are left; the blob is truncated or a length is wrong", what,
               count, remaining()),
       at_);
}

std::uint64_t WireReader::leb(const char* what) {
  const std::size_t start = at_;
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const std::uint8_t byte = u8(what);
    if (!ok()) return 0;
    if (shift == 63 && byte > 1) {
      fail(Errc::malformed, message("{} is a LEB128 number beyond 64 bits", what), start);
      return 0;
    }
    value |= std::uint64_t{byte & 0x7Fu} << shift;
    if ((byte & 0x80u) == 0) return value;
  }
  return value;  // the tenth byte is 0 or 1, so the loop has returned
}

std::uint64_t WireReader::leb_up_to(std::uint64_t max, const char* what) {
  const std::size_t start = at_;
  const std::uint64_t value = leb(what);
  if (value <= max) return value;
  fail(Errc::limit_exceeded, message("{} is {}, the limit is {}", what, value, max), start);
  return 0;
}

std::string_view WireReader::text(std::uint64_t length, const char* what, std::size_t offset) {
  if (length > kMaxStringBytes) {
    fail(Errc::limit_exceeded,
         message("{} has {} bytes, the limit is {}", what, length, kMaxStringBytes), offset);
    return {};
  }
  const std::size_t start = at_;
  const ByteSpan raw = bytes(static_cast<std::size_t>(length), what);
  const std::string_view view(reinterpret_cast<const char*>(raw.data()), raw.size());
  if (const std::size_t bad = find_bad_utf8(view); bad != std::string_view::npos) {
    fail(Errc::malformed, message("{} is not UTF-8", what), start + bad);
    return {};
  }
  return view;
}

std::string_view WireReader::string(const char* what) {
  const std::size_t offset = at_;
  const std::uint32_t length = u32(what);
  return text(length, what, offset);
}

std::string_view WireReader::leb_string(const char* what) {
  const std::size_t offset = at_;
  const std::uint64_t length = leb(what);
  return text(length, what, offset);
}

ByteSpan WireReader::bytes(std::size_t count, const char* what) {
  if (!need(count, what)) return {};
  const ByteSpan view = bytes_.subspan(at_, count);
  at_ += count;
  return view;
}

bool WireReader::strict(const char* what) {
  const std::size_t offset = at_;
  const std::uint8_t byte = u8(what);
  if (byte > 1) {
    fail(Errc::malformed, message("{} is {}, it must be 0 or 1", what, byte), offset);
    return false;
  }
  return byte == 1;
}

void WireReader::leave(std::size_t outer, const char* what) {
  if (ok() && remaining() != 0) {
    fail(Errc::malformed, message("{} has {} bytes after its end", what, remaining()), at_);
  }
  end_ = outer;
}

}  // namespace vyre::vir
