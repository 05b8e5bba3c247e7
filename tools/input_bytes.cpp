#include "input_bytes.hpp"

#include <poll.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/message.hpp"
#include "platform/descriptor.hpp"
#include "platform/file.hpp"

namespace vyre::cli {
namespace {

constexpr std::size_t kInputBytes{std::size_t{1} << 17};
constexpr std::array<std::uint8_t, 2> kGzip{0x1F, 0x8B};
constexpr std::array<std::uint8_t, 4> kZstandard{0x28, 0xB5, 0x2F, 0xFD};
/// Of a frame that readers skip, behind any byte from 0x50 to 0x5F; pzstd begins files with one.
constexpr std::array<std::uint8_t, 3> kSkippable{0x2A, 0x4D, 0x18};

template <std::size_t N>
bool begins_with(ByteSpan bytes, const std::array<std::uint8_t, N>& magic) {
  return bytes.size() >= N && std::equal(magic.begin(), magic.end(), bytes.begin());
}

bool is_zstandard(ByteSpan bytes) {
  return begins_with(bytes, kZstandard) ||
         (bytes.size() > kSkippable.size() && (bytes[0] & 0xF0) == 0x50 &&
          begins_with(bytes.subspan(1), kSkippable));
}

/// A descriptor with what was read of it and not taken.
class RawInput final : public InputBytes {
 public:
  RawInput(platform::Descriptor from, std::string name)
      : from_(std::move(from)), name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] ByteSpan ahead() const noexcept { return ByteSpan(buffer_).subspan(taken_); }
  void take(std::size_t bytes) { taken_ += bytes; }
  /// Reads more behind ahead(). False: the end.
  Result<bool> more() {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    const std::size_t have = buffer_.size();
    buffer_.resize(have + kInputBytes);
    const auto n = platform::read_some(from_, MutableByteSpan(buffer_).subspan(have), name_);
    buffer_.resize(have + n.value_or(0));
    if (!n) return tl::unexpected<Error>(n.error());
    return *n != 0;
  }

  Result<std::size_t> read(MutableByteSpan out) override {
    const ByteSpan here = ahead();
    if (here.empty()) return platform::read_some(from_, out, name_);
    const std::size_t bytes = std::min(here.size(), out.size());
    std::memcpy(out.data(), here.data(), bytes);
    take(bytes);
    return bytes;
  }
  bool ready(std::chrono::milliseconds timeout) override {
    return !ahead().empty() || arrives(timeout);
  }
  /// More than what is ahead, or the end.
  bool arrives(std::chrono::milliseconds timeout) {
    pollfd wanted{from_.get(), POLLIN, 0};
    // A signal ends the wait, and the read behind it says so.
    return ::poll(&wanted, 1, static_cast<int>(timeout.count())) != 0;
  }

 private:
  platform::Descriptor from_;
  std::string name_;
  Bytes buffer_;
  std::size_t taken_{0};
};

/// What was compressed. What could be decompressed before an error is given out first, and what a
/// pipe has brought while the next byte of it is awaited.
class Decompressed : public InputBytes {
 public:
  Result<std::size_t> read(MutableByteSpan out) final {
    if (taken_ != held_.size()) {
      const std::size_t bytes = std::min(held_.size() - taken_, out.size());
      std::memcpy(out.data(), held_.data() + taken_, bytes);
      taken_ += bytes;
      return bytes;
    }
    for (;;) {
      if (const std::size_t made = made_of(out); made != 0) return made;
      if (!over_ && !error_) continue;
      if (error_) return tl::unexpected<Error>(*error_);
      return std::size_t{0};
    }
  }

  bool ready(std::chrono::milliseconds timeout) final {
    using std::chrono::steady_clock;
    const auto until = steady_clock::now() + timeout;
    while (taken_ == held_.size() && !over_ && !error_) {
      const auto left = std::max(until - steady_clock::now(), steady_clock::duration::zero());
      if (needs_more() && !from_->arrives(std::chrono::ceil<std::chrono::milliseconds>(left)))
        return false;
      held_.resize(kHeldBytes);
      taken_ = 0;
      held_.resize(made_of(held_));
    }
    return true;
  }

