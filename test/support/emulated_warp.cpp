// Stacks of 32 lanes and the switch between them. The order in which lanes run changes from one
// meeting to the next.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "support/emulated_cuda.hpp"

#include "cuda/interpreter/warp.cuh"  // includes emulated_warp.hpp

// Saves what a call must keep, stores the stack at *save and goes on at `to`.
extern "C" void vyre_switch_lane(void** save, void* to);
asm(R"(
.text
.globl vyre_switch_lane
.type vyre_switch_lane, @function
vyre_switch_lane:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size vyre_switch_lane, .-vyre_switch_lane
)");

namespace vyre::test {
namespace {

constexpr std::size_t kStackBytes{256 * 1024};

struct Lane {
  std::unique_ptr<std::uint8_t[]> stack;
  std::uint8_t* base{nullptr};  // equally aligned in all lanes
  void* at{nullptr};
  Meeting kind{Meeting::sync};
  std::uint64_t brought{0};
  bool ended{false};
};

struct Warp {
  std::array<Lane, 32> lanes;
  void* outside{nullptr};
  std::uint32_t current{0};
  std::uint32_t turn{0};
  std::array<std::uint64_t, 32> met{};
  std::function<void(std::uint32_t)> body;
};
Warp warp;  // stacks are entered from assembly: one warp a process, one thread

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "the emulated warp: %s\n", why);
  std::abort();
}

void leave() {
  vyre_switch_lane(&warp.lanes[warp.current].at, warp.outside);
}

void enter() {
  warp.body(warp.current);
  warp.lanes[warp.current].ended = true;
  leave();
}

void prepare(Lane& lane) {
  if (!lane.stack) {
    lane.stack = std::make_unique<std::uint8_t[]>(kStackBytes + 64);
    const auto address = reinterpret_cast<std::uintptr_t>(lane.stack.get());
    lane.base = lane.stack.get() + (64 - address % 64) % 64;
  }
  // As after a call: the return address is on top of a 16-byte boundary; six saved registers.
  auto* top = reinterpret_cast<void**>(lane.base + kStackBytes);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(&enter);
  for (int k = 0; k < 6; ++k) *--top = nullptr;
  lane.at = top;
  lane.ended = false;
}

}  // namespace

std::uint8_t* emulated_shared() {
  alignas(256) static std::uint8_t bytes[kEmulatedSharedBytes];
  return bytes;
}

std::uint32_t current_lane() {
  return warp.current;
}

std::array<std::uint64_t, 32> meet(Meeting kind, std::uint64_t brought) {
  Lane& lane = warp.lanes[warp.current];
  lane.kind = kind;
  lane.brought = brought;
  leave();
  return warp.met;
}

void* on_own_stack(void* p) {
  for (const Lane& lane : warp.lanes) {
    const auto offset = static_cast<std::uint8_t*>(p) - lane.base;
    if (offset >= 0 && offset < static_cast<std::ptrdiff_t>(kStackBytes))
      return warp.lanes[warp.current].base + offset;
  }
  return p;
}

void run_warp(std::function<void(std::uint32_t)> body) {
  warp.body = std::move(body);
  for (Lane& lane : warp.lanes) prepare(lane);
  for (;;) {
    warp.turn = warp.turn * 5 + 7;
    for (std::uint32_t k = 0; k < 32; ++k) {
      warp.current = (k * (warp.turn % 2 != 0 ? 1 : 31) + warp.turn / 2) % 32;
      vyre_switch_lane(&warp.outside, warp.lanes[warp.current].at);
    }
    std::uint32_t ended = 0;
    for (const Lane& lane : warp.lanes) ended += lane.ended ? 1 : 0;
    if (ended == 32) return;
    if (ended != 0) give_up("some lanes have ended, others wait");
    for (std::uint32_t k = 0; k < 32; ++k) {
      if (warp.lanes[k].kind != warp.lanes[0].kind) give_up("lanes met at different places");
      warp.met[k] = warp.lanes[k].brought;
    }
  }
}

}  // namespace vyre::test

namespace vyre::cuda::interpreter::warp {

void expect_aligned(const void* p, std::size_t bytes) {
  if (reinterpret_cast<std::uintptr_t>(p) % bytes != 0) test::give_up("an access is not aligned");
}

}  // namespace vyre::cuda::interpreter::warp
