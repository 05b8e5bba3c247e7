// The ops once more, as short as can be and written apart from host/builtin: what the plain forms
// are compared with. Test support.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "builtin/ops.hpp"
#include "support/builtin_cases.hpp"

namespace vyre::builtin::test {

using vyre::test::noise;
using vyre::test::noise_bytes;
using Words = std::vector<std::uint32_t>;

inline Words words_in(ByteSpan bytes) {
  Words words;
  for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4)
    words.push_back(load_le<std::uint32_t>(bytes, i));
  return words;
}

inline std::vector<Buffer> buffers(std::vector<Bytes>& bytes, std::uint32_t first_handle) {
  std::vector<Buffer> list;
  for (Bytes& b : bytes) list.push_back({b.data(), b.size(), first_handle++, false});
  return list;
}

/// Runs an op over zeroed outputs of these lengths.
inline std::vector<Bytes> outputs_of(Op op, std::vector<Bytes> inputs,
                                     const std::vector<std::size_t>& lengths,
                                     std::uint32_t param = 0) {
  std::vector<Bytes> outputs;
  for (const std::size_t length : lengths) outputs.emplace_back(length);
  EXPECT_EQ(run(static_cast<std::uint32_t>(op), buffers(inputs, 1), buffers(outputs, 100), param),
            FaultCode::none);
  return outputs;
}

/// VYRE_SEED replays; print it when something fails.
inline std::uint64_t test_seed() {
  const char* given = std::getenv("VYRE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : 20'261'122;
}

}  // namespace vyre::builtin::test
