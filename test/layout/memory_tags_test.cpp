// Every access that is not relaxed has a tag and every tag a row, or the memory model's page says
// why there is none.
#include <gtest/gtest.h>

#include "memory_tags.hpp"
#include "tree.hpp"

namespace vyre::layout {
namespace {

constexpr std::string_view kPage{
    "| tag | word | writer |\n|---|---|---|\n"
    "| RING-1, RING-2 | `word` | the producer |\n"
    "| ONE-1 | `x` | a fence and its pair in one place |\n"
    "## Accesses without a tag\n"
    "| word | where | why |\n|---|---|---|\n"
    "| `closing_` | host/a | a switch |\n"
    "| all | host/b/atomics.hpp | callers have the tags |\n"};

/// The problems of a tree that holds both ends of every tag, and one more file.
std::vector<std::string> problems_of(std::string_view source,
                                     std::string_view path = "host/a/x.cpp") {
  MemoryTags tags{parse_memory_page(kPage)};
  tags.add("host/a/ends.cpp",
           "w.store(1, memory_order_release);  // [RING-1], [RING-2]\n"
           "// [RING-1] acquire: the item; [RING-2]\nw.load(memory_order_acquire);\n"
           "// [ONE-1]\n\n\n\n\nclosing_.load(memory_order_acquire);\n");
  tags.add("host/b/atomics.hpp", "__atomic_load_n(w, __ATOMIC_ACQUIRE);\n");
  tags.add(path, source);
  return tags.problems();
}

TEST(MemoryTags, EveryOrderedAccessHasATagAndEveryTagARow) {
  const std::filesystem::path root{VYRE_SOURCE_DIR};
  MemoryTags tags{parse_memory_page(read_text(root / "docs/internals/memory-model.md"))};
  int files = 0;
  for (const TextFile& file :
       text_files(root, {"host", "include", "cuda"}, {".hpp", ".cpp", ".cu", ".cuh"})) {
    tags.add(file.path, file.text);
    ++files;
  }
  EXPECT_GT(files, 100);
  for (const std::string& problem : tags.problems()) ADD_FAILURE() << problem;
}

TEST(MemoryTags, ATreeThatKeepsTheRulesHasNoProblem) {
  EXPECT_EQ(problems_of(""), std::vector<std::string>{});
  EXPECT_EQ(problems_of("n.load(std::memory_order_relaxed);\n// acquire, release\n"),
            std::vector<std::string>{});
}

TEST(MemoryTags, AWrongTagIsFound) {
  const auto found = problems_of("w.load(memory_order_acquire);  // [RING-7]\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], "host/a/x.cpp:1: tag RING-7 has no row in docs/internals/memory-model.md");
}

TEST(MemoryTags, OrderedAccessesWithoutATagAreFound) {
  for (const char* const access :
       {"w.load(std::memory_order_acquire);", "A::store(&w, 1, Order::release);", "w.load();",
        "w.fetch_add(1);", "std::atomic_thread_fence(std::memory_order_seq_cst);",
        "__threadfence_block();", "fence_acq_rel_sys();", "v = load_acquire_gpu(half);",
        "cuda::atomic_ref<int> r{w};", "A::compare_exchange_acquire(&w, a, b);",
        "__atomic_store_n(w, 1, __ATOMIC_RELEASE);"}) {
    EXPECT_EQ(problems_of(access).size(), 1u) << access;
    EXPECT_EQ(problems_of(std::string{"// [RING-1]\n"} + access).size(), 0u) << access;
    EXPECT_EQ(problems_of(std::string{"// [RING-1]\n\n\n\n\n"} + access).size(), 1u)
        << "a tag far above: " << access;
  }
}

TEST(MemoryTags, AWordIsExcusedInItsPlaceOnly) {
  EXPECT_EQ(problems_of("if (closing_.load(memory_order_acquire)) return;\n").size(), 0u);
  EXPECT_EQ(problems_of("if (closing.load(\n    memory_order_acquire)) return;\n").size(), 0u);
  EXPECT_EQ(problems_of("if (xclosing_.load(memory_order_acquire)) return;\n").size(), 1u);
  EXPECT_EQ(problems_of("closing_.load(memory_order_acquire);\n", "host/c/x.cpp").size(), 1u);
}

TEST(MemoryTags, ARowWithoutBothEndsAndAnExcuseThatNothingNeedsAreFound) {
  MemoryTags tags{parse_memory_page(kPage)};
  tags.add("host/a/x.cpp", "// [RING-1]\n// [RING-2]\n// [RING-2]\n");
  const auto found = tags.problems();
  ASSERT_EQ(found.size(), 4u);
  EXPECT_NE(found[0].find("row ONE-1"), std::string::npos);
  EXPECT_NE(found[1].find("row RING-1 needs its tag at both ends"), std::string::npos);
  EXPECT_NE(found[2].find("'closing' in host/a"), std::string::npos);
  EXPECT_NE(found[3].find("in host/b/atomics.hpp"), std::string::npos);
}

}  // namespace
}  // namespace vyre::layout