 protected:
  explicit Decompressed(std::unique_ptr<RawInput> from) : from_(std::move(from)) {}

  struct Step {
    std::size_t made{0};
    bool full{false};    // there may be more to come of what was read
    bool scarce{false};  // what is ahead is too little to go on
    bool over{false};    // the end
  };
  /// Goes on with what is ahead of `from`; an input that has ended has nothing ahead. Everything
  /// that is taken from it was decompressed, or is kept.
  virtual Result<Step> step(RawInput& from, bool ended, MutableByteSpan out) = 0;

  [[nodiscard]] tl::unexpected<Error> broken(const std::string& what) const {
    return fail(Errc::malformed, message("{} {}", from_->name(), what));
  }

 private:
  static constexpr std::size_t kHeldBytes{std::size_t{1} << 16};

  [[nodiscard]] bool needs_more() const {
    return !ended_ && (scarce_ || (from_->ahead().empty() && !full_));
  }

  std::size_t made_of(MutableByteSpan out) {
    if (needs_more()) {
      const auto more = from_->more();
      if (!more) error_ = more.error();
      ended_ = !more.value_or(false);
    }
    if (error_) return 0;
    const auto did = step(*from_, ended_, out);
    if (!did) {
      error_ = did.error();
      return 0;
    }
    full_ = did->full;
    scarce_ = did->scarce;
    over_ = did->over;
    return did->made;
  }

  std::unique_ptr<RawInput> from_;
  Bytes held_;  // decompressed while ready() looked
  std::size_t taken_{0};
  bool full_{false};
  bool scarce_{false};
  bool ended_{false};
  bool over_{false};
  std::optional<Error> error_;
};

/// gzip (RFC 1952), one member after another. Zeros behind the last one are padding.
class GzipInput final : public Decompressed {
 public:
  explicit GzipInput(std::unique_ptr<RawInput> from) : Decompressed(std::move(from)) {}
  GzipInput(const GzipInput&) = delete;
  GzipInput& operator=(const GzipInput&) = delete;
  ~GzipInput() override {
    if (begun_) ::inflateEnd(&stream_);
  }

 private:
  Result<Step> step(RawInput& from, bool ended, MutableByteSpan out) override {
    if (!inside_) {
      VYRE_ASSIGN(const bool here, next_member(from, ended));
      const bool none = from.ahead().empty();
      if (!here) return Step{.scarce = !none, .over = none && ended};
    }
    if (failed_) return tl::unexpected<Error>(*failed_);
    const ByteSpan in = from.ahead();
    if (in.empty() && ended) return broken("ends in the middle of gzip data");
    stream_.next_in = const_cast<Bytef*>(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), 1u << 30));
    const std::size_t room = stream_.avail_out;
    const int answer = ::inflate(&stream_, Z_NO_FLUSH);
    from.take(in.size() - stream_.avail_in);
    const std::size_t made = room - stream_.avail_out;
    if (answer == Z_STREAM_END) inside_ = false;
    if (answer == Z_MEM_ERROR) return fail(Errc::out_of_memory, "zlib has no memory left");
    if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR) {
      auto failed =
          broken(message("is no valid gzip data: {}", stream_.msg ? stream_.msg : "unknown"));
      if (made == 0) return failed;
      failed_ = std::move(failed).value();  // what it made of the bytes before is right
      inside_ = true;
      return Step{.made = made, .full = true};
    }
    return Step{.made = made, .full = stream_.avail_out == 0};
  }

  /// False: more bytes are needed to know, or there are none.
  Result<bool> next_member(RawInput& from, bool ended) {
    if (begun_) {
      const ByteSpan ahead = from.ahead();
      const auto begin = std::find_if(ahead.begin(), ahead.end(), [](auto b) { return b != 0; });
      padded_ = padded_ || begin != ahead.begin();
      from.take(static_cast<std::size_t>(begin - ahead.begin()));
    }
    if (from.ahead().empty() || (from.ahead().size() == 1 && !ended)) return false;
    if (padded_ || !begins_with(from.ahead(), kGzip))
      return broken("has other bytes behind its gzip data");
    constexpr int kGzipOnly{16};
    const int answer =
        begun_ ? ::inflateReset(&stream_) : ::inflateInit2(&stream_, MAX_WBITS + kGzipOnly);
    if (answer != Z_OK) return fail(Errc::out_of_memory, "zlib has no memory left");
    begun_ = inside_ = true;
    return true;
  }

  z_stream stream_{};
  bool begun_{false};
  bool inside_{false};  // a member
  bool padded_{false};
  std::optional<Error> failed_;
};

