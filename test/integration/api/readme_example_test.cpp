// The README's C++ example, word for word, checked against a plain loop over the same file.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstring>

#include "vyre/platform/file.hpp"
#include "vyre/runtime/session.hpp"
#include "vyre/vir/text.hpp"

namespace {

using namespace std::chrono_literals;

TEST(ReadmeExample, CountsTheBytesOfAFileAsAPlainLoopDoes) {
  const vyre::Bytes source =
      vyre::platform::read_file(VYRE_SOURCE_DIR "/docs/examples/byte_histogram.vir").value();
  const std::string text(source.begin(), source.end());

  auto session = vyre::runtime::Session::open({}).value();
  auto op = session.register_program("histogram", vyre::vir::assemble(text).value()).value();
  auto in = session.map_file("/bin/ls").value();
  auto out = session.allocate(256 * 4).value();
  auto ticket = session.submit({op.id, in.id, out.id, 0}, vyre::runtime::after(1s)).value();
  auto ended = session.wait(ticket, vyre::runtime::after(60s)).value();
  auto bytes = session.download(out, vyre::runtime::after(1s)).value();

  ASSERT_EQ(ended.status, vyre::CompletionStatus::done);
  std::array<std::uint32_t, 256> expected{};
  const vyre::Bytes file = vyre::platform::read_file("/bin/ls").value();
  for (const std::uint8_t byte : file) ++expected[byte];
  ASSERT_EQ(bytes.size(), sizeof expected);
  EXPECT_EQ(std::memcmp(bytes.data(), expected.data(), sizeof expected), 0);
}

}  // namespace
