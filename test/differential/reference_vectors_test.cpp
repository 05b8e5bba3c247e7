// The reference executor on the shared vectors: every verdict and every byte. Skips where the files
// are absent.
#include <gtest/gtest.h>

#include "reference/evaluate.hpp"
#include "shared_vectors.hpp"
#include "vir/program/subgroup_ids.hpp"

namespace vyre {
namespace {

class ReferenceVectors : public testing::TestWithParam<const char*> {};

TEST_P(ReferenceVectors, GiveTheRecordedVerdictAndBytes) {
  int lines = 0;
  const bool present = test::for_each_vector(GetParam(), [&](const test::Vector& v) {
    ++lines;
    reference::Options options;
    options.fuel = 100'000'000;
    if (v.error.empty()) options.grid = v.grid;
    const auto outcome = reference::evaluate(v.program, v.inputs, options);
    if (!v.error.empty()) {
      if (vir::uses_subgroup_ids(v.program)) return;  // the recorder has no value for them
      EXPECT_NE(outcome.verdict, reference::Verdict::done) << v.name << ": expected " << v.error;
      if (v.error == "fault") {
        EXPECT_EQ(outcome.verdict, reference::Verdict::faulted)
            << v.name << ": " << outcome.message;
      }
      return;
    }
    ASSERT_EQ(outcome.verdict, reference::Verdict::done) << v.name << ": " << outcome.message;
    if (!v.order_dependent) {
      EXPECT_EQ(test::difference(v, outcome.outputs), "") << v.name;
    }
  });
  if (!present) GTEST_SKIP() << "shared vectors are absent";
  EXPECT_GT(lines, 0);
}

INSTANTIATE_TEST_SUITE_P(Shared, ReferenceVectors,
                         testing::Values("vir0-ops.jsonl.gz", "vir0-random.jsonl.gz",
                                         "vir0-synthetic.jsonl.gz", "upstream-ops-half.jsonl.gz",
                                         "upstream-subgroups.jsonl.gz"));

}  // namespace
}  // namespace vyre
