// Folders, patterns and bounded waits for the tests of the doors and of files.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "ingest/io.hpp"

namespace vyre::ingest::test {

/// A folder of its own below `parent`, removed with all that is in it.
class Folder {
 public:
  explicit Folder(const std::string& parent = ::testing::TempDir()) {
    path_ = parent + "/vyre-ingest-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] bool there() const { return !path_.empty(); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The byte at `offset` of every patterned file: differs between blocks and within them.
inline std::uint8_t pattern_at(std::uint64_t offset) {
  std::uint64_t x = offset / 8 + 0x9E37'79B9'7F4A'7C15U;
  x = (x ^ (x >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D0'49BB'1331'11EBU;
  return static_cast<std::uint8_t>(x >> (offset % 8 * 8));
}

inline Bytes pattern(std::uint64_t offset, std::uint64_t bytes) {
  Bytes made(bytes);
  for (std::uint64_t i = 0; i < bytes; ++i) made[i] = pattern_at(offset + i);
  return made;
}

/// Written through to storage, so that dropping it from the page cache works.
inline void write_file(const std::string& path, ByteSpan bytes, std::uint64_t offset = 0) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0) << path << ": " << std::strerror(errno);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n =
        ::pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    ASSERT_GT(n, 0) << path << ": " << std::strerror(errno);
    done += static_cast<std::size_t>(n);
  }
  ASSERT_EQ(::fsync(fd), 0);
  ::close(fd);
}

inline void write_pattern(const std::string& path, std::uint64_t bytes) {
  write_file(path, pattern(0, bytes));
}

/// Bytes on a boundary that every O_DIRECT takes.
class Aligned {
 public:
  explicit Aligned(std::uint64_t bytes, std::uint8_t fill = 0) : size_(bytes) {
    void* memory = nullptr;
    if (::posix_memalign(&memory, 4096, std::max<std::uint64_t>(bytes, 1)) != 0) std::abort();
    data_ = static_cast<std::uint8_t*>(memory);
    std::memset(data_, fill, bytes);
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  ~Aligned() { ::free(data_); }
  [[nodiscard]] std::uint8_t* data() const { return data_; }
  [[nodiscard]] MutableByteSpan span() const { return {data_, size_}; }

 private:
  std::uint8_t* data_{nullptr};
  std::uint64_t size_;
};

constexpr std::chrono::seconds kTestPatience{20};

/// Enters and reaps until `count` completions came, in the order in which they did.
inline std::vector<IoCompletion> collect(Io& io, std::size_t count) {
  std::vector<IoCompletion> all;
  const auto deadline = std::chrono::steady_clock::now() + kTestPatience;
  while (all.size() < count && std::chrono::steady_clock::now() < deadline) {
    const Status entered = io.enter(1, std::chrono::milliseconds{50});
    EXPECT_TRUE(entered) << entered.error().message;
    if (!entered) break;
    std::array<IoCompletion, 64> some{};
    const std::uint32_t n = io.reap(some);
    all.insert(all.end(), some.begin(), some.begin() + n);
  }
  EXPECT_EQ(all.size(), count);
  return all;
}

inline std::int32_t result_of(const std::vector<IoCompletion>& all, std::uint64_t user_data) {
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const IoCompletion& one) { return one.user_data == user_data; });
  EXPECT_NE(found, all.end()) << "no completion of " << user_data;
  return found == all.end() ? INT32_MIN : found->result;
}

inline IoOperation read_of(int descriptor, std::uint8_t* to, std::uint32_t bytes,
                           std::uint64_t offset, std::uint64_t user_data,
                           IoCode code = IoCode::read) {
  IoOperation operation;
  operation.code = code;
  operation.descriptor = descriptor;
  operation.to = to;
  operation.bytes = bytes;
  operation.offset = offset;
  operation.user_data = user_data;
  return operation;
}

}  // namespace vyre::ingest::test
