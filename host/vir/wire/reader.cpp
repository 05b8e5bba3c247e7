// Primitive reads of the wire format; see reader.hpp.
#include "vir/wire/reader.hpp"
#include "base/message.hpp"

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

std::size_t find_bad_utf8(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  std::size_t i = 0;
  while (i < text.size()) {
    const std::uint8_t lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    // The second byte's range excludes over-long forms, surrogates and what lies beyond U+10FFFF.
    std::size_t more = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
      more = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      more = 2;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      more = 3;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return i;
    }
    if (text.size() - i <= more) return i;
    if (byte(i + 1) < low || byte(i + 1) > high) return i;
    for (std::size_t k = 2; k <= more; ++k) {
      if ((byte(i + k) & 0xC0u) != 0x80u) return i;
    }
    i += more + 1;
  }
  return std::string_view::npos;
}

}  // namespace vyre::vir
