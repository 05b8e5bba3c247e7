// What the random programs promise: they validate, they run without a fault unless asked for one,
// and together they reach every operator, statement and type that can run.
#include <gtest/gtest.h>

#include <set>

#include "reference/evaluate.hpp"
#include "support/random_program.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/text/text.hpp"
#include "vir/wire/wire.hpp"

namespace vyre {
namespace {

constexpr std::uint64_t kFirstSeed{9'000'000};

TEST(RandomGenerator, MakesProgramsThatValidateAndRun) {
  for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + 400; ++seed) {
    test::Choice choice(seed);
    const auto random = test::random_case(choice);
    const auto outcome = reference::evaluate(random.program, random.inputs);
    ASSERT_EQ(outcome.verdict, reference::Verdict::done)
        << "seed " << seed << ": " << outcome.message << "\n"
        << vir::disassemble(random.program);
  }
}

TEST(RandomGenerator, MakesFaultsOnRequestAndOnlyThen) {
  test::RandomKnobs knobs;
  knobs.faulting = true;
  std::set<FaultCode> codes;
  int faulted = 0;
  for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + 400; ++seed) {
    test::Choice choice(seed);
    const auto random = test::random_case(choice, knobs);
    const auto outcome = reference::evaluate(random.program, random.inputs);
    ASSERT_NE(outcome.verdict, reference::Verdict::refused) << seed << ": " << outcome.message;
    if (outcome.verdict != reference::Verdict::faulted) continue;
    ++faulted;
    codes.insert(outcome.fault.code);
  }
  EXPECT_GT(faulted, 120);
  for (const FaultCode code :
       {FaultCode::trap, FaultCode::i32_division_by_zero, FaultCode::i32_division_overflow,
        FaultCode::bad_index, FaultCode::cast_out_of_range, FaultCode::type_mismatch,
        FaultCode::async_misuse, FaultCode::bad_operation}) {
    EXPECT_TRUE(codes.count(code) == 1) << static_cast<int>(code);
  }
}

TEST(RandomGenerator, ReachesEveryOperatorAndStatementThatCanRun) {
  std::set<vir::BinOp> binary;
  std::set<vir::UnOp> unary;
  std::set<vir::AtomicOp> atomics;
  std::set<vir::ExprTag> expressions;
  std::set<vir::NodeTag> statements;
  std::set<vir::TypeTag> elements;
  for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + 300; ++seed) {
    test::Choice choice(seed);
    const auto program = test::random_case(choice).program;
    for (const auto& e : program.exprs) {
      expressions.insert(e.tag);
      if (e.tag == vir::ExprTag::BinOp) binary.insert(static_cast<vir::BinOp>(e.op));
      if (e.tag == vir::ExprTag::UnOp) unary.insert(static_cast<vir::UnOp>(e.op));
      if (e.tag == vir::ExprTag::Atomic) atomics.insert(static_cast<vir::AtomicOp>(e.op));
    }
    for (const auto& n : program.nodes) statements.insert(n.tag);
    for (const auto& b : program.buffers) elements.insert(program.types[b.element].tag);
  }
  EXPECT_EQ(binary.size(), 29u);       // all 33 but Shuffle, Ballot, WaveReduce, WaveBroadcast
  EXPECT_EQ(unary.size(), 32u);        // all 36 but the four Unpacks
  EXPECT_EQ(atomics.size(), 9u);       // all 11 but CompareExchangeWeak and FetchNand
  EXPECT_EQ(expressions.size(), 21u);  // all but Call
  EXPECT_EQ(statements.size(), 12u);   // all but Trap, Resume, IndirectDispatch and the collectives
  EXPECT_EQ(elements.size(), 15u);
}

TEST(RandomGenerator, MakesProgramsThatSurviveTheWireAndTheText) {
  for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + 60; ++seed) {
    test::Choice choice(seed);
    const auto program = test::random_case(choice).program;
    const auto text = vir::assemble(vir::disassemble(program));
    ASSERT_TRUE(text) << seed << ": " << to_string(text.error());
    EXPECT_TRUE(vir::same_program(program, *text)) << seed;
    const auto blob = vir::encode(program);
    ASSERT_TRUE(blob) << seed << ": " << to_string(blob.error());
    const auto decoded = vir::decode(*blob);
    ASSERT_TRUE(decoded) << seed << ": " << to_string(decoded.error());
    EXPECT_EQ(*vir::encode(*decoded), *blob) << seed;
  }
}

TEST(RandomGenerator, MakesAProgramOfAnyBytes) {
  Bytes bytes;
  for (std::uint32_t i = 0; i < 300; ++i) {
    test::Choice choice{ByteSpan(bytes)};
    const auto random = test::random_case(choice);
    const auto outcome = reference::evaluate(random.program, random.inputs);
    ASSERT_EQ(outcome.verdict, reference::Verdict::done) << i << ": " << outcome.message;
    bytes.push_back(static_cast<std::uint8_t>(i * 167 + 13));
  }
}

TEST(RandomPrograms, GetTheSameGridFromPlainDataAsFromTheProgram) {
  for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + 1'000; ++seed) {
    test::Choice choice(seed);
    const auto random = test::random_case(choice);
    std::vector<std::uint64_t> lengths;
    for (const Bytes& input : random.inputs) lengths.push_back(input.size());
    const auto buffers = vir::plan_buffers(random.program, lengths);
    ASSERT_TRUE(buffers) << seed;
    const auto plan = vir::grid_rule(random.program);
    ASSERT_TRUE(plan) << seed << ": " << to_string(plan.error());
    for (const std::uint32_t param : {0u, choice.below(100'000), choice.word()}) {
      const auto want = param == 0 ? vir::infer_grid(random.program, buffers->byte_lengths)
                                   : vir::grid_for(random.program, param);
      vir::Grid have{};
      const bool fits = core::find_grid(plan->rule, plan->buffers.data(),
                                        static_cast<std::uint32_t>(plan->buffers.size()),
                                        buffers->byte_lengths, param, have.data());
      ASSERT_EQ(fits, want.has_value()) << "seed " << seed << ", param " << param;
      if (fits) {
        EXPECT_EQ(have, *want) << "seed " << seed << ", param " << param;
      }
    }
  }
}

}  // namespace
}  // namespace vyre
