// Any bytes as a report: an error or a document, and a document that was read writes what reads
// back the same.
#include <cstdio>
#include <cstdlib>

#include "report/report.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = vyre::report::from_json(text);
  if (!read) return 0;
  const std::string written = vyre::report::to_json(*read, -1);
  const auto again = vyre::report::from_json(written);
  if (!again || vyre::report::to_json(*again, -1) != written) {
    std::fprintf(stderr, "a document that was read does not survive writing:\n%s\n",
                 written.c_str());
    std::abort();
  }
  (void)vyre::report::summarise({*read});
  return 0;
}
