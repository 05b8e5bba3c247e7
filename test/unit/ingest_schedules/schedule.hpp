// One seeded schedule of the pump's core: files that change size, reads and cancels of several
// sinks, requests of items good and bad, a door with every fault, now and then a stop or a death.
// Then everything that must hold is checked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.hpp"

namespace vyre::ingest::test {

/// Memory that schedules use one after the other.
class Ground {
 public:
  static constexpr std::uint64_t kContentBytes{1 << 18};
  static constexpr std::uint64_t kStreamBytes{1 << 21};

  Ground();
  [[nodiscard]] MutableByteSpan memory() const;
  [[nodiscard]] std::uint8_t* streams() const;
  [[nodiscard]] const std::uint8_t* content() const { return content_.data(); }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const;
  };
  Bytes content_;
  std::unique_ptr<std::uint8_t, Free> memory_;
};

/// What schedules had in them, so that a test can say that they had it.
struct Tally {
  std::uint64_t reads{0};
  std::uint64_t ok{0};
  std::uint64_t end_of_file{0};
  std::uint64_t error{0};
  std::uint64_t cancelled{0};
  std::uint64_t short_reads{0};
  std::uint64_t retries{0};
  std::uint64_t strays{0};
  std::uint64_t requests{0};
  std::uint64_t rejected{0};
  std::uint64_t timeouts{0};
  std::uint64_t fences{0};
  std::uint64_t deaths{0};
  std::uint64_t stops{0};
  std::uint64_t abandoned{0};
  std::uint64_t unanswered{0};
};

/// Empty, or what did not hold.
[[nodiscard]] std::string run_schedule(std::uint64_t seed, const Ground& ground, Tally& tally);

}  // namespace vyre::ingest::test
