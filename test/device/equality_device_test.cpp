// One meaning on the resident kernel: shared vectors, cases, built-in ops and random programs
// through a cuda Session give what the reference gives, byte for byte, and fault where it faults.
// VYRE_SEED replays one random program; VYRE_TEST_SCALE=10 runs 10,000.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "conformance/conformance.hpp"
#include "differential/shared_vectors.hpp"
#include "protocol/fault_names.hpp"
#include "session_runner.hpp"
#include "support/builtin_cases.hpp"
#include "support/random_program.hpp"
#include "vir/text/text.hpp"

namespace vyre::test {
namespace {

constexpr std::uint64_t kFuel{std::uint64_t{1} << 20};

runtime::SessionOptions on_device(std::uint32_t queues = 1) {
  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cuda;
  options.queues = queues;
  options.fuel = kFuel;
  options.device_memory_bytes = std::uint64_t{2} << 30;
  return options;
}

// ---- shared vectors

TEST(DeviceEquality, SharedVectorsGiveTheirRecordedAnswers) {
  const std::filesystem::path folder = shared_vectors_folder();
  std::vector<std::string> files;
  for (const char* name : {"vir0-ops.jsonl.gz", "vir0-random.jsonl.gz", "vir0-synthetic.jsonl.gz",
                           "upstream-ops-half.jsonl.gz", "upstream-subgroups.jsonl.gz"}) {
    if (std::filesystem::exists(folder / name)) files.push_back(folder / name);
  }
  if (files.empty()) GTEST_SKIP() << "no shared vectors in " << folder;
  conformance::Options options;
  options.executor = conformance::Executor::cuda;
  const auto summary = conformance::run_files(files, options, [](const auto& failure) {
    ADD_FAILURE() << failure.file << ":" << failure.line << " " << failure.name << ": "
                  << failure.why;
  });
  ASSERT_TRUE(summary) << to_string(summary.error());
  std::printf("%llu cases, %llu passed\n", static_cast<unsigned long long>(summary->cases),
              static_cast<unsigned long long>(summary->passed));
  EXPECT_EQ(summary->passed, summary->cases);
  EXPECT_GT(summary->cases, 100u);
}

// ---- cases (test/cases)

using Words = std::vector<std::uint32_t>;

Bytes bytes_of_words(const Words& words) {
  Bytes bytes;
  for (const std::uint32_t word : words) append_le(bytes, word);
  return bytes;
}

/// The param with which a session's grid is the case's; nullopt: no session can be asked for it.
std::optional<std::uint32_t> param_for(const vir::Program& program,
                                       const std::vector<Bytes>& inputs, const vir::Grid& grid) {
  std::vector<std::uint64_t> lengths;
  for (const Bytes& input : inputs) lengths.push_back(input.size());
  const auto plan = vir::plan_buffers(program, lengths);
  if (!plan) return std::nullopt;
  const auto inferred = vir::infer_grid(program, plan->byte_lengths);
  if (inferred && *inferred == grid) return 0;
  std::uint64_t lanes = 1;
  for (int axis = 0; axis < 3; ++axis) lanes *= std::uint64_t{grid[axis]} * program.workgroup[axis];
  if (lanes == 0 || lanes > 0xFFFF'FFFFu) return std::nullopt;
  const auto given = vir::grid_for(program, lanes);
  if (!given || *given != grid) return std::nullopt;
  return static_cast<std::uint32_t>(lanes);
}

TEST(DeviceEquality, CasesGiveTheirAnswers) {
  const std::filesystem::path folder = source_folder() / "test" / "cases";
  auto options = on_device();
  options.fuel = kDefaultFuel;
  auto session = runtime::Session::open(options);
  ASSERT_TRUE(session) << to_string(session.error());
  SessionRunner runner(*session, "case");
  int ran = 0;
  int other_grid = 0;
  int refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    for (const auto& c : nlohmann::json::parse(file)) {
      SCOPED_TRACE(c["name"].get<std::string>());
      if (c.contains("refused")) continue;  // by the validator, before any executor
      const auto program = vir::assemble(c["program"].get<std::string>());
      ASSERT_TRUE(program);
      std::vector<Bytes> inputs;
      for (const auto& words : c["inputs"].get<std::vector<Words>>())
        inputs.push_back(bytes_of_words(words));
      const auto param = param_for(*program, inputs, c["grid"].get<vir::Grid>());
      if (!param) {
        ++other_grid;
        continue;
      }
      ++ran;
      const CpuRun have = runner.run(*program, inputs, *param);
      if (have.message.find("bytes of scratch for each warp") != std::string::npos) {
        ++refused;  // by name, when the program was added
        continue;
      }
      if (c.contains("fault")) {
        const auto& fault = c["fault"];
        EXPECT_EQ(fault_name(have.fault.code), fault["code"].get<std::string>()) << have.message;
        EXPECT_EQ(have.fault.workgroup, fault["workgroup"].get<std::uint64_t>());
        EXPECT_EQ(have.fault.lane, fault["lane"].get<std::uint32_t>());
        EXPECT_EQ(have.fault.statement, fault["statement"].get<std::uint32_t>());
        continue;
      }
      EXPECT_EQ(have.verdict, CpuRun::Verdict::done) << have.message;
      std::vector<Bytes> want;
      for (const auto& words : c["outputs"].get<std::vector<Words>>())
        want.push_back(bytes_of_words(words));
      EXPECT_TRUE(have.outputs == want) << "other bytes than the case says";
    }
  }
  std::printf(
      "%d cases, %d of them want more scratch than a warp has, %d more ask for a grid that a "
      "session "
      "cannot be asked for\n",
      ran, refused, other_grid);
  EXPECT_GT(ran, 30);
  EXPECT_LE(refused, 1);
}

// ---- built-in ops

TEST(DeviceEquality, BuiltInOpsGiveWhatTheirPlainFormsGive) {
  auto session = runtime::Session::open(on_device());
  ASSERT_TRUE(session) << to_string(session.error());
  int ran = 0;
  each_builtin_case([&](const BuiltinCase& c) {
    ++ran;
    const std::string wrong = run_builtin_case(*session, c);
    EXPECT_EQ(wrong, "") << c.name;
  });
  std::printf("%d cases of built-in ops\n", ran);
  EXPECT_GT(ran, 20);
}

// ---- random programs

/// What several threads found out about random programs on one session.
struct Found {
  std::mutex mutex;
  std::uint64_t compared{0};
  std::uint64_t faulted{0};
  int wrong{0};
  std::map<std::string, int> unsupported;
  std::set<FaultCode> codes;
};

void compare(SessionRunner& runner, std::uint64_t seed, const RandomKnobs& knobs, bool same_fault,
             Found& found) {
  Choice choice(seed);
  const RandomCase random = random_case(choice, knobs);
  reference::Options how;
  how.fuel = kFuel;
  const auto want = reference::evaluate(random.program, random.inputs, how);
  const CpuRun have = runner.run(random.program, random.inputs);
  const std::string difference = have.verdict == CpuRun::Verdict::unsupported
                                     ? std::string()
                                     : disagreement(want, have, same_fault);
  const std::lock_guard lock(found.mutex);
  if (have.verdict == CpuRun::Verdict::unsupported) {
    ++found.unsupported[have.message];
    return;
  }
  ++found.compared;
  if (have.verdict == CpuRun::Verdict::faulted) {
    ++found.faulted;
    found.codes.insert(have.fault.code);
  }
  if (difference.empty() || ++found.wrong > 5) return;
  ADD_FAILURE() << "VYRE_SEED=" << seed << ": " << difference;
}

/// Threads share one session, so programs meet on the device; each seed is one program.
void sweep(std::uint64_t first_seed, std::uint64_t programs, const RandomKnobs& knobs,
           bool same_fault, Found& found) {
  const std::uint64_t only = number_from_environment("VYRE_SEED", 0);
  const std::uint64_t total =
      only != 0 ? 1 : programs * number_from_environment("VYRE_TEST_SCALE", 1);
  const std::uint32_t threads =
      only != 0 ? 1 : std::min(8u, std::max(1u, std::thread::hardware_concurrency()));
  auto session = runtime::Session::open(on_device());
  ASSERT_TRUE(session) << to_string(session.error());
  std::atomic<std::uint64_t> next{0};
  std::vector<std::thread> threads_running;
  for (std::uint32_t t = 0; t < threads; ++t) {
    threads_running.emplace_back([&, t] {
      SessionRunner runner(*session, "t" + std::to_string(t) + "_");
      for (std::uint64_t i = next++; i < total; i = next++) {
        compare(runner, only != 0 ? only : first_seed + i, knobs, same_fault, found);
      }
    });
  }
  for (std::thread& thread : threads_running) thread.join();
  std::printf("seeds from %llu: %llu compared, %llu faulted, %d wrong\n",
              static_cast<unsigned long long>(only != 0 ? only : first_seed),
              static_cast<unsigned long long>(found.compared),
              static_cast<unsigned long long>(found.faulted), found.wrong);
  for (const auto& [why, times] : found.unsupported) std::printf("  %d x %s\n", times, why.c_str());
  EXPECT_GT(found.compared, 0u);
  EXPECT_EQ(found.wrong, 0);
  EXPECT_TRUE(session->close());
}

TEST(DeviceRandom, ProgramsGiveTheReferencesBytes) {
  Found found;
  sweep(20'000'000, 1'000, {}, true, found);
}

TEST(DeviceRandom, ProgramsOfGreatDepthAgreeToo) {
  RandomKnobs knobs;
  knobs.statements = 60;
  knobs.expression_depth = 7;
  knobs.nesting = 6;
  Found found;
  sweep(25'000'000, 60, knobs, true, found);
}

TEST(DeviceRandom, ProgramsWithOneFaultStopAtTheSameStatementOfTheSameWorkgroup) {
  RandomKnobs knobs;
  knobs.faulting = true;
  Found found;
  sweep(9'000'000, 400, knobs, true, found);
  if (number_from_environment("VYRE_SEED", 0) != 0) return;
  for (const FaultCode code :
       {FaultCode::trap, FaultCode::i32_division_by_zero, FaultCode::i32_division_overflow,
        FaultCode::bad_index, FaultCode::cast_out_of_range, FaultCode::type_mismatch,
        FaultCode::async_misuse, FaultCode::bad_operation}) {
    EXPECT_EQ(found.codes.count(code), 1u) << fault_name(code) << " never came";
  }
}

TEST(DeviceRandom, ProgramsWhoseVariablesChangeKindAgreeOrAreNotLowered) {
  RandomKnobs knobs;
  knobs.mixed_kinds = true;
  Found found;
  sweep(26'000'000, 150, knobs, false, found);
}

TEST(DeviceRandom, ProgramsWithManyFaultsNameTheSameOne) {
  RandomKnobs knobs;
  knobs.many_faults = true;
  Found found;
  sweep(27'000'000, 400, knobs, true, found);
}

}  // namespace
}  // namespace vyre::test
