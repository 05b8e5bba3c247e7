// Watched programs: whatever is watched, results, faults and grids stay what they were, and the
// records are the same on the reference and on the image interpreter.
#include <gtest/gtest.h>

#include <set>

#include "executors.hpp"
#include "support/random_program.hpp"
#include "vir/lower/watch.hpp"
#include "vir/program/statements.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

/// Names that Lets and Loops of the program bind, without the old values of atomics, whose order is
/// open.
std::vector<std::string> variables_of(const vir::Program& program) {
  std::set<std::string> names;
  for (const vir::Node& node : program.nodes) {
    if (node.tag == vir::NodeTag::Let || node.tag == vir::NodeTag::Loop)
      names.insert(program.name(node.name));
  }
  std::erase_if(names, [](const std::string& name) { return name.starts_with("old"); });
  return {names.begin(), names.end()};
}

/// Watches of random statements with what is in scope there.
std::vector<vir::Watch> random_watches(test::Choice& choice, const vir::Program& program) {
  const auto statements = static_cast<std::uint32_t>(vir::numbered_statements(program).size());
  const std::vector<std::string> names = variables_of(program);
  std::vector<vir::Watch> watches;
  for (std::uint32_t i = 0, count = 1 + choice.below(3); i < count; ++i) {
    vir::Watch watch;
    watch.statements = {choice.below(statements)};
    if (choice.below(3) == 0) watch.lanes = {choice.below(8), 8 + choice.below(64)};
    for (int tries = 0; tries < 8 && !names.empty() && watch.values.size() < 2; ++tries) {
      vir::Watch wider = watch;
      wider.values.push_back(names[choice.below(static_cast<std::uint32_t>(names.size()))]);
      if (vir::watched(program, std::span(&wider, 1), 1)) watch = std::move(wider);
    }
    watches.push_back(std::move(watch));
  }
  return watches;
}

std::vector<ByteSpan> last(const std::vector<Bytes>& outputs, std::size_t count) {
  return {outputs.end() - static_cast<std::ptrdiff_t>(count), outputs.end()};
}

std::string text_of(const vir::WatchLog& log) {
  std::string text = "dropped " + std::to_string(log.dropped) + "\n";
  for (const vir::WatchRecord& r : log.records) {
    text += std::to_string(r.watch) + "." + std::to_string(r.site);
    for (const std::uint32_t axis : r.workgroup) text += " " + std::to_string(axis);
    text += " lane " + std::to_string(r.lane);
    for (const std::uint64_t value : r.values) text += " " + std::to_string(value);
    text += "\n";
  }
  return text;
}

/// "" or what is wrong. `records`: told how many there were.
std::string check(const test::RandomCase& random, test::Choice& choice, std::uint64_t& records) {
  const auto prepared = vir::prepare(random.program);
  if (!prepared || !vir::validate(*prepared)) return "";
  const auto watches = random_watches(choice, *prepared);
  const auto made = vir::watched(*prepared, watches, 1u << 16);
  if (!made) return to_string(made.error());
  // The validator takes some kinds for others: such values are refused before anything runs.
  if (!vir::validate(made->program)) return "";
  const auto plain = reference::evaluate(*prepared, random.inputs);
  const auto want = reference::evaluate(made->program, random.inputs);
  if (want.verdict != plain.verdict) return "the verdict is another: " + want.message;
  if (want.fault.code != plain.fault.code || want.fault.statement != plain.fault.statement ||
      want.fault.workgroup != plain.fault.workgroup || want.fault.lane != plain.fault.lane)
    return "the fault is another";
  const auto have = test::run_cpu(made->program, random.inputs);
  if (have.verdict == test::CpuRun::Verdict::unsupported) return "";
  if (want.verdict != reference::Verdict::done) return test::disagreement(want, have, true);
  const std::size_t added = want.outputs.size() - plain.outputs.size();
  for (std::size_t i = 0; i < plain.outputs.size(); ++i) {
    if (want.outputs[i] != plain.outputs[i]) return "an output is another on the reference";
    if (have.outputs.at(i) != plain.outputs[i]) return "an output is another on the interpreter";
  }
  const auto judged = vir::read_watch_log(*made, last(want.outputs, added));
  const auto read = vir::read_watch_log(*made, last(have.outputs, added));
  if (!judged || !read) return "the log cannot be read";
  if (judged->dropped == 0 && text_of(*judged) != text_of(*read))
    return "the records differ:\n" + text_of(*judged) + "and\n" + text_of(*read);
  if (judged->dropped != read->dropped || judged->records.size() != read->records.size())
    return "the counts differ";
  records += judged->records.size();
  return "";
}

