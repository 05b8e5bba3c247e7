// Every phase that a program passes, over programs of many shapes: four times the program takes at
// most six times as long.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>

#include "cpu/interpreter/interpreter.hpp"
#include "support/growth.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::vir {
namespace {

std::string number(std::size_t n) {
  return std::to_string(n);
}

constexpr char kHead[] = "workgroup 32,1,1;\nbuffer out: u32[64] @0 read_write output live_out;\n";

std::string in_region(const std::string& declarations, const std::string& statements) {
  return kHead + declarations + "region \"r\" {\n" + statements + "}\n";
}

/// What a shape makes at one size, and what its phases need of the phases before.
struct Input {
  explicit Input(std::string source) : text(std::move(source)) {
    if (!take(assemble(text), program)) return;
    if (!take(prepare(program), prepared)) return;
    if (!take(encode(program), wire)) return;
    (void)take(lower(prepared), image);
  }

  template <class T>
  static bool take(Result<T> made, T& to) {
    if (made) {
      to = std::move(*made);
    } else {
      ADD_FAILURE() << to_string(made.error());
    }
    return made.has_value();
  }

  std::string text;
  Program program;
  Program prepared;
  Bytes wire;
  core::Image image;
};

struct Phase {
  const char* name;
  void (*work)(const Input&);
};

/// Keeps a result from being optimised away, and says when there is none.
template <class T>
void have(const Result<T>& result) {
  EXPECT_TRUE(result.has_value()) << to_string(result.error());
}

constexpr Phase kPhases[]{
    {"assemble", [](const Input& in) { have(assemble(in.text)); }},
    {"print", [](const Input& in) { EXPECT_FALSE(disassemble(in.program).empty()); }},
    {"encode", [](const Input& in) { have(encode(in.program)); }},
    {"decode", [](const Input& in) { have(decode(in.wire)); }},
    {"prepare", [](const Input& in) { have(prepare(in.program)); }},
    {"validate", [](const Input& in) { have(validate(in.prepared)); }},
    {"warn", [](const Input& in) { (void)warnings(in.prepared); }},
    {"fingerprint", [](const Input& in) { have(fingerprint(in.program)); }},
    {"lower", [](const Input& in) { have(lower(in.prepared)); }},
    {"print the image", [](const Input& in) { EXPECT_FALSE(disassemble_image(in.image).empty()); }},
    {"plan",
     [](const Input& in) {
       EXPECT_EQ(buffer_reach(in.prepared).size(), in.prepared.buffers.size());
       have(grid_rule(in.prepared));
     }},
    {"compare", [](const Input& in) { EXPECT_TRUE(same_program(in.program, in.program)); }},
};

void judge(const std::function<std::string(std::size_t)>& shape, std::size_t n) {
  const Input small(shape(n));
  const Input large(shape(4 * n));
  if (testing::Test::HasFailure()) return;
  for (const Phase& phase : kPhases) {
    test::expect_near_linear(
        phase.name, [&] { phase.work(small); }, [&] { phase.work(large); });
  }
}

TEST(ProgramGrowth, ManyBuffersTakeNoLongerEachThanFew) {
  judge(
      [](std::size_t n) {
        std::string buffers;
        std::string stores;
        for (std::size_t k = 0; k < n; ++k) {
          buffers += "buffer w" + number(k) + ": u32[1] @" + number(k + 1) + " workgroup;\n";
          stores += "out[0] = w" + number(k) + "[0] + w" + number(n - 1 - k) + "[0];\n";
        }
        return in_region(buffers, stores);
      },
      2'500);
}

TEST(ProgramGrowth, ManyStatementsTakeNoLongerEachThanFew) {
  judge(
      [](std::size_t n) {
        std::string statements;
        for (std::size_t k = 0; k < n; ++k) statements += "out[gid.x] = gid.x + out[1];\n";
        return in_region("", statements);
      },
      5'000);
}

TEST(ProgramGrowth, DeeplyNestedStatementsTakeNoLongerThanFlatOnes) {
  judge(
      [](std::size_t depth) {
        std::string statements;
        for (std::size_t d = 0; d < depth; ++d) {
          statements += d % 2 == 0 ? "{\n" : "if out[0] == 1 {\n";
          for (int k = 0; k < 400; ++k) statements += "out[0] = 1;\n";
        }
        for (std::size_t d = 0; d < depth; ++d) statements += "}\n";
        return in_region("", statements);
      },
      15);
}

TEST(ProgramGrowth, DeeplyNestedBlocksTakeNoLongerThanFlatOnes) {
  judge(
      [](std::size_t depth) {
        std::string statements;
        for (std::size_t d = 0; d < depth; ++d) {
          statements += "{\n";
          for (int k = 0; k < 400; ++k) statements += "out[0] = 1;\n";
        }
        for (std::size_t d = 0; d < depth; ++d) statements += "}\n";
        return in_region("", statements);
      },
      15);
}

TEST(ProgramGrowth, ManyNamesTakeNoLongerEachThanFew) {
  judge(
      [](std::size_t n) {
        std::string statements;
        for (std::size_t k = 0; k < n; ++k) {
          statements += "let v" + number(k) + " = gid.x + " + number(k % 100) + ";\n";
        }
        for (std::size_t k = 0; k < n; ++k) statements += "out[0] = v" + number(n - 1 - k) + ";\n";
        return in_region("", statements);
      },
      3'000);
}

TEST(ProgramGrowth, LongNamesTakeNoLongerAByteThanShortOnes) {
  judge(
      [](std::size_t n) {
        std::string statements;
        for (std::size_t k = 0; k < 200; ++k) {
          const std::string name = "v" + number(k) + std::string(n, 'x');
          statements += "let " + name + " = gid.x;\nout[0] = " + name + ";\n";
        }
        return in_region("", statements);
      },
      1'000);
}

TEST(ProgramGrowth, ManyLiteralsTakeNoLongerEachThanFew) {
  judge(
      [](std::size_t n) {
        std::string statements;
        for (std::size_t k = 0; k < n; ++k) {
          statements += "out[gid.x] = gid.x + " + number(k * 7 + 1) + ";\n";
        }
        return in_region("", statements);
      },
      4'000);
}

TEST(ProgramGrowth, ManyRegionsTakeNoLongerEachThanFew) {
  judge(
      [](std::size_t n) {
        std::string text = kHead;
        for (std::size_t k = 0; k < n; ++k) {
          text += "region \"r" + number(k) + "#self-exclusive\" { out[0] = 1; }\n";
        }
        return text;
      },
      5'000);
}

TEST(ProgramGrowth, WideExpressionsTakeNoLongerAnOperandThanNarrowOnes) {
  const std::function<std::string(std::size_t)> tree = [&tree](std::size_t leaves) -> std::string {
    if (leaves <= 1) return "gid.x";
    return "(" + tree(leaves / 2) + " ^ " + tree(leaves - leaves / 2) + ")";
  };
  judge([&](std::size_t n) { return in_region("", "out[0] = " + tree(n) + ";\n"); }, 8'000);
}

TEST(ProgramGrowth, DeepExpressionsTakeNoLongerALevelThanFlatOnes) {
  for (const char* const op : {" ^ ", " - "}) {
    judge(
        [op](std::size_t depth) {
          std::string chain = "out[1]";
          for (std::size_t d = 1; d < depth; ++d) chain = "(gid.x" + std::string(op) + chain + ")";
          std::string statements;
          for (int k = 0; k < 400; ++k) statements += "out[0] = " + chain + ";\n";
          return in_region("", statements);
        },
        14);
  }
}

TEST(ProgramGrowth, DeepPrefixesTakeNoLongerALevelThanFlatOnes) {
  judge(
      [](std::size_t depth) {
        std::string statements;
        for (int k = 0; k < 400; ++k) {
          statements += "out[0] = ";
          for (std::size_t d = 2; d < depth; ++d) statements += "~";
          statements += "out[1];\n";
        }
        return in_region("", statements);
      },
      14);
}

TEST(ProgramGrowth, ManyCopyTagsTakeNoLongerEachThanFew) {
  judge(
      [](std::size_t n) {
        std::string statements;
        for (std::size_t k = 0; k < n; ++k) {
          statements += "async_load(src, out, 0, 4, t" + number(k) + ");\n";
        }
        for (std::size_t k = 0; k < n; ++k) statements += "async_wait(t" + number(k) + ");\n";
        return in_region("buffer src: u32[4] @1 read_only;\n", statements);
      },
      5'000);
}

TEST(ProgramGrowth, ManyLoopsTakeNoLongerEachThanFew) {
  judge(
      [](std::size_t n) {
        std::string statements;
        for (std::size_t k = 0; k < n; ++k) {
          statements += "for i in 0..gid.x { out[i] = i; }\n";
        }
        return in_region("", statements);
      },
      5'000);
}

TEST(ProgramGrowth, ManyShorterFormsTakeNoLongerEachThanFew) {
  judge(
      [](std::size_t n) {
        std::string statements;
        for (std::size_t k = 0; k < n; ++k) {
          statements += "if matches(text, C, \"ab\") { out[0] += text[C] + 'a'; }\n";
          statements += "while C < 2 limit 3 { if gid.x == 1 { break; } out[0] = 1; }\n";
          statements += "if gid.x == 2 { atomic_add(hits[0], 1); }\n";
        }
        return "const C = 1;\n" +
               in_region("buffer text: u8[] read_only;\nbuffer hits: u32[1] read_write;\n",
                         statements);
      },
      1'000);
}

TEST(ProgramGrowth, ManyReturnsTakeNoLongerEachThanFew) {
  judge(
      [](std::size_t n) {
        std::string statements;
        for (std::size_t k = 0; k < n; ++k) {
          statements += "if gid.x == " + number(k) + " { return; }\n";
        }
        return in_region("", statements);
      },
      5'000);
}

TEST(ProgramGrowth, ManyMistakesTakeNoLongerEachThanFew) {
  const auto mistaken = [](std::size_t n) {
    std::string statements;
    for (std::size_t k = 0; k < n; ++k) statements += "nowhere[0] = nothing;\n";
    return assemble(in_region("", statements));
  };
  const auto small = mistaken(5'000);
  const auto large = mistaken(20'000);
  ASSERT_TRUE(small && large);
  test::expect_near_linear(
      "diagnose", [&] { EXPECT_FALSE(diagnose(*small).empty()); },
      [&] { EXPECT_FALSE(diagnose(*large).empty()); });
}

TEST(ProgramPhases, AskAllAlongWhetherTheyAreStillWantedAndEndWhenTheyAreNot) {
  std::string statements;
  for (std::size_t k = 0; k < 10'000; ++k) statements += "out[gid.x] = gid.x ^ (out[1] + 1);\n";
  const Input in(in_region("", statements));
  using Work = std::function<Status(Interrupt*)>;
  const auto dropped = [](auto result) -> Status {
    if (!result) return tl::unexpected<Error>(std::move(result).error());
    return {};
  };
  const std::pair<const char*, Work> phases[]{
      {"assemble",
       [&](Interrupt* i) {
         return dropped(assemble(in.text, {.interrupt = i}, nullptr));
       }},
      {"decode",
       [&](Interrupt* i) {
         return dropped(decode(in.wire, {Profile::v4_0_6_3, i}));
       }},
      {"encode", [&](Interrupt* i) { return dropped(encode(in.program, Profile::v4_0_6_3, i)); }},
      {"prepare", [&](Interrupt* i) { return dropped(prepare(in.program, i)); }},
      {"validate", [&](Interrupt* i) { return validate(in.prepared, i); }},
      {"fingerprint",
       [&](Interrupt* i) { return dropped(fingerprint(in.program, Profile::v4_0_6_3, i)); }},
      {"lower", [&](Interrupt* i) { return dropped(lower(in.prepared, {.interrupt = i})); }},
  };
  for (const auto& [name, work] : phases) {
    std::uint32_t looks = 0;
    Interrupt never([&looks] { return ++looks == 0; });
    EXPECT_TRUE(work(&never)) << name;
    ASSERT_GE(looks, 8u) << name << " hardly asks";
    // At the first question, in the middle, and at the last.
    for (const std::uint32_t over_at : {1u, looks / 2, looks}) {
      std::uint32_t asked = 0;
      Interrupt interrupt([&] { return ++asked == over_at; });
      const Status ended = work(&interrupt);
      ASSERT_FALSE(ended) << name << " at " << over_at << " of " << looks;
      EXPECT_EQ(ended.error().code, Errc::deadline_exceeded) << name;
      EXPECT_EQ(asked, over_at) << name << " went on asking";
    }
  }
}

TEST(ProgramGrowth, PendingCopiesAreFoundAsFastAmongManyAsAmongFew) {
  const auto image_of = [](std::size_t tags) {
    std::string statements;
    for (std::size_t k = 0; k < tags; ++k) {
      statements += "async_load(src, out, 0, 4, t" + number(k) + ");\n";
    }
    // The newest first, and one between: every place of the list is looked for.
    for (std::size_t k = tags; k-- > 0;) statements += "async_wait(t" + number(k) + ");\n";
    return Input(in_region("buffer src: u32[4] @1 read_only;\n", statements)).image;
  };
  const core::Image small = image_of(1'000);
  const core::Image large = image_of(4'000);
  alignas(16) std::uint32_t out[64]{};
  alignas(16) std::uint32_t src[4]{7, 0, 0, 0};
  const core::BufferView views[]{{reinterpret_cast<std::uint8_t*>(out), sizeof out},
                                 {reinterpret_cast<std::uint8_t*>(src), sizeof src}};
  cpu::Interpreter interpreter;
  const auto run = [&](const core::Image& image) {
    const auto result = interpreter.run(image, views, {1, 1, 1}, {0, 1}, kDefaultFuel);
    EXPECT_EQ(result.fault.code, FaultCode::none);
    EXPECT_EQ(out[0], 7u);
  };
  test::expect_near_linear(
      "copies", [&] { run(small); }, [&] { run(large); });
}

}  // namespace
}  // namespace vyre::vir
