// A library that says it is libcufile, for the test of what the probe makes of its answers. What it
// says is in VYRE_FAKE_CUFILE: "closed", "compatible" or "direct".
#include <cstdint>
#include <cstdlib>
#include <cstring>

struct Answer {
  std::int32_t code;
  std::int32_t cuda;
};

static bool is(const char* word) {
  const char* const told = std::getenv("VYRE_FAKE_CUFILE");
  return told != nullptr && std::strcmp(told, word) == 0;
}

extern "C" Answer cuFileDriverOpen() {
  return is("closed") ? Answer{5011, 3} : Answer{0, 0};
}
extern "C" Answer cuFileDriverClose() {
  return {0, 0};
}
extern "C" Answer cuFileDriverGetProperties(void* properties) {
  struct {
    std::uint32_t major, minor;
    std::uint64_t poll_threshold, max_direct;
    std::uint32_t status, control;
  } told{0, 0, 0, 0, 0, 2};
  if (is("direct")) {
    told.major = 2;
    told.minor = 25;
    told.status = 1U << 4;
  }
  std::memcpy(properties, &told, sizeof told);
  return {0, 0};
}
