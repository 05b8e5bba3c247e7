// Images of several members on a device, the host's half: where they lie, what a region says of
// them, and what makes a run void. The kernel is a host thread (fake_door.hpp), which looks at the
// image as the kernel does and does not run it.
#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "core/image.hpp"
#include "cuda/host/fused_images.hpp"
#include "region_fixture.hpp"

namespace vyre::cuda {
namespace {

/// Two members, of which the second reads what the first one wrote.
class DeviceImages : public DeviceRegions {
 protected:
  void SetUp() override {
    DeviceRegions::SetUp();
    launch();
    for (const std::uint32_t handle : {1u, 2u, 3u})
      ASSERT_TRUE(running_.backend->allocate(handle, 64));
    const auto next = program(2);
    ASSERT_TRUE(running_.backend->add_program(kFirstUserOp, next));
  }
  static backend::ProgramOp program(std::uint32_t buffers) {
    auto image = std::make_shared<core::Image>();
    image->code.resize(4);
    image->statements.resize(4);
    image->buffers.resize(buffers, {4, 32, 0, 0});
    backend::ProgramOp op;
    op.name = "next";
    op.image = std::move(image);
    for (std::uint32_t b = 0; b < buffers; ++b)
      op.buffers.push_back({b % 2 == 0 ? core::BufferRole::read : core::BufferRole::allocated,
                            false, b % 2 == 0 ? 0u : 64u});
    op.grid_rule = {{16, 1, 1}, 0, 1};
    op.grid_buffers.resize(buffers);
    return op;
  }
  static std::shared_ptr<const backend::FusedProgram> image() {
    auto fused = std::make_shared<backend::FusedProgram>();
    fused->program = program(4);
    fused->unzeroed = {false, true, false, true};
    fused->ops = {kFirstUserOp, kFirstUserOp};
    fused->handed = {{1, 2, false}};
    return fused;
  }
  backend::FusedRegion region(std::shared_ptr<const backend::FusedProgram> program) {
    return {std::move(program), {{1, 64}, {2, 64}, {2, 64}, {3, 64}}, {1, 1, 1}};
  }
  std::uint32_t make(const backend::FusedRegion& region) {
    return *running_.backend->make_fused_region(items_, region);
  }
  void run(std::uint32_t block) {
    (void)publish(block);
    EXPECT_EQ(end().status(), CompletionStatus::done);
    running_.backend->free_region(block);
  }
  const std::vector<MegakernelWorkItem> items_{{kFirstUserOp, 1, 2, 0}, {kFirstUserOp, 2, 3, 0}};
};

TEST_F(DeviceImages, OneThatWasLoadedIsWhatTheSlotNamesAndOneThatWasNotIsAChain) {
  ASSERT_TRUE(running_.backend->runs_fused());
  const auto one = image();
  run(make(region(one)));
  EXPECT_EQ(running_.fake->images_run + running_.fake->images_void, 0u);
  ASSERT_TRUE(running_.backend->load_fused(one, soon()));
  ASSERT_TRUE(running_.backend->load_fused(one, soon())) << "a second time";
  run(make(region(one)));
  EXPECT_EQ(running_.fake->images_run, 1u);
  EXPECT_EQ(running_.fake->images_void, 0u);
}

TEST_F(DeviceImages, ABufferThatIsGoneOrHasAnotherLengthMakesTheRunVoid) {
  const auto one = image();
  ASSERT_TRUE(running_.backend->load_fused(one, soon()));
  backend::FusedRegion other = region(one);
  other.bound[3].bytes = 60;
  run(make(other));
  const std::uint32_t block = make(region(one));
  ASSERT_TRUE(running_.backend->release(2, soon()));
  run(block);
  EXPECT_EQ(running_.fake->images_run, 0u);
  EXPECT_EQ(running_.fake->images_void, 2u);
}

TEST_F(DeviceImages, MembersThatACallerCancelledAreNotRunByTheImage) {
  const auto one = image();
  ASSERT_TRUE(running_.backend->load_fused(one, soon()));
  const std::uint32_t block = make(region(one));
  const auto ahead = DeviceRegions::make({1});
  std::atomic<bool> published{false};
  running_.fake->before_member = [&](std::uint32_t) {
    // While a plain region ahead runs, so that the image has not started.
    if (running_.fake->images_void != 0) return;
    while (!published) std::this_thread::yield();
    EXPECT_EQ(cancel(1, block, 0b10), 1u);
  };
  (void)publish(*ahead);
  (void)publish(block);
  published = true;
  const auto ended = running_.collect(2);
  ASSERT_EQ(ended.size(), 2u);
  for (const auto& each : ended) {
    EXPECT_EQ(each.completion.status(),
              each.position == 0 ? CompletionStatus::done : CompletionStatus::faulted);
  }
  EXPECT_EQ(codes_of(block), (std::vector{FaultCode::none, FaultCode::cancelled}));
}

TEST_F(DeviceImages, MemoryOfImagesThatNoPlanHoldsIsUsedAgainUnderAnotherSerial) {
  // Each is more than half of the pool, so that two do not fit.
  const auto large = [&] {
    auto fused = std::make_shared<backend::FusedProgram>(*image());
    auto code = std::make_shared<core::Image>(*fused->program.image);
    const std::uint64_t pool = std::min(FusedImages::kPoolBytes, running_.device.arena_bytes / 8);
    code->code.resize(pool / 2 / sizeof(core::Instruction));
    code->statements.resize(code->code.size());
    fused->program.image = std::move(code);
    return fused;
  };
  std::uint32_t block = 0;
  {
    const auto first = large();
    ASSERT_TRUE(running_.backend->load_fused(first, soon()));
    const Status refused = running_.backend->load_fused(large(), soon());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::out_of_memory);
    block = make(region(first));
  }
  EXPECT_FALSE(running_.backend->load_fused(large(), soon())) << "the region holds the first one";
  run(block);
  const auto second = large();
  ASSERT_TRUE(running_.backend->load_fused(second, soon()));
  run(make(region(second)));
  EXPECT_EQ(running_.fake->images_run, 2u);
}

}  // namespace
}  // namespace vyre::cuda
