// Images of several programs under the policy of a warp: what they leave is what the CPU
// interpreter leaves with the same image, in frames of every width and place, with lanes that
// return, loops and faults. That a fused image means what its members mean one by one is shown
// elsewhere (test/unit/vir_fuse). Needs a device, as device_test.cpp does, or an emulated warp.
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "cpu/interpreter/interpreter.hpp"
#include "protocol/limits.hpp"
#include "support/device/interpreter_probe.hpp"
#include "support/device/needs_device.hpp"
#include "vir/lower/fuse.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

using ImageWords = std::vector<std::uint32_t>;

/// x -> y over so many words; `statements` say how.
std::string member_text(std::uint32_t words, const std::string& statements) {
  return "workgroup 50, 1, 1;\nbuffer x: u32[] read_only;\nbuffer y: u32[" + std::to_string(words) +
         "] read_write output live_out;\nregion \"m\" {\n" + statements + "}\n";
}

class DeviceFusedImages : public test::NeedsDevice {
 protected:
  /// Each member reads what the one before it has left.
  static Result<core::Image> chain_of(const std::vector<std::string>& members,
                                      std::uint32_t words) {
    std::vector<core::Image> images;
    for (const std::string& text : members) {
      VYRE_ASSIGN(const vir::Program assembled, vir::assemble(text));
      VYRE_ASSIGN(const vir::Program program, vir::prepare(assembled));
      VYRE_TRY(vir::validate(program));
      VYRE_ASSIGN(core::Image image, vir::lower(program));
      images.push_back(std::move(image));
    }
    std::vector<const core::Image*> all;
    std::vector<vir::HandOver> handed;
    for (std::uint32_t m = 0; m < images.size(); ++m) {
      all.push_back(&images[m]);
      if (m != 0) handed.push_back({{m - 1, 1}, {{m, 0}}, words, false, true});
    }
    return vir::fuse(all, handed);
  }

  /// The same buffers for the image on the CPU and on the device; how it ended there.
  static core::RunResult agree(const std::vector<std::string>& members, std::uint32_t words,
                               const cuda::InterpreterProbeOptions& options,
                               std::uint64_t fuel = kDefaultFuel) {
    const auto image = chain_of(members, words);
    if (!image) {
      ADD_FAILURE() << image.error().message;
      return {};
    }
    std::vector<ImageWords> want(members.size() + 1, ImageWords(words, 7));
    std::iota(want[0].begin(), want[0].end(), 12'345u);
    std::vector<ImageWords> have = want;
    // What is handed over is not read from memory, so a reader has memory of its own.
    std::vector<ImageWords> unread(members.size(), ImageWords(words, 9));
    const auto views = [&unread](std::vector<ImageWords>& buffers) {
      const auto view = [](ImageWords& one) {
        return core::BufferView{reinterpret_cast<std::uint8_t*>(one.data()), one.size() * 4};
      };
      std::vector<core::BufferView> all;
      for (std::size_t m = 0; m + 1 < buffers.size(); ++m) {
        all.push_back(view(m == 0 ? buffers[0] : unread[m]));
        all.push_back(view(buffers[m + 1]));
      }
      return all;
    };
    const core::Grid grid{(words + 49) / 50, 1, 1};
    const auto on_cpu = cpu::Interpreter().run(*image, views(want), grid, {0, grid[0]}, fuel);
    auto probe = cuda::InterpreterProbe::open(options);
    if (!probe) {
      ADD_FAILURE() << probe.error().message;
      return {};
    }
    const auto ran = probe->run(*image, views(have), grid, {0, grid[0]}, fuel);
    if (!ran) {
      ADD_FAILURE() << ran.error().message;
      return {};
    }
    EXPECT_EQ(ran->fault.code == FaultCode::none, on_cpu.fault.code == FaultCode::none);
    if (on_cpu.fault.code == FaultCode::none) {
      EXPECT_EQ(have, want);
    }
    return *ran;
  }
};

const char* const kPlain{"y[gid.x] = x[gid.x] * 3 + 1;\n"};
const char* const kGuarded{"if gid.x < len(y) { y[gid.x] = x[gid.x] ^ 77; }\n"};
const char* const kReturns{
    "if x[gid.x] % 3 == 1 { y[gid.x] = 5; return; }\ny[gid.x] = x[gid.x] + 2;\n"};
const char* const kSometimes{"if x[gid.x] % 5 != 0 { y[gid.x] = x[gid.x] / 2; }\n"};
const char* const kLoops{
    "let s = 0u;\nfor i in 0u..x[gid.x] % 6u { s = s + i * 7u; }\ny[gid.x] = s + x[gid.x];\n"};

TEST_F(DeviceFusedImages, HandOverInFramesOfEveryWidthAndInScratch) {
  const std::vector<std::vector<const char*>> chains{
      {kPlain, kPlain},
      {kPlain, kGuarded, kPlain, kGuarded},
      {kReturns, kPlain, kSometimes, kReturns},
      {kSometimes, kGuarded, kPlain},
      {kLoops, kPlain, kReturns, kLoops},
      {kPlain, kPlain, kPlain, kPlain, kPlain, kPlain, kPlain, kPlain, kPlain, kPlain, kPlain,
       kPlain, kPlain, kPlain, kPlain, kPlain}};
  for (std::size_t c = 0; c < chains.size(); ++c) {
    for (const std::uint32_t slice : {13u * 1024u, 2'048u, 1'024u}) {
      for (const std::uint32_t words : {1u, 32u, 256u, 700u, 2'000u}) {
        SCOPED_TRACE("chain " + std::to_string(c) + ", slice " + std::to_string(slice) + ", " +
                     std::to_string(words) + " words");
        std::vector<std::string> members;
        for (const char* const statements : chains[c])
          members.push_back(member_text(words, statements));
        cuda::InterpreterProbeOptions options;
        options.slice_bytes = slice;
        options.workgroups_a_run = 40;
        EXPECT_EQ(agree(members, words, options).fault.code, FaultCode::none);
      }
    }
  }
}

TEST_F(DeviceFusedImages, AFaultOfAnyMemberMakesTheRunVoidAndFuelIsEachMembersOwn) {
  constexpr std::uint32_t kWords{300};
  const std::string trap{"if x[gid.x] == 12400u { trap(1u, \"found\"); }\ny[gid.x] = x[gid.x];\n"};
  const std::string copy{"y[gid.x] = x[gid.x];\n"};
  const std::string loop{
      "let s = 0u;\nfor i in 0u..10u { s = s + i; }\ny[gid.x] = s + x[gid.x];\n"};
  const auto of = [&](const std::vector<std::string>& statements) {
    std::vector<std::string> members;
    for (const std::string& one : statements) members.push_back(member_text(kWords, one));
    return members;
  };
  for (const auto& chain : {of({trap, copy}), of({copy, trap, copy}), of({copy, copy, trap})})
    EXPECT_EQ(agree(chain, kWords, {}).fault.code, FaultCode::trap);
  // 50 lanes a workgroup, 10 turns each: the second member has all of it again.
  EXPECT_EQ(agree(of({loop, loop, loop}), kWords, {}, 500).fault.code, FaultCode::none);
  EXPECT_EQ(agree(of({loop, loop, loop}), kWords, {}, 499).fault.code, FaultCode::fuel_exhausted);
}

}  // namespace
}  // namespace vyre
