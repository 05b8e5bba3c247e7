// The README's C++ example, word for word, checked against a plain loop over the same file.
#include <gtest/gtest.h>

#include <array>
#include <chrono>

#include "platform/file.hpp"
#include "vyre/runtime/session.hpp"
#include "vyre/runtime/stream.hpp"
#include "vyre/vir/text.hpp"

namespace {

using namespace std::chrono_literals;

TEST(ReadmeExample, CountsTheBytesOfAFileAsAPlainLoopDoes) {
  const vyre::Bytes source =
      vyre::platform::read_file(VYRE_SOURCE_DIR "/docs/examples/byte_histogram.vir").value();
  const std::string text(source.begin(), source.end());

  auto session = vyre::runtime::Session::open({}).value();
  auto op = session.register_program("histogram", vyre::vir::assemble(text).value()).value();
  vyre::runtime::StreamOptions how;
  how.chunk_bytes = 64 << 10;
  auto stream = session.stream({"/bin/ls"}, op, how).value();
  std::array<std::uint64_t, 256> histogram{};
  while (auto result = stream.next(vyre::after(60s)).value()) {  // null: the end
    if (result->error || result->status != vyre::CompletionStatus::done)
      break;  // with path and errno, or the fault
    for (std::size_t i = 0; i < 256; ++i)
      histogram[i] += vyre::load_le<std::uint32_t>(result->outputs[0], i * 4);
  }

  std::array<std::uint64_t, 256> expected{};
  const vyre::Bytes file = vyre::platform::read_file("/bin/ls").value();
  for (const std::uint8_t byte : file) ++expected[byte];
  EXPECT_EQ(histogram, expected);
  EXPECT_EQ(stream.progress().chunks_ended, (file.size() + how.chunk_bytes - 1) / how.chunk_bytes);
}

}  // namespace
