// Programs that race and programs that do not, on the reference executor, and what is said of them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "reference/evaluate.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::reference {
namespace {

struct Judged {
  Outcome outcome;
  vir::Program program;
  vir::SourceMap places;

  [[nodiscard]] std::string said() const {
    return outcome.races.list.empty() ? std::string()
                                      : to_string(program, places, "p.vir", outcome.races.list[0]);
  }
};

constexpr std::uint32_t kWordCount{64};

/// `a` and `o` have 64 words each, `w` 64 words of the workgroup; two workgroups of 32 lanes.
Judged judge(const std::string& body, std::vector<std::uint32_t> memory_of = {}) {
  Judged judged;
  const auto program = vir::assemble(
      "workgroup 32, 1, 1;\nbuffer a: u32[64] read_write;\nbuffer o: u32[64] read_write;\n"
      "buffer b: u8[64] read_write;\nbuffer w: u32[64] workgroup;\nregion \"r\" {\n" +
          body + "\n}\n",
      &judged.places);
  EXPECT_TRUE(program.has_value()) << body << ": " << to_string(program.error());
  if (!program) return judged;
  const auto prepared = vir::prepare(*program);
  EXPECT_TRUE(prepared.has_value());
  judged.program = *prepared;
  const std::vector<Bytes> inputs{Bytes(kWordCount * 4), Bytes(kWordCount * 4), Bytes(kWordCount)};
  Options options;
  options.check_races = true;
  options.memory_of = std::move(memory_of);
  judged.outcome = evaluate(*program, inputs, options);
  EXPECT_NE(judged.outcome.verdict, Verdict::refused) << body << ": " << judged.outcome.message;
  return judged;
}

bool races(const std::string& body) {
  return !judge(body).outcome.races.none();
}

TEST(Races, PlainAccessesOfTwoLanesWithAWriterAmongThem) {
  EXPECT_TRUE(races("o[0] = gid.x;"));
  EXPECT_TRUE(races("o[gid.x / 2] = 1;")) << "the same value is no excuse";
  EXPECT_TRUE(races("o[gid.x] = a[gid.x]; a[(gid.x + 1) % 64] = 1;"));
  EXPECT_TRUE(races("w[lid.x] = 1; o[gid.x] = w[(lid.x + 1) % 32];"));
  EXPECT_TRUE(races("if lid.x == 0 { a[0] = 1; } o[gid.x] = a[0];"));
  EXPECT_TRUE(races("if a[0] == 0 { if lid.x == 3 { a[0] = 1; } }")) << "a condition reads too";
  EXPECT_FALSE(races("o[gid.x] = a[gid.x] + a[0];"));
  EXPECT_FALSE(races("o[gid.x] = 1; o[gid.x] = o[gid.x] + 1;"));
  EXPECT_FALSE(races("b[gid.x] = u8(1);")) << "neighbours in one word are other bytes";
  EXPECT_FALSE(races("o[64 + gid.x % 2] = gid.x;")) << "out of bounds touches nothing";
}

TEST(Races, BarriersOrderAWorkgroupOnly) {
  EXPECT_FALSE(races("w[lid.x] = gid.x; barrier; o[gid.x] = w[31 - lid.x];"));
  EXPECT_TRUE(races("w[lid.x] = gid.x; barrier; o[gid.x] = w[31 - lid.x]; w[lid.x] = 2;"));
  EXPECT_FALSE(
      races("w[lid.x] = gid.x; barrier; o[gid.x] = w[31 - lid.x]; barrier; w[lid.x] = 2;"));
  EXPECT_FALSE(races("a[gid.x] = 1; barrier; o[gid.x] = a[wid.x * 32 + 31 - lid.x];"));
  EXPECT_TRUE(races("a[gid.x] = 1; barrier; o[gid.x] = a[63 - gid.x];"))
      << "no barrier orders two workgroups";
  EXPECT_FALSE(races("for i in 0..4 { w[(lid.x + i) % 32] = i; barrier; }"));
  EXPECT_TRUE(races("for i in 0..4 { w[(lid.x + i) % 32] = i; }"));
}

TEST(Races, AtomicsAmongThemselvesAreNone) {
  EXPECT_FALSE(races("let x = atomic_add(a[0], 1);"));
  EXPECT_FALSE(races("let x = atomic_add(a[0], 1); o[x] = 1;")) << "each lane has its own place";
  EXPECT_TRUE(races("let x = atomic_add(a[0], 1); barrier; o[gid.x] = a[0];"));
  EXPECT_FALSE(races("if wid.x == 0 { let x = atomic_add(a[0], 1); barrier; o[lid.x] = a[0]; }"));
  EXPECT_TRUE(races("if lid.x == 0 { let x = atomic_add(a[0], 1); } else { a[0] = 3; }"));
}

TEST(Races, CopiesReadWhereTheyStartAndWriteWhereTheyAreWaitedFor) {
  const std::string one = "if wid.x == 0 {";
  EXPECT_FALSE(races(one + "if lid.x == 0 { async_load(a, o, 0, 64, t); async_wait(t); } }"));
  EXPECT_TRUE(races("async_load(a, o, 0, 64, t); async_wait(t);")) << "every lane writes o";
  EXPECT_TRUE(races(one + "if lid.x == 0 { async_load(a, o, 0, 64, t); async_wait(t); } "
                          "else { a[lid.x] = 1; } }"))
      << "the source is written meanwhile";
  EXPECT_FALSE(races(one + "if lid.x == 0 { async_load(a, o, 0, 8, t); async_wait(t); } "
                           "else { o[lid.x + 1] = 1; } }"))
      << "other bytes";
  EXPECT_TRUE(races(one + "if lid.x == 0 { async_load(a, o, 0, 9, t); async_wait(t); } "
                          "else { o[lid.x + 1] = 1; } }"))
      << "one byte is enough";
  EXPECT_FALSE(races(one + "if lid.x == 0 { async_load(a, w, 0, 128, t); async_wait(t); } barrier; "
                           "o[lid.x] = w[lid.x]; }"));
  EXPECT_TRUE(races(one + "if lid.x == 0 { async_load(a, w, 0, 128, t); } barrier; "
                          "o[lid.x] = w[lid.x]; if lid.x == 0 { async_wait(t); } }"))
      << "the write is behind the barrier";
}

TEST(Races, TwoNamesOfOneBufferAreOneMemory) {
  EXPECT_TRUE(judge("o[gid.x] = a[63 - gid.x];").outcome.races.none());
  const Judged alias = judge("o[gid.x] = a[63 - gid.x];", {0, 0, 2, 3});
  EXPECT_FALSE(alias.outcome.races.none());
  EXPECT_NE(alias.said().find("'a' and 'o', which share their memory"), std::string::npos)
      << alias.said();
}

TEST(Races, AreToldWithBothLanesWorkgroupsStatementsAndPlaces) {
  const Judged judged = judge("let x = gid.x;\n  if x == 33 { o[5] = 1; }\n  a[x] = 2 + o[5];");
  EXPECT_EQ(judged.said(),
            "data race on 'o', byte 20 (element 5): a load by lane 0 of workgroup 0 at "
            "p.vir:9:14 (statement 4: a[x] = 2u + o[5u];), and a store by lane 1 of workgroup 1 at "
            "p.vir:8:16 (statement 3: o[5u] = 1u;); 32 times");
}

TEST(Races, WithoutATextTheStatementIsNamedAlone) {
  Judged judged = judge("o[0] = gid.x;");
  judged.places = {};
  const std::string begin =
      "data race on 'o', byte 0 (element 0): a store by lane 0 of workgroup 0 (statement 1: "
      "o[0u] = gid.x;), and a store by lane 1 of workgroup 0 (statement 1: o[0u] = gid.x;)";
  EXPECT_EQ(judged.said().substr(0, begin.size()), begin);
}

TEST(Races, AreAlsoToldOfAProgramThatFaults) {
  const Judged judged = judge("o[0] = gid.x; if lid.x == 3 { trap(1, t); }");
  EXPECT_EQ(judged.outcome.verdict, Verdict::faulted);
  EXPECT_FALSE(judged.outcome.races.none());
}

TEST(Races, AreNotLookedForUnlessAsked) {
  const auto program = vir::assemble(
      "workgroup 32, 1, 1; buffer o: u32[64] read_write; region \"r\" { o[0] = gid.x; }");
  ASSERT_TRUE(program.has_value());
  const std::vector<Bytes> inputs{Bytes(256)};
  EXPECT_TRUE(evaluate(*program, inputs).races.none());
}

}  // namespace
}  // namespace vyre::reference
