// A program without exceptions: it asks before it takes a value. Compiled with -fno-exceptions.
#include <array>
#include <cstdio>
#include <string_view>

#include <vyre/vyre.hpp>

int main() {
  vyre::SessionOptions options;
  options.device = "cpu";
  options.workers = 1;
  auto session = vyre::Session::open(options);
  if (!session) return std::printf("%s\n", session.error().text.c_str()), 1;
  const auto none = session->find("hash.none");
  const auto crc = session->find("hash.crc32c");
  if (none || none.error().code != vyre::Code::not_found || !crc) return 2;
  const auto input = session->main().upload(std::string_view("123456789"));
  if (!input) return 3;
  const auto outputs = session->main().run(*crc, std::array{input->ref()});
  if (!outputs || (*outputs)[0].read<unsigned>().value()[0] != 0xe3069283u) return 4;
  std::puts("ok");
  return 0;
}
