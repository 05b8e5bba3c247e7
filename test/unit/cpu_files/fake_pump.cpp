#include "fake_pump.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vyre::cpu {

Bytes pattern(std::size_t bytes, std::uint64_t seed) {
  Bytes out(bytes);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  for (std::uint8_t& byte : out) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<std::uint8_t>(state);
  }
  return out;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = std::filesystem::temp_directory_path() / "vyre_cpu_files_XXXXXX";
  folder_ = ::mkdtemp(name.data());
}

TemporaryFolder::~TemporaryFolder() {
  for (const int descriptor : open_) ::close(descriptor);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

int TemporaryFolder::file(const std::string& name, ByteSpan bytes) {
  const int descriptor = ::open(path(name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  EXPECT_GE(descriptor, 0) << std::strerror(errno);
  EXPECT_EQ(::pwrite(descriptor, bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(bytes.size()));
  open_.push_back(descriptor);
  return descriptor;
}

LineMemory::LineMemory() : memory_(std::aligned_alloc(kIoBlock, IngestLayout::kStreams)) {
  std::memset(memory_, 0, IngestLayout::kStreams);
}

void FakePump::start() {
  server_.beat();  // as the pump does before its start() returns
  thread_ = std::thread([this] { work(); });
}

void FakePump::kill() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void FakePump::work() {
  std::vector<IoRequestLine> under_way;
  while (!stop_) {
    server_.beat();
    if (const std::uint32_t why = fail_; why != 0) {
      server_.fail(why);
      return;
    }
    const auto request = server_.poll();
    if (request) {
      ++seen_;
      under_way.push_back(*request);
      most_under_way_ =
          std::max<std::uint32_t>(most_under_way_, static_cast<std::uint32_t>(under_way.size()));
    }
    if (hold_ || under_way.empty() || (request && under_way.size() < batch)) {
      if (!request) std::this_thread::yield();
      continue;
    }
    const IoRequestLine newest = under_way.back();
    under_way.pop_back();
    server_.answer(newest, serve(newest));
    ++answered_;
  }
}

IoCompletionLine FakePump::serve(const IoRequestLine& request) {
  if (lie) {
    if (const auto told = lie(request)) return *told;
  }
  IoCompletionLine answer{};
  answer.offset = request.offset;
  answer.status = IoStatus::rejected;
  File file;
  {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(request.source);
    if (found == files_.end()) return answer;
    file = found->second;
  }
  if (file.queue && *file.queue != request.queue) return answer;
  if (request.op != IoRequestOp::read || request.length > kIoRequestBytes ||
      request.offset > file.bytes || request.length > file.bytes - request.offset) {
    return answer;
  }
  std::uint8_t* const slot =
      view_.line_data + std::uint64_t{request.destination} * kIoLineDataBytes;
  std::memset(slot, 0xEE, kIoLineDataBytes);
  answer.skip = skip;
  const ssize_t got =
      ::pread(file.descriptor, slot + skip, request.length, static_cast<off_t>(request.offset));
  if (got < 0) {
    answer.status = IoStatus::error;
    answer.error_number = errno;
  } else {
    answer.bytes_done = static_cast<std::uint64_t>(got);
    answer.status = answer.bytes_done == request.length ? IoStatus::ok : IoStatus::end_of_file;
  }
  return answer;
}

}  // namespace vyre::cpu
