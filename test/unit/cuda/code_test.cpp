// Compiled forms of programs, the host's half: which program gets one, and that modules are loaded
// between two launches only. The kernel is a host thread (fake_door.hpp), which runs no programs.
// What needs NVIDIA's linker skips where there is none.
#include <cstring>
#include <thread>

#include "core/image.hpp"
#include "cuda/link/linker.hpp"
#include "fixture.hpp"
#include "support/folder_fixture.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::cuda {
namespace {

/// Adds one to each element.
constexpr const char* kPlain{
    "workgroup 64, 1, 1;\nbuffer x: u32[] read_write;\nregion \"one\" {\n  x[gid.x] = x[gid.x] + "
    "1;\n}\n"};
/// Class C: what may end it depends on bytes that it writes.
constexpr const char* kInterpreted{
    "workgroup 64, 1, 1;\nbuffer x: i32[] read_write;\nregion \"twice\" {\n  x[gid.x] = x[gid.x] / "
    "x[gid.x + 1];\n  x[gid.x] = x[gid.x + 2] / x[gid.x];\n}\n"};

class DeviceCode : public test::InAFolder {
 protected:
  void SetUp() override {
    test::InAFolder::SetUp();
    running_.device.cache_folder = path("cache");
    running_.fake->architecture = 90;
  }
  static backend::ProgramOp program(const char* text) {
    const auto prepared = vir::prepare(vir::assemble(text).value()).value();
    EXPECT_TRUE(vir::validate(prepared));
    backend::ProgramOp op;
    op.name = "program";
    op.image = std::make_shared<const core::Image>(vir::lower(prepared).value());
    op.buffers = {{core::BufferRole::read_write, false, 0}};
    op.grid_rule = {{64, 1, 1}, 0, 1};
    op.grid_buffers.resize(1);
    return op;
  }
  [[nodiscard]] static bool can_link() {
    return Linker::load().has_value() && !own_functions().empty();
  }
  Running running_;
};

TEST_F(DeviceCode, IsOffUnlessItIsAskedFor) {
  running_.start();
  ASSERT_TRUE(running_.backend->add_program(kFirstUserOp, program(kPlain)));
  EXPECT_EQ(running_.fake->loads, 0u);
  EXPECT_EQ(running_.backend->code_facts().jit, backend::Jit::off);
}

TEST_F(DeviceCode, ThatIsForcedWhereNothingCompilesRefusesTheSessionByName) {
  running_.fake->architecture = 0;
  running_.device.jit = backend::Jit::force;
  const Status refused = running_.open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_NE(refused.error().message.find("programs cannot be compiled"), std::string::npos);
  running_.device.jit = backend::Jit::automatic;
  running_.start();
  EXPECT_NE(running_.backend->code_facts().why_not, "");
  EXPECT_TRUE(running_.backend->add_program(kFirstUserOp, program(kPlain)));
}

TEST_F(DeviceCode, ThatIsForcedIsLoadedBetweenLaunchesBeforeTheProgramIsAdded) {
  if (!can_link()) GTEST_SKIP() << "no linker";
  running_.device.jit = backend::Jit::force;
  running_.start();
  ASSERT_TRUE(running_.backend->add_program(kFirstUserOp, program(kPlain)));
  EXPECT_EQ(running_.fake->loads, 1u);
  EXPECT_EQ(running_.fake->loads_beside_a_kernel, 0u);
  ASSERT_TRUE(running_.backend->add_program(kFirstUserOp + 1, program(kInterpreted)));
  EXPECT_EQ(running_.fake->loads, 1u) << "class C is not compiled";
  const backend::CodeFacts facts = running_.backend->code_facts();
  EXPECT_EQ(facts.compiled, 1u);
  EXPECT_EQ(facts.interpreted, 1u);
  EXPECT_EQ(facts.made, 1u);
  // Items go on as before.
  (void)running_.submit(kFirstUserOp);
  EXPECT_EQ(running_.collect(1).size(), 1u);
}

TEST_F(DeviceCode, OfASecondBackendComesFromTheCache) {
  if (!can_link()) GTEST_SKIP() << "no linker";
  running_.device.jit = backend::Jit::force;
  for (const bool again : {false, true}) {
    running_.start();
    ASSERT_TRUE(running_.backend->add_program(kFirstUserOp, program(kPlain)));
    const backend::CodeFacts facts = running_.backend->code_facts();
    EXPECT_EQ(facts.made, again ? 0u : 1u);
    EXPECT_EQ(facts.from_memory + facts.from_folder, again ? 1u : 0u);
  }
}

TEST_F(DeviceCode, WhoseLoadingFailsRefusesTheProgramIfItIsForced) {
  if (!can_link()) GTEST_SKIP() << "no linker";
  running_.device.jit = backend::Jit::force;
  running_.fake->refuse_load = true;
  running_.start();
  const Status refused = running_.backend->add_program(kFirstUserOp, program(kPlain));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("compiling program 'program'"), std::string::npos);
  EXPECT_EQ(running_.backend->code_facts().failed, 1u);
  running_.fake->refuse_load = false;
  EXPECT_TRUE(running_.backend->add_program(kFirstUserOp, program(kPlain)));
}

TEST_F(DeviceCode, OfTheBackgroundComesInWhenTheKernelHasParked) {
  if (!can_link()) GTEST_SKIP() << "no linker";
  running_.device.jit = backend::Jit::automatic;
  running_.device.park_after = std::chrono::milliseconds{1};
  running_.start();
  ASSERT_TRUE(running_.backend->add_program(kFirstUserOp, program(kPlain)));
  const Deadline until = soon();
  while (running_.backend->code_facts().compiled == 0 && Clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(running_.fake->loads, 1u);
  EXPECT_EQ(running_.fake->words, 1u);
  EXPECT_EQ(running_.fake->loads_beside_a_kernel, 0u);
  EXPECT_EQ(running_.backend->code_facts().waiting, 0u);
}

TEST_F(DeviceCode, OfTheBackgroundDoesNotHoldUpTheEndOfABackendThatNeverParks) {
  if (!can_link()) GTEST_SKIP() << "no linker";
  running_.device.jit = backend::Jit::automatic;
  running_.device.park_after = {};
  running_.start();
  ASSERT_TRUE(running_.backend->add_program(kFirstUserOp, program(kPlain)));
  EXPECT_TRUE(running_.backend->stop(soon()));
  EXPECT_EQ(running_.fake->loads, 0u);
}

}  // namespace
}  // namespace vyre::cuda
