// The ingest object: its numbers come back, upstream's counters follow from them, and zero copy is
// claimed only where nothing was copied.
#include <gtest/gtest.h>

#include "sample.hpp"

namespace vyre::report {
namespace {

using test::everything_measured;
using test::some_ingest;

/// Everything direct, fixed, and copied by nobody.
IngestSection zero_copy() {
  IngestSection i;
  i.door = "io_uring";
  i.tiers.push_back({"A", 1, 8, 8, 8'192, 8'192, 8, 0, 8'192, 0, 0, 0});
  return i;
}

void expect_copied(const IngestSection& ingest, const std::string& part) {
  const Status claim = ingest.validate_completed_zero_copy();
  ASSERT_FALSE(claim);
  EXPECT_EQ(claim.error().code, Errc::mismatch);
  EXPECT_NE(claim.error().message.find(part), std::string::npos) << claim.error().message;
}

TEST(ReportIngest, ComesBackFromJsonFieldByField) {
  const auto read = from_json(to_json(everything_measured()));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_TRUE(read->ingest);
  const IngestSection& i = *read->ingest;
  const IngestSection& was = some_ingest();
  ASSERT_EQ(i.tiers.size(), 2U);
  EXPECT_EQ(i.tiers[0].tier, "A");
  EXPECT_EQ(i.tiers[0].failed_operations, 1U);
  EXPECT_EQ(i.tiers[1].user_copy_bytes, 4'096U);
  ASSERT_EQ(i.retries.size(), 2U);
  EXPECT_EQ(i.retries[1].error_number, 11);
  EXPECT_EQ(i.retries[1].count, 2U);
  EXPECT_EQ(i.latency->p99_ns, was.latency->p99_ns);
  EXPECT_EQ(i.vm_pin_kib, was.vm_pin_kib);
  EXPECT_EQ(i.item_requests_rejected, 3U);
}

TEST(ReportIngest, NoneStaysNone) {
  Document d = everything_measured();
  d.ingest.reset();
  const auto read = from_json(to_json(d));
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->ingest);
  EXPECT_EQ(summarise({*read}).find("ingest"), std::string::npos);
}

TEST(ReportIngest, WhatContradictsItselfIsNeitherReadNorWritten) {
  Document d = everything_measured();
  d.ingest->tiers[0].completed_operations = 101;
  EXPECT_EQ(from_json(to_json(d)).error().code, Errc::mismatch);
  EXPECT_EQ(write_json(d, "/nonexistent/report.json").error().code, Errc::internal);
  d = everything_measured();
  d.ingest->tiers[0].failed_operations = ~std::uint64_t{0};
  EXPECT_EQ(from_json(to_json(d)).error().code, Errc::mismatch);
  for (const char* const name : {"", "F", "AB", "a"}) {
    d = everything_measured();
    d.ingest->tiers[0].tier = name;
    EXPECT_EQ(from_json(to_json(d)).error().code, Errc::malformed) << name;
  }
}

TEST(ReportIngest, SeedCountersAreSumsOverTheTiers) {
  const IngestSection i = some_ingest();
  EXPECT_EQ(i.submitted_bytes(), 104'857'600U + 163'840U);
  EXPECT_EQ(i.completed_bytes(), 102'760'448U + 163'840U);
  EXPECT_EQ(i.submitted_reads(), 140U);
  EXPECT_EQ(i.completed_reads(), 138U);
  EXPECT_EQ(i.registered_mapped_read_submissions(), 110U);
  EXPECT_EQ(i.gpudirect_nvme_submissions(), 0U);
  EXPECT_EQ(i.cpu_bounce_bytes(), 163'840U + 4'096U);
  EXPECT_EQ(i.failed_completions(), 1U);
  IngestSection direct = zero_copy();
  direct.tiers[0].tier = "D";
  EXPECT_EQ(direct.gpudirect_nvme_submissions(), 8U);
}

TEST(ReportIngest, ZeroCopyIsClaimedWhereAllWasDirectFixedAndUntouched) {
  EXPECT_TRUE(zero_copy().validate_completed_zero_copy());
}

TEST(ReportIngest, ZeroCopyIsNotClaimedWhereAnythingWasCopied) {
  expect_copied(some_ingest(), "tier C");
  IngestSection i = zero_copy();
  i.tiers[0].kernel_copy_bytes = 1;
  expect_copied(i, "page cache");
  i = zero_copy();
  i.tiers[0].user_copy_bytes = 1;
  expect_copied(i, "copied again");
  i = zero_copy();
  i.tiers[0].direct_bytes -= 1;
  expect_copied(i, "O_DIRECT");
  i = zero_copy();
  i.tiers[0].plain_operations = 1;
  expect_copied(i, "registered");
}

TEST(ReportIngest, NothingReadIsNoZeroCopy) {
  IngestSection i = zero_copy();
  i.tiers.clear();
  expect_copied(i, "no byte");
}

TEST(ReportIngest, TheSummarySaysDoorTiersAndCopies) {
  const std::string text = summarise({everything_measured()});
  EXPECT_NE(text.find("ingest by io_uring: tier A 103 MB in 98 reads of 2 files, 1 failed; tier C "
                      "164 kB in 40 reads of 30 files, 834 MB/s\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("under way p50 32 p99 63 max 64"), std::string::npos) << text;
  EXPECT_NE(text.find("3 retries, 3 short"), std::string::npos) << text;
  EXPECT_NE(text.find("20 requests of items (6 not ok)"), std::string::npos) << text;
  EXPECT_NE(text.find("not zero copy: tier C"), std::string::npos) << text;
}

TEST(ReportIngest, SeveralDocumentsAreSummed) {
  Document threads = everything_measured();
  threads.ingest->door = "thread pool";
  threads.ingest->reason = "io_uring_setup: EPERM";
  threads.ingest->tiers.resize(1);
  threads.ingest->tiers[0].tier = "E";
  const std::string text = summarise({everything_measured(), threads, everything_measured()});
  EXPECT_NE(text.find("io_uring, thread pool (io_uring_setup: EPERM)"), std::string::npos) << text;
  EXPECT_NE(text.find("tier A 206 MB in 196 reads of 4 files, 2 failed"), std::string::npos)
      << text;
  EXPECT_NE(text.find("tier E 103 MB in 98 reads"), std::string::npos) << text;
  EXPECT_NE(text.find("9 retries"), std::string::npos) << text;
}

TEST(ReportIngest, ZeroCopyIsSaidInWords) {
  Document d = everything_measured();
  d.ingest = zero_copy();
  EXPECT_NE(summarise({d}).find("  zero copy\n"), std::string::npos) << summarise({d});
}

}  // namespace
}  // namespace vyre::report
