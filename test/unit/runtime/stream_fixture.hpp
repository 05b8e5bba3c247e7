// What the tests of streams and files share: a folder of their own, files in it, and a stream that
// is run to its end.
#pragma once

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "fixtures.hpp"
#include "runtime/stream.hpp"

namespace vyre::runtime::test {

inline constexpr std::uint32_t kCrc32c{17};
inline constexpr std::uint32_t kMatchLiterals{19};

/// Bitwise, so that it shares nothing with what it checks.
inline std::uint32_t crc32c(ByteSpan bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1) != 0 ? 0x82F63B78u : 0);
      made[i] = c;
    }
    return made;
  }();
  std::uint32_t crc = ~0u;
  for (const std::uint8_t byte : bytes) crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF];
  return ~crc;
}

class Folder {
 public:
  Folder() {
    std::string name = "/tmp/vyre_stream_XXXXXX";
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, ByteSpan bytes) const {
    std::FILE* const file = std::fopen(path(name).c_str(), "wb");
    if (file == nullptr) return {};
    const std::size_t done = bytes.empty() ? 0 : std::fwrite(bytes.data(), 1, bytes.size(), file);
    return std::fclose(file) == 0 && done == bytes.size() ? path(name) : std::string{};
  }

 private:
  std::string path_;
};

inline Bytes random_bytes(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Bytes bytes(count);
  std::size_t at = 0;
  for (; at + 8 <= count; at += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(bytes.data() + at, &word, 8);
  }
  for (; at < count; ++at) bytes[at] = static_cast<std::uint8_t>(random.next());
  return bytes;
}

struct Seen {
  StreamChunk chunk;
  std::string path;
  std::optional<Error> error;
  CompletionStatus status{CompletionStatus::done};
  Fault fault;
  std::vector<Bytes> outputs;
};

/// Everything up to the end, or up to the error that ended it.
struct Ran {
  std::vector<Seen> results;
  std::optional<Error> error;
};

inline Seen copy_of(const StreamResult& result) {
  Seen seen{result.chunk, result.path, result.error, result.status, result.fault, {}};
  for (const ByteSpan output : result.outputs)
    seen.outputs.emplace_back(output.begin(), output.end());
  return seen;
}

inline Ran run_to_end(Stream& stream) {
  Ran ran;
  const Deadline deadline = soon();
  for (;;) {
    auto result = stream.next(deadline);
    if (!result) {
      ran.error = result.error();
      return ran;
    }
    if (*result == nullptr) return ran;
    ran.results.push_back(copy_of(**result));
  }
}

/// The same file again and again.
inline FileSource without_end(std::string path) {
  return [path = std::move(path)]() -> std::optional<std::string> { return path; };
}

inline StreamOptions crc_options(std::uint64_t chunk_bytes, std::uint64_t overlap_bytes = 0) {
  StreamOptions options;
  options.chunk_bytes = chunk_bytes;
  options.overlap_bytes = overlap_bytes;
  options.outputs = {{4, {}}};
  return options;
}

/// True: this system has no io_uring for us, which is the pump's test to complain about.
inline bool refused_here(const Error& error) {
  return error.code == Errc::unsupported;
}

}  // namespace vyre::runtime::test