/// Zstandard (RFC 8878), one frame after another.
class ZstandardInput final : public Decompressed {
 public:
  explicit ZstandardInput(std::unique_ptr<RawInput> from)
      : Decompressed(std::move(from)), stream_(::ZSTD_createDStream(), ::ZSTD_freeDStream) {}

 private:
  Result<Step> step(RawInput& from, bool ended, MutableByteSpan out) override {
    if (!stream_) return fail(Errc::out_of_memory, "libzstd has no memory left");
    if (from.ahead().empty() && ended && !full_) {
      if (inside_) return broken("ends in the middle of Zstandard data");
      return Step{.over = true};
    }
    // No more than it asks for: of two blocks at once, of which the second is damaged, it would not
    // say how many bytes of the first it gave out.
    ZSTD_inBuffer in{from.ahead().data(), std::min(from.ahead().size(), wanted_), 0};
    ZSTD_outBuffer made{out.data(), out.size(), 0};
    const std::size_t answer = ::ZSTD_decompressStream(stream_.get(), &made, &in);
    from.take(in.pos);
    if (::ZSTD_isError(answer) != 0)
      return broken(message("is no valid Zstandard data: {}", ::ZSTD_getErrorName(answer)));
    inside_ = answer != 0;
    full_ = made.pos == made.size;
    wanted_ = std::max(answer, kLeastWanted);
    return Step{.made = made.pos, .full = full_};
  }

  static constexpr std::size_t kLeastWanted{5};  // the magic and the first byte of a header

  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
  std::size_t wanted_{kLeastWanted};
  bool inside_{false};  // a frame
  bool full_{false};
};

}  // namespace

Result<std::unique_ptr<InputBytes>> open_input_bytes(const std::string& path, bool decompress) {
  VYRE_ASSIGN(platform::Descriptor from, platform::open_input(path));
  auto raw = std::make_unique<RawInput>(std::move(from), platform::input_name(path));
  if (!decompress) return raw;
  while (raw->ahead().size() < kZstandard.size()) {
    VYRE_ASSIGN(const bool more, raw->more());
    if (!more) break;
  }
  if (begins_with(raw->ahead(), kGzip)) return std::make_unique<GzipInput>(std::move(raw));
  if (is_zstandard(raw->ahead())) return std::make_unique<ZstandardInput>(std::move(raw));
  return raw;
}

Result<Bytes> read_input_bytes(const std::string& path, bool decompress, std::uint64_t max_bytes) {
  VYRE_ASSIGN(const auto input, open_input_bytes(path, decompress));
  Bytes bytes;
  for (;;) {
    const std::size_t have = bytes.size();
    bytes.resize(have + kInputBytes);
    VYRE_ASSIGN(const std::size_t n, input->read(MutableByteSpan(bytes).subspan(have)));
    bytes.resize(have + n);
    if (n == 0) return bytes;
    if (bytes.size() <= max_bytes) continue;
    return fail(Errc::limit_exceeded,
                message("{} holds more than {} bytes", platform::input_name(path), max_bytes));
  }
}

bool is_compressed(const std::string& path) {
  const auto file = platform::open_input(path);
  if (!file) return false;
  std::array<std::uint8_t, kZstandard.size()> head{};
  const auto n = platform::read_some(*file, head, path);
  const ByteSpan read = ByteSpan(head).first(n.value_or(0));
  return begins_with(read, kGzip) || is_zstandard(read);
}

}  // namespace vyre::cli
