// Atomics of many lanes done together, on every variant that this machine runs: whatever the code,
// the mask, the size of the buffer and how lanes meet, each atomic happens once, and where lanes
// read what was there they read what an order of them gives.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "cpu/interpreter/interpreter.hpp"
#include "protocol/limits.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::cpu {
namespace {

using Numbers = std::vector<std::uint32_t>;

struct AtomicKind {
  const char* name;
  std::uint32_t (*apply)(std::uint32_t, std::uint32_t);
};
const AtomicKind kAtomicKinds[] = {
    {"add", [](std::uint32_t a, std::uint32_t b) { return a + b; }},
    {"or", [](std::uint32_t a, std::uint32_t b) { return a | b; }},
    {"and", [](std::uint32_t a, std::uint32_t b) { return a & b; }},
    {"xor", [](std::uint32_t a, std::uint32_t b) { return a ^ b; }},
    {"min", [](std::uint32_t a, std::uint32_t b) { return std::min(a, b); }},
    {"max", [](std::uint32_t a, std::uint32_t b) { return std::max(a, b); }},
};

/// `keys` says which lanes take part and where, `values` with what.
std::string atomics_text(const std::string& body, const char* group = "64, 1, 1") {
  return std::string("workgroup ") + group +
         ";\nbuffer keys: u32[] read_only;\nbuffer values: u32[] read_only;\n"
         "buffer words: u32[] read_write;\nbuffer old: u32[] read_write;\nregion \"r\" {\n" +
         body + "}\n";
}

core::Image lowered(const std::string& text) {
  const auto program = vir::prepare(vir::assemble(text).value());
  EXPECT_TRUE(program && vir::validate(*program)) << text;
  return vir::lower(*program).value();
}

struct Memory {
  Numbers keys, values, words, old;
};

FaultCode execute(std::string_view variant, const core::Image& image, Memory& m,
                  std::uint32_t groups, std::uint64_t groups_a_call) {
  const auto seen = [](Numbers& n) {
    return core::BufferView{reinterpret_cast<std::uint8_t*>(n.data()), n.size() * 4};
  };
  const std::vector<core::BufferView> buffers{seen(m.keys), seen(m.values), seen(m.words),
                                              seen(m.old)};
  Interpreter interpreter(variant);
  for (std::uint64_t first = 0; first < groups; first += groups_a_call) {
    const std::uint64_t count = std::min<std::uint64_t>(groups_a_call, groups - first);
    const auto ran = interpreter.run(image, buffers, {groups, 1, 1}, {first, count}, kDefaultFuel);
    if (ran.fault.code != FaultCode::none) return ran.fault.code;
  }
  return FaultCode::none;
}

constexpr std::uint32_t kOff{0xFFFF'FFF0u};  // a key of lanes that do nothing

Memory random_memory(std::mt19937& random, std::size_t lanes, std::size_t words) {
  Memory m{Numbers(lanes), Numbers(lanes), Numbers(words), Numbers(lanes, 77)};
  const std::uint32_t spread = 1 + random() % (words + 3);  // some lie behind the end
  const std::uint32_t off = random() % 3;                   // all are on, a half, most are off
  for (std::size_t l = 0; l < lanes; ++l) {
    m.keys[l] = random() % 4 < off ? kOff : random() % spread;
    m.values[l] = random() % 7 == 0 ? random() : random() % 5;
  }
  for (std::uint32_t& word : m.words) word = random();
  return m;
}

TEST(Atomics, ThatNothingReadsHappenOnceWhateverTheCodeAndWhereverLanesMeet) {
  std::mt19937 random(20);
  for (const std::string_view variant : Interpreter::variants()) {
    for (const AtomicKind& kind : kAtomicKinds) {
      for (const char* const value : {"values[gid.x]", "3", "values[0]"}) {
        const core::Image image =
            lowered(atomics_text(std::string("if keys[gid.x] != 0xFFFFFFF0 {\nlet o = atomic_") +
                                 kind.name + "(words[keys[gid.x]], " + value + ");\n}\n"));
        ASSERT_EQ(image.tallies.size(), 1u);
        // A whole table, a window with places that are shared, and too few lanes for either.
        for (const std::size_t words : {1u, 2u, 9u, 300u, 1023u, 1024u, 5000u}) {
          for (const std::uint32_t groups : {1u, 2u, 37u}) {
            Memory m = random_memory(random, groups * 64u, words);
            Numbers expected = m.words;
            for (std::size_t l = 0; l < m.keys.size(); ++l) {
              if (m.keys[l] >= words) continue;
              const std::uint32_t by = value[0] == '3' ? 3 : m.values[value[7] == '0' ? 0 : l];
              expected[m.keys[l]] = kind.apply(expected[m.keys[l]], by);
            }
            ASSERT_EQ(execute(variant, image, m, groups, 1 + random() % groups), FaultCode::none);
            ASSERT_EQ(m.words, expected)
                << variant << ' ' << kind.name << ' ' << value << ' ' << words << ' ' << groups;
          }
        }
      }
    }
  }
}

TEST(Atomics, OnOneWordGiveEachLaneWhatWasThereInTheOrderOfLanes) {
  std::mt19937 random(21);
  for (const std::string_view variant : Interpreter::variants()) {
    for (const AtomicKind& kind : kAtomicKinds) {
      // At a constant place, and at one that only the run knows to be the same.
      for (const char* const place : {"0", "values[0] - values[0] + 0 * gid.x"}) {
        const core::Image image = lowered(
            atomics_text(std::string("if keys[gid.x] != 0xFFFFFFF0 {\nold[gid.x] = atomic_") +
                         kind.name + "(words[" + place + "], values[gid.x]);\n}\n"));
        ASSERT_TRUE(image.tallies.empty());
        Memory m = random_memory(random, 64 * 9, 1);
        Memory expected = m;
        for (std::size_t l = 0; l < m.keys.size(); ++l) {
          if (m.keys[l] == kOff) continue;
          expected.old[l] = expected.words[0];
          expected.words[0] = kind.apply(expected.words[0], m.values[l]);
        }
        ASSERT_EQ(execute(variant, image, m, 9, 9), FaultCode::none);
        ASSERT_EQ(m.words, expected.words) << variant << ' ' << kind.name << ' ' << place;
        ASSERT_EQ(m.old, expected.old) << variant << ' ' << kind.name << ' ' << place;
      }
    }
  }
}

TEST(Atomics, OfWorkgroupsWithBarriersAreThereWhenTheRunIsOver) {
  for (const std::string_view variant : Interpreter::variants()) {
    const core::Image image =
        lowered(atomics_text("let a = atomic_add(words[lid.x % 3], 1);\nbarrier;\n"
                             "let b = atomic_add(words[2], values[gid.x]);\n",
                             "96, 1, 1"));
    Memory m{Numbers(960), Numbers(960, 2), Numbers(3), Numbers(1)};
    ASSERT_EQ(execute(variant, image, m, 10, 10), FaultCode::none);
    EXPECT_EQ(m.words, (Numbers{320, 320, 320 + 1920})) << variant;
  }
}

TEST(Atomics, BehindTheEndDoNothingAndGiveZero) {
  for (const std::string_view variant : Interpreter::variants()) {
    const core::Image image =
        lowered(atomics_text("old[gid.x] = atomic_add(words[5], 1);\n"
                             "let u = atomic_add(words[5], values[gid.x]);\n"));
    Memory m{Numbers(64), Numbers(64, 2), Numbers(5, 9), Numbers(64, 7)};
    ASSERT_EQ(execute(variant, image, m, 1, 1), FaultCode::none);
    EXPECT_EQ(m.words, Numbers(5, 9));
    EXPECT_EQ(m.old, Numbers(64, 0));
  }
}

TEST(Atomics, AreKeptBackOnlyWhereNothingCouldSeeIt) {
  // Some of these the validator would refuse; the lowering must not rely on it.
  const auto tallies = [](const std::string& body) {
    const auto program = vir::prepare(vir::assemble(atomics_text(body)).value());
    return vir::lower(program.value()).value().tallies;
  };
  const auto one = tallies("let a = atomic_max(words[gid.x], 1);\n");
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].buffer, 2u);
  EXPECT_EQ(one[0].code, core::AtomicCode::umax);
  for (const char* const seen : {
           "old[0] = atomic_add(words[0], 1);\n",
           "let a = atomic_add(words[0], 1);\nold[0] = words[0];\n",
           "words[1] = 5;\nlet a = atomic_add(words[0], 1);\n",
           "let a = atomic_add(words[0], 1);\nlet b = atomic_or(words[0], 1);\n",
           "let a = atomic_exchange(words[0], 1);\n",
           "let a = atomic_add(words[0], 1);\nif a == 3 { old[0] = 1; }\n",
       }) {
    EXPECT_TRUE(tallies(seen).empty()) << seen;
  }
}

}  // namespace
}  // namespace vyre::cpu