TEST(Watches, OfRandomProgramsChangeNothingAndAgreeOnEachExecutor) {
  const std::uint64_t only = test::number_from_environment("VYRE_SEED", 0);
  const std::uint64_t scale = test::number_from_environment("VYRE_TEST_SCALE", 1);
  std::uint64_t records = 0;
  int wrong = 0;
  for (std::uint64_t i = 0; i < (only != 0 ? 1 : 400 * scale) && wrong < 5; ++i) {
    const std::uint64_t seed = only != 0 ? only : 11'000'000 + i;
    test::Choice choice(seed);
    test::RandomKnobs knobs;
    knobs.faulting = seed % 4 == 0;
    const test::RandomCase random = test::random_case(choice, knobs);
    const std::string why = check(random, choice, records);
    if (why.empty()) continue;
    ++wrong;
    ADD_FAILURE() << "VYRE_SEED=" << seed << ": " << why << vir::disassemble(random.program);
  }
  EXPECT_GT(records, 1'000u);
}

constexpr const char* kLoop{
    "workgroup 4, 1, 1;\n"
    "buffer y: u32[8] read_write output live_out;\n"
    "region \"r\" {\n"
    "  let sum = 0u;\n"
    "  let part = 0.5f;\n"
    "  for i in 0u..gid.x {\n"
    "    sum = sum + i;\n"
    "    part = part * 2.0f;\n"
    "  }\n"
    "  y[gid.x] = sum;\n"
    "}\n"};

/// Statements of kLoop: 0 region, 1 and 2 lets, 3 for, 4 and 5 in it, 6 the store.
vir::Watched watched_loop(std::vector<vir::Watch> watches, std::uint32_t records) {
  const auto program = vir::assemble(kLoop);
  EXPECT_TRUE(program);
  const auto prepared = vir::prepare(*program);
  EXPECT_TRUE(prepared);
  auto made = vir::watched(*prepared, watches, records);
  EXPECT_TRUE(made) << to_string(made.error());
  return std::move(made).value();
}

TEST(Watches, RecordsComeByLaneAndInTheLanesOwnOrder) {
  const auto made = watched_loop({{{5}, {"sum", "part"}}}, 100);
  const auto ran = reference::evaluate(made.program, {});
  ASSERT_EQ(ran.verdict, reference::Verdict::done) << ran.message;
  const auto log = vir::read_watch_log(made, last(ran.outputs, 2));
  ASSERT_TRUE(log) << to_string(log.error());
  ASSERT_EQ(log->records.size(), 0u + 1 + 2 + 3 + 4 + 5 + 6 + 7);
  EXPECT_EQ(log->dropped, 0u);
  const vir::WatchRecord& r = log->records.back();  // lane 7, its last iteration
  EXPECT_EQ(r.workgroup[0], 1u);
  EXPECT_EQ(r.lane, 3u);
  EXPECT_EQ(r.values[0], 0u + 1 + 2 + 3 + 4 + 5 + 6);
  EXPECT_EQ(r.values[1], 0x42000000u);  // 0.5 * 2^6
}

TEST(Watches, WhatFindsNoRoomIsCounted) {
  const auto made = watched_loop({{{4}, {"i"}}, {{6}, {}}}, 5);
  for (const bool on_reference : {true, false}) {
    const auto outputs = on_reference ? reference::evaluate(made.program, {}).outputs
                                      : test::run_cpu(made.program, {}).outputs;
    const auto log = vir::read_watch_log(made, last(outputs, 1));
    ASSERT_TRUE(log);
    EXPECT_EQ(log->records.size(), 5u);
    EXPECT_EQ(log->dropped, 28u + 8 - 5);
  }
}

TEST(Watches, StatementsKeepTheirNumbersAndGridsTheirSize) {
  const auto program = vir::assemble(kLoop);
  const auto made = watched_loop({{{6}, {"sum"}}, {{0}, {}}}, 1'000);
  const auto before = vir::numbered_statements(*vir::prepare(*program));
  const auto after = vir::numbered_statements(made.program);
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(made.program.nodes[after[i]].tag, program->nodes[before[i]].tag);
  std::vector<std::uint64_t> bytes;
  for (const auto& buffer : made.program.buffers)
    bytes.push_back(*vir::required_bytes(made.program, buffer));
  EXPECT_EQ(*vir::infer_grid(made.program, bytes), (vir::Grid{2, 1, 1}));
  const auto rule = vir::grid_rule(made.program);
  std::uint32_t grid[3];
  ASSERT_TRUE(core::find_grid(rule->rule, rule->buffers.data(),
                              static_cast<std::uint32_t>(rule->buffers.size()), bytes, 0, grid));
  EXPECT_EQ(grid[0], 2u);
}

TEST(Watches, OfWhatIsNotThereAreRefused) {
  const auto prepared = vir::prepare(*vir::assemble(kLoop));
  const auto why = [&](vir::Watch watch, std::uint32_t records = 8) {
    const auto made = vir::watched(*prepared, std::span(&watch, 1), records);
    return made ? std::string() : made.error().message;
  };
  EXPECT_NE(why({{7}, {}}).find("the last one is 6"), std::string::npos);
  EXPECT_NE(why({{6}, {"i"}}).find("no variable 'i'"), std::string::npos);
  EXPECT_NE(why({{6}, {"i"}}).find("it has sum, part"), std::string::npos);
  EXPECT_NE(why({{1}, {"sum"}}).find("no variable 'sum'"), std::string::npos);
  EXPECT_NE(why({{6}, {}}, 0).find("from 1 to"), std::string::npos);
  const auto made = watched_loop({{{6}, {}}}, 8);
  const vir::Watch again{{6}, {}};
  EXPECT_FALSE(vir::watched(made.program, std::span(&again, 1), 8));
}

TEST(Watches, LogsOfOtherBytesAreRefused) {
  const auto made = watched_loop({{{6}, {}}}, 8);
  const Bytes none;
  EXPECT_FALSE(vir::read_watch_log(made, {}));
  EXPECT_FALSE(vir::read_watch_log(made, std::vector<ByteSpan>{none}));
  Bytes log(std::size_t{9} * 32);
  EXPECT_TRUE(vir::read_watch_log(made, std::vector<ByteSpan>{log}));
  log[0] = 1;   // a record
  log[32] = 9;  // of a site that there is not
  EXPECT_FALSE(vir::read_watch_log(made, std::vector<ByteSpan>{log}));
}

}  // namespace
}  // namespace vyre
