// Reads lines through zlib or straight from the mapping; see line_reader.hpp.
#include "line_reader.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "vyre/protocol/limits.hpp"

namespace vyre::conformance {

class LineReader::Inflater {
 public:
  Inflater(const std::string& path, ByteSpan input) : path_(path), input_(input) {
    std::memset(&stream_, 0, sizeof stream_);
    ready_ = inflateInit2(&stream_, MAX_WBITS + 16) == Z_OK;  // + 16: gzip framing
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }

  /// The next bytes of the text; empty at the end of the last member.
  Result<std::string_view> produce() {
    if (!ready_) return fail(Errc::out_of_memory, "zlib could not start for '" + path_ + "'");
    stream_.next_out = buffer_.data();
    stream_.avail_out = static_cast<uInt>(buffer_.size());
    while (stream_.avail_out == buffer_.size()) {
      if (member_ended_) {
        if (stream_.avail_in == 0 && at_ == input_.size()) return std::string_view{};
        if (inflateReset(&stream_) != Z_OK) return damaged("cannot be reset");
        member_ended_ = false;
      }
      feed();
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        member_ended_ = true;
      } else if (code == Z_BUF_ERROR) {
        return damaged("ends in the middle of its gzip stream");  // no input left, nothing produced
      } else if (code != Z_OK) {
        return damaged(stream_.msg != nullptr ? stream_.msg : "is no gzip stream");
      }
    }
    return std::string_view(reinterpret_cast<const char*>(buffer_.data()),
                            buffer_.size() - stream_.avail_out);
  }

 private:
  void feed() {
    if (stream_.avail_in != 0) return;
    // zlib counts in 32 bits; the mapping may be longer.
    const std::size_t take = std::min<std::size_t>(input_.size() - at_, std::size_t{1} << 30);
    stream_.next_in = const_cast<Bytef*>(input_.data() + at_);  // zlib does not write through it
    stream_.avail_in = static_cast<uInt>(take);
    at_ += take;
  }
  tl::unexpected<Error> damaged(const char* why) const {
    return fail(Errc::malformed, "'" + path_ + "' " + why + "; copy or download it again",
                at_ - stream_.avail_in);
  }

  std::string path_;
  ByteSpan input_;
  std::size_t at_{0};
  z_stream stream_;
  bool ready_{false};
  bool member_ended_{false};
  std::array<Bytef, 65'536> buffer_{};
};

LineReader::LineReader(std::string path, platform::MappedFile file)
    : path_(std::move(path)), file_(std::move(file)) {
  const ByteSpan bytes = file_.bytes();
  if (bytes.size() >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B) {
    inflater_ = std::make_unique<Inflater>(path_, bytes);
  } else {
    chunk_ = std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;
LineReader::~LineReader() = default;

Result<LineReader> LineReader::open(const std::string& path) {
  VYRE_ASSIGN(auto file, platform::MappedFile::open(path));
  return LineReader(path, std::move(file));
}

Result<bool> LineReader::fill() {
  if (ended_) return false;
  if (!inflater_) {
    ended_ = true;
    return false;
  }
  VYRE_ASSIGN(chunk_, inflater_->produce());
  ended_ = chunk_.empty();
  return !ended_;
}

Result<bool> LineReader::next(std::string& line) {
  line.clear();
  bool any = false;
  for (;;) {
    if (chunk_.empty()) {
      VYRE_ASSIGN(const bool more, fill());
      if (!more) break;
    }
    any = true;
    const std::size_t newline = chunk_.find('\n');
    const std::size_t take = std::min(newline, chunk_.size());
    if (take > kMaxLineBytes - line.size()) {
      return fail(Errc::limit_exceeded, "line " + std::to_string(line_number_ + 1) + " of '" +
                                            path_ + "' is longer than " +
                                            std::to_string(kMaxLineBytes) + " bytes");
    }
    line.append(chunk_.substr(0, take));
    chunk_.remove_prefix(newline == std::string_view::npos ? take : take + 1);
    if (newline != std::string_view::npos) break;
  }
  if (any) ++line_number_;
  return any;
}

}  // namespace vyre::conformance
