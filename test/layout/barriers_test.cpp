// Every barrier and fence of the device's code says what it publishes to which threads.
#include "barriers.hpp"

#include <gtest/gtest.h>

#include "tree.hpp"

namespace vyre::layout {
namespace {

TEST(Barriers, EveryBarrierOfTheDeviceSaysWhatItPublishes) {
  int barriers = 0;
  for (const TextFile& file :
       text_files(VYRE_SOURCE_DIR, {"cuda"}, {".hpp", ".cpp", ".cu", ".cuh"})) {
    if (file.path == "cuda/ptx/access.cuh") continue;  // defines the fences; their callers say it
    barriers += count_barriers(file.text);
    for (const std::string& bare : bare_barriers(file.path, file.text)) ADD_FAILURE() << bare;
  }
  EXPECT_GT(barriers, 100);
}

TEST(Barriers, APlantedBareBarrierIsFound) {
  for (const char* const barrier :
       {"__syncthreads();", "__syncwarp();", "__syncwarp(mask);", "__threadfence();",
        "__threadfence_block();", "__threadfence_system();", "ptx::fence_acq_rel_gpu();",
        "if (x) ptx::fence_acq_rel_sys();", "ptx::fence_sc_sys();", "warp::sync();",
        "cooperative_groups::this_grid().sync();", "block->sync();",
        "std::atomic_thread_fence(std::memory_order_seq_cst);", "asm volatile(\"bar.sync 0;\");",
        "asm volatile(\"fence.acq_rel.gpu;\" ::: \"memory\");"}) {
    const std::string code = std::string{"  "} + barrier;
    EXPECT_EQ(bare_barriers("a.cuh", "int a;\n" + code + "\n"),
              std::vector<std::string>{
                  "a.cuh:2: no comment beside this barrier says what it publishes to which "
                  "threads: " +
                  std::string{barrier}});
    EXPECT_EQ(count_barriers(code), 1) << barrier;
    EXPECT_TRUE(bare_barriers("a.cuh", code + "  // publishes the table\n").empty()) << barrier;
    EXPECT_TRUE(bare_barriers("a.cuh", code + "  // [RUN-1]\n").empty()) << barrier;
    EXPECT_TRUE(bare_barriers("a.cuh", "  // [RUN-1] release\n" + code).empty()) << barrier;
  }
}

TEST(Barriers, ACommentThatSaysNothingOrBelongsToAnotherLineIsNoReason) {
  const std::string barrier = "__syncwarp();";
  for (const std::string& source :
       {barrier + "  // sync\n", barrier + "  // [run-1]\n",
        "// ---- the next part of it ----\n" + barrier,
        "a = 1;  // publishes the table\n" + barrier, "// publishes the table\n\n" + barrier,
        barrier + "\n// publishes the table\n"}) {
    EXPECT_EQ(bare_barriers("a.cuh", source).size(), 1u) << source;
  }
}

TEST(Barriers, WordsInCommentsAndOtherNamesAreNoBarriers) {
  for (const char* const line :
       {"// needs a __syncwarp() behind it", "void sync() {", "int async(int);",
        "m.resync(); asynchronous();", "f();  // then __threadfence()"}) {
    EXPECT_EQ(count_barriers(line), 0) << line;
    EXPECT_TRUE(bare_barriers("a.cuh", line).empty()) << line;
  }
}

}  // namespace
}  // namespace vyre::layout
