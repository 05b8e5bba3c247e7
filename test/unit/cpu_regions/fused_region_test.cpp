// The CPU backend and images of several members: it runs them where they fit, and the members one
// after another where they do not.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "cpu/backend/backend.hpp"
#include "vir/lower/fuse.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::cpu {
namespace {

constexpr std::uint32_t kOp{kFirstUserOp};
constexpr std::uint32_t kIn{1};
constexpr std::uint32_t kMiddle{2};
constexpr std::uint32_t kOut{3};
constexpr std::uint32_t kLong{4};  // more elements than the program writes
constexpr std::uint32_t kOne{5};   // these two are one piece of memory
constexpr std::uint32_t kSame{6};

class Listening final : public backend::Listener {
 public:
  void posted() noexcept override {}
  void idle() noexcept override {}
};

/// y = x + 1 over 64 elements, as one program and twice in one image. The first y is not stored, so
/// that its bytes tell which of the two has run.
class FusedRegions : public testing::Test {
 protected:
  void SetUp() override {
    auto program =
        vir::prepare(*vir::assemble("workgroup 64, 1, 1;\nbuffer x: u32[] read_only;\n"
                                    "buffer y: u32[64] read_write output live_out;\nregion \"r\" { "
                                    "y[gid.x] = x[gid.x] + 1; }\n"));
    ASSERT_TRUE(program);
    ASSERT_TRUE(vir::validate(*program));
    auto image = vir::lower(*program);
    ASSERT_TRUE(image);
    const auto grid = vir::grid_rule(*program);
    ASSERT_TRUE(grid);
    backend::ProgramOp op{
        "next",
        std::make_shared<const core::Image>(std::move(*image)),
        {{core::BufferRole::read, false, 0}, {core::BufferRole::allocated, false, 256}},
        grid->rule,
        grid->buffers};
    const core::Image* const both[] = {op.image.get(), op.image.get()};
    const vir::HandOver handed[] = {{{0, 1}, {{1, 0}}, 64, false, false}};
    auto fused = vir::fuse(both, handed);
    ASSERT_TRUE(fused);
    fused_.program = op;
    fused_.program.image = std::make_shared<const core::Image>(std::move(*fused));
    fused_.program.buffers.insert(fused_.program.buffers.end(), op.buffers.begin(),
                                  op.buffers.end());
    fused_.unzeroed = {false, true, false, false};
    fused_.handed = {{1, 2, false}};
    backend::Options options;
    options.ring_slots = options.completion_slots = 64;
    options.fuel = 1'000'000;
    options.producer_timeout = std::chrono::seconds{10};
    auto made = make_backend(options);
    ASSERT_TRUE(made);
    backend_ = std::move(*made);
    for (const std::uint32_t handle : {kIn, kMiddle, kOut, kLong}) {
      ASSERT_TRUE(backend_->allocate(handle, handle == kLong ? 512 : 256));
      fill(handle);
    }
    for (const std::uint32_t handle : {kOne, kSame})
      ASSERT_TRUE(backend_->import_memory(handle, memory_.bytes, true));
    ASSERT_TRUE(backend_->add_program(kOp, std::move(op)));
    ASSERT_TRUE(backend_->start(listener_));
  }
  void TearDown() override {
    if (backend_) {
      EXPECT_TRUE(backend_->stop(after(std::chrono::seconds{30})));
    }
  }

