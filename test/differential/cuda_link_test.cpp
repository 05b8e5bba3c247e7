// NVIDIA's linker takes what host/jit emits, many programs at once, and the cache gives the module
// back. Needs no device; skips where there is no linker. VYRE_TEST_SCALE multiplies how many random
// programs are linked.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cuda/link/code_maker.hpp"
#include "jit/jit.hpp"
#include "shared_vectors.hpp"
#include "support/folder_fixture.hpp"
#include "support/random_program.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::cuda {
namespace {

constexpr CodeTarget kTarget{90, 128};
/// Programs of one module.
constexpr std::size_t kBatch{100};

class Linking : public test::InAFolder {
 protected:
  void SetUp() override {
    test::InAFolder::SetUp();
    auto linker = Linker::load();
    if (!linker) GTEST_SKIP() << linker.error().message;
    linker_ = *linker;
    if (own_functions().empty()) GTEST_SKIP() << "our f32 functions need a build with nvcc";
  }
  [[nodiscard]] std::string folder() const { return path("cache"); }
  [[nodiscard]] static std::optional<core::Image> image_of(const vir::Program& given) {
    const auto program = vir::prepare(given);
    if (!program || !vir::validate(*program)) return std::nullopt;
    auto image = vir::lower(*program);
    if (!image || jit::classify(*image).kind == jit::Class::c) return std::nullopt;
    return std::move(*image);
  }
  void add(const vir::Program& given) {
    if (auto image = image_of(given)) images_.push_back(std::move(*image));
    if (images_.size() == kBatch) link();
  }
  void link() {
    if (images_.empty()) return;
    cache::CodeCache cache(folder());
    const CodeMaker maker(linker_, cache, kTarget, "no driver");
    std::vector<const core::Image*> all;
    for (const core::Image& image : images_) all.push_back(&image);
    const auto made = maker.make(all);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_GT(made->cubin->size(), 1'000u);
    linked_ += images_.size();
    images_.clear();
  }

  std::shared_ptr<const Linker> linker_;
  std::vector<core::Image> images_;
  std::size_t linked_{0};
};

vir::Program sine() {
  return vir::assemble(
             "workgroup 64, 1, 1;\nbuffer x: f32[] read_only;\nbuffer y: f32[] read_write;\n"
             "region \"sine\" {\n  if gid.x < len(x) {\n    y[gid.x] = sin(x[gid.x]);\n  }\n}\n")
      .value();
}

TEST_F(Linking, CasesAndRandomProgramsLinkManyAtOnce) {
  test::for_each_case([&](const test::Case& c) { add(c.program); });
  const std::uint64_t programs = 8 * test::number_from_environment("VYRE_TEST_SCALE", 1);
  for (std::uint64_t i = 0; i < programs; ++i) {
    test::RandomKnobs knobs;
    knobs.many_faults = i % 4 == 3;
    test::Choice choice(12'000'000 + i);
    add(test::random_case(choice, knobs).program);
  }
  link();
  std::printf("%zu programs linked\n", linked_);
  EXPECT_GT(linked_, 50u);
}

TEST_F(Linking, TheSameProgramIsFoundAndAnotherTargetOrDriverIsNot) {
  const auto image = image_of(sine());
  ASSERT_TRUE(image);
  const core::Image* const one = &*image;
  cache::CodeCache cache(folder());
  const auto first = CodeMaker(linker_, cache, kTarget, "580").make({&one, 1});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->found, cache::Level::none);
  const auto again = CodeMaker(linker_, cache, kTarget, "580").make({&one, 1});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->found, cache::Level::memory);
  EXPECT_EQ(*again->cubin, *first->cubin);
  EXPECT_EQ(again->link_time.count(), 0);
  for (const auto& [target, driver] :
       {std::pair(CodeTarget{90, 96}, "580"), std::pair(kTarget, "575")}) {
    const auto other = CodeMaker(linker_, cache, target, driver).make({&one, 1});
    ASSERT_TRUE(other) << other.error().message;
    EXPECT_EQ(other->found, cache::Level::none);
  }
  EXPECT_EQ(cache.counts().made, 3u);
  EXPECT_EQ(cache.counts().in_memory, 1u);
}

TEST_F(Linking, WhatTheLinkerSaysOfWrongTextComesBack) {
  const auto refused = linker_->link(".version 8.0\n.target sm_80\nnonsense\n", {}, kTarget);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("nonsense"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace vyre::cuda
