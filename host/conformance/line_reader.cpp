// Reads lines through zlib or straight from the file, a block at a time; see line_reader.hpp.
#include "line_reader.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/message.hpp"
#include "platform/descriptor.hpp"
#include "platform/file.hpp"
#include "platform/record_file.hpp"
#include "protocol/limits.hpp"

namespace vyre::conformance {

namespace {
constexpr std::size_t kBlockBytes{std::size_t{1} << 18};
constexpr std::size_t kMagicBytes{2};  // of gzip
}  // namespace

class LineReader::Inflater {
 public:
  /// `first` bytes of the file are in `block` already.
  Inflater(const std::string& name, platform::Descriptor& file, Bytes& block, std::size_t first)
      : name_(name), file_(file), block_(block), at_(first) {
    std::memset(&stream_, 0, sizeof stream_);
    stream_.next_in = block_.data();
    stream_.avail_in = static_cast<uInt>(first);
    ready_ = inflateInit2(&stream_, MAX_WBITS + 16) == Z_OK;  // + 16: gzip framing
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }

  /// The next bytes of the text; empty at the end of the last member.
  Result<std::string_view> produce() {
    if (!ready_) return fail(Errc::out_of_memory, message("zlib could not start for {}", name_));
    stream_.next_out = buffer_.data();
    stream_.avail_out = static_cast<uInt>(buffer_.size());
    while (stream_.avail_out == buffer_.size()) {
      if (stream_.avail_in == 0) VYRE_TRY(feed());
      if (member_ended_) {
        if (stream_.avail_in == 0) return std::string_view{};
        if (inflateReset(&stream_) != Z_OK) return damaged("cannot be reset");
        member_ended_ = false;
      }
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
  Status feed() {
    VYRE_ASSIGN(const std::size_t n, platform::read_some(file_, block_, name_));
    stream_.next_in = block_.data();
    stream_.avail_in = static_cast<uInt>(n);
    at_ += n;
    return {};
  }
  tl::unexpected<Error> damaged(const char* why) const {
    return fail(Errc::malformed, message("{} {}; copy or download it again", name_, why),
                at_ - stream_.avail_in);
  }

  std::string name_;
  platform::Descriptor& file_;
  Bytes& block_;
  std::uint64_t at_;  // bytes read
  z_stream stream_;
  bool ready_{false};
  bool member_ended_{false};
  std::array<Bytef, 65'536> buffer_{};
};

/// Behind a pointer, so that the inflater may point into it.
struct LineReader::Input {
  explicit Input(platform::Descriptor opened) : file(std::move(opened)), block(kBlockBytes) {}
  platform::Descriptor file;
  Bytes block;                       // the part of the file that was read last
  std::optional<Inflater> inflater;  // nothing for a plain file
};

LineReader::LineReader(std::string name, std::unique_ptr<Input> input)
    : name_(std::move(name)), input_(std::move(input)) {}

LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;
LineReader::~LineReader() = default;

Result<LineReader> LineReader::open(const std::string& path) {
  VYRE_ASSIGN(auto file, platform::open_input(path));
  const std::string name = platform::input_name(path);
  auto input = std::make_unique<Input>(std::move(file));
  std::size_t first = 0;
  while (first < kMagicBytes) {  // a pipe may give one byte at a time
    VYRE_ASSIGN(
        const std::size_t n,
        platform::read_some(input->file, MutableByteSpan(input->block).subspan(first), name));
    if (n == 0) break;
    first += n;
  }
  const bool gzip = first >= kMagicBytes && input->block[0] == 0x1F && input->block[1] == 0x8B;
  if (gzip) input->inflater.emplace(name, input->file, input->block, first);
  LineReader reader(name, std::move(input));
  if (!gzip) reader.take(first);
  return reader;
}

void LineReader::take(std::size_t bytes) {
  chunk_ = std::string_view(reinterpret_cast<const char*>(input_->block.data()), bytes);
}

Result<bool> LineReader::fill() {
  if (ended_) return false;
  if (input_->inflater) {
    VYRE_ASSIGN(chunk_, input_->inflater->produce());
  } else {
    VYRE_ASSIGN(const std::size_t n, platform::read_some(input_->file, input_->block, name_));
    take(n);
  }
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
      return fail(Errc::limit_exceeded, message("line {} of {} is longer than {} bytes",
                                                line_number_ + 1, name_, kMaxLineBytes));
    }
    line.append(chunk_.substr(0, take));
    chunk_.remove_prefix(newline == std::string_view::npos ? take : take + 1);
    if (newline != std::string_view::npos) break;
  }
  if (any) ++line_number_;
  return any;
}

}  // namespace vyre::conformance