  void fill(std::uint32_t handle) { ASSERT_TRUE(backend_->write(handle, 0, Bytes(256, 7))); }
  [[nodiscard]] std::uint32_t first_word(std::uint32_t handle) {
    Bytes bytes(4);
    EXPECT_TRUE(backend_->read(handle, 0, bytes));
    return load_le<std::uint32_t>(bytes, 0);
  }
  /// Runs the items with the image; how the region ended.
  CompletionStatus run(const std::vector<MegakernelWorkItem>& items,
                       const backend::FusedProgram& fused) {
    backend::FusedRegion region;
    region.program = std::make_shared<const backend::FusedProgram>(fused);
    const auto block = backend_->make_fused_region(items, region);
    EXPECT_TRUE(block);
    backend::QueuePort port = backend_->port(0);
    port.completions.position = ended_;
    const queue::Reservation got = port.submissions.try_reserve(1);
    EXPECT_EQ(got.count, 1u);
    EXPECT_TRUE(port.submissions.try_publish(got.first, {kRegionOp, 0, 0, *block}, 0));
    backend_->doorbell();
    queue::TakenCompletion taken;
    const Deadline until = after(std::chrono::seconds{30});
    while (port.completions.take(&taken, 1, port.submissions.tail()) == 0) {
      EXPECT_LT(Clock::now(), until);
      std::this_thread::yield();
    }
    port.completions.release();
    ended_ = port.completions.position;
    for (const Completion& one : backend_->region_results(*block))
      EXPECT_EQ(one.status(), CompletionStatus::done);
    backend_->free_region(*block);
    return taken.completion.status();
  }

  struct alignas(16) Memory {
    std::uint8_t bytes[256]{};
  } memory_;
  backend::FusedProgram fused_;
  Listening listener_;
  std::unique_ptr<backend::Backend> backend_;
  std::uint64_t ended_{0};
};

constexpr std::uint32_t kSevens{0x0707'0707u};

TEST_F(FusedRegions, MembersThatFitTheirImageRunInIt) {
  EXPECT_EQ(run({{kOp, kIn, kMiddle, 0}, {kOp, kMiddle, kOut, 0}}, fused_), CompletionStatus::done);
  EXPECT_EQ(first_word(kOut), kSevens + 2);
  EXPECT_EQ(first_word(kMiddle), kSevens) << "stored all the same";
}

TEST_F(FusedRegions, OtherLengthsThanTheImageNeedsRunAsAChain) {
  EXPECT_EQ(run({{kOp, kIn, kLong, 0}, {kOp, kLong, kOut, 64}}, fused_), CompletionStatus::done);
  EXPECT_EQ(first_word(kLong), kSevens + 1);
  EXPECT_EQ(first_word(kOut), kSevens + 2);
  backend::FusedProgram longer = fused_;
  longer.handed[0].longer = true;
  EXPECT_EQ(run({{kOp, kIn, kMiddle, 0}, {kOp, kMiddle, kOut, 0}}, longer), CompletionStatus::done);
  EXPECT_EQ(first_word(kMiddle), kSevens + 1);
}

TEST_F(FusedRegions, MoreLanesThanTheImageHoldsForRunAsAChain) {
  backend::FusedProgram few = fused_;
  few.most_lanes = 63;
  EXPECT_EQ(run({{kOp, kIn, kMiddle, 0}, {kOp, kMiddle, kOut, 0}}, few), CompletionStatus::done);
  EXPECT_EQ(first_word(kMiddle), kSevens + 1);
  fill(kMiddle);
  few.most_lanes = 64;
  EXPECT_EQ(run({{kOp, kIn, kMiddle, 0}, {kOp, kMiddle, kOut, 0}}, few), CompletionStatus::done);
  EXPECT_EQ(first_word(kMiddle), kSevens) << "the image stores nothing there";
}

TEST_F(FusedRegions, GridsThatAreNotEqualRunAsAChain) {
  EXPECT_EQ(run({{kOp, kIn, kMiddle, 0}, {kOp, kMiddle, kOut, 200}}, fused_),
            CompletionStatus::done);
  EXPECT_EQ(first_word(kMiddle), kSevens + 1);
  EXPECT_EQ(first_word(kOut), kSevens + 2);
}

TEST_F(FusedRegions, MemoryUnderTwoNamesRunsAsAChain) {
  EXPECT_EQ(run({{kOp, kIn, kOne, 0}, {kOp, kSame, kOut, 0}}, fused_), CompletionStatus::done);
  EXPECT_EQ(first_word(kOne), kSevens + 1);
  EXPECT_EQ(first_word(kOut), kSevens + 2);
}

}  // namespace
}  // namespace vyre::cpu
