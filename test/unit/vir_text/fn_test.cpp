// fn and include: what calls stand for, what is refused and where, and that neither grows without
// bound.
#include <gtest/gtest.h>

#include <cctype>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/message.hpp"
#include "vir/program/statements.hpp"
#include "vir/text/text.hpp"
#include "vir/wire/wire.hpp"

namespace vyre {
namespace {

const std::string kHead =
    "buffer text: u8[] read_only;\nbuffer out: u32[64] read_write output live_out;\n";

void expect_same_text(const std::string& shorter, const std::string& longer) {
  const auto a = vir::assemble(shorter);
  const auto b = vir::assemble(longer);
  ASSERT_TRUE(a.has_value()) << shorter << ": " << to_string(a.error());
  ASSERT_TRUE(b.has_value()) << longer << ": " << to_string(b.error());
  EXPECT_TRUE(vir::same_program(*a, *b)) << vir::disassemble(*a);
  EXPECT_EQ(vir::encode(*a, vir::Profile::v4_0_6_3).value(),
            vir::encode(*b, vir::Profile::v4_0_6_3).value());
}

void expect_call(const std::string& fns, const std::string& statements, const std::string& plain) {
  expect_same_text(kHead + fns + "\nregion \"r\" {" + statements + "}",
                   kHead + "region \"r\" {" + plain + "}");
}

std::string refusal(const std::string& fns, const std::string& statements) {
  const auto program = vir::assemble(kHead + fns + "\nregion \"r\" {" + statements + "}");
  if (program) return "accepted";
  return message("{}:{} {}", program.error().line, program.error().column, program.error().message);
}

void expect_refusal(const std::string& fns, const std::string& statements,
                    const std::string& begins) {
  EXPECT_EQ(refusal(fns, statements).substr(0, begins.size()), begins) << refusal(fns, statements);
}

TEST(TextFn, AFnOfOneReturnStandsInTheStatementAsAValue) {
  expect_call("fn twice(x) { return x * 2; }", "out[0] = twice(gid.x) + twice(3);",
              "out[0] = gid.x * 2 + 3 * 2;");
  expect_call("fn at(b, i) { return b[i]; }", "out[0] = at(out, 1) + at(text, gid.x);",
              "out[0] = out[1] + u32(text[gid.x]);");
  expect_call("fn f(x) { return x + 1; } fn g(x) { return f(x) * x; }", "let y = 5; out[0] = g(y);",
              "let y = 5; out[0] = (y + 1) * y;");
}

TEST(TextFn, AnArgumentIsEvaluatedOnceBeforeTheStatement) {
  expect_call("fn square(x) { return x * x; }", "out[0] = square(gid.x + 1) + 2;",
              "let x = gid.x + 1; out[0] = x * x + 2;");
  expect_call("fn square(x) { return x * x; }", "out[1] = square(atomic_add(out[0], 1));",
              "let x = atomic_add(out[0], 1); out[1] = x * x;");
  expect_call("fn digit(c) { return c >= '0' && c <= '9'; }", "if digit(text[gid.x]) { }",
              "let c = text[gid.x]; if u32(c) >= 48 && u32(c) <= 57 { }");
}

TEST(TextFn, StatementsStandBeforeTheStatementOfTheCallWithNamesOfTheirOwn) {
  expect_call("fn sum(n) { let s = 0; for i in 0..n { s += i; } return s; }",
              "let s = sum(3); let t = sum(4) + s;",
              "let s_2 = 0; for i in 0..3 { s_2 = s_2 + i; } let s = s_2; let s_3 = 0; for i_2 in "
              "0..4 { s_3 = s_3 + i_2; } let t = s_3 + s;");
  expect_call("fn put(at, v) { let w = v; out[at] = w; }", "put(1, 2); put(gid.x, 3);",
              "{ let w = 2; out[1] = w; } { let w_2 = 3; out[gid.x] = w_2; }");
  expect_call("fn one(x) { let y = x; return y + 1; }",
              "if gid.x == 0 { } else if one(2) == 3 { out[0] = 1; }",
              "if gid.x == 0 { } else { let y = 2; let one = y + 1; if one == 3 { out[0] = 1; } }");
}

TEST(TextFn, ConstantsAndBuffersAreSeenAndNothingElseIs) {
  expect_call("const N = 7; fn f() { return N + len(text) + out[0]; }", "out[0] = f();",
              "out[0] = 7 + len(text) + out[0];");
  expect_refusal("fn f() { return y; }", "let y = 1; out[0] = f();",
                 "3:17 fn 'f' has no 'y'; a fn sees");
  expect_refusal("fn f(x) { x = 1; }", "f(2);", "3:11 fn 'f' changes only variables of its own");
  expect_refusal("fn f() { y = 1; }", "let y = 0; f();", "3:10 fn 'f' changes only variables");
  expect_refusal("fn f(x) { return x; }", "out[0] = f(text);",
                 "3:18 the parameter 'x' is a buffer here");
  expect_refusal("fn f(x) { return x[0]; }", "out[0] = f(3);",
                 "3:18 the parameter 'x' is a value here");
}

TEST(TextFn, MistakesAreNamedWhereTheyStandWithTheCallsThatLedThere) {
  EXPECT_EQ(
      refusal("fn f(x) {\n  return x + ;\n}\nfn g(x) { return f(x); }", "out[0] = g(1);"),
      "4:14 expected an expression, found ';'; in fn 'f', called at 6:18; in fn 'g', called at "
      "7:22");
  expect_refusal("fn f(x) { return x + ; }", "", "3:22 expected an expression");
  expect_refusal("fn f() { return f(); }", "", "3:17 fn calls itself");
  EXPECT_NE(refusal("fn g() { return 1; }\nfn f() { let x = f(); return x; }", "out[0] = f();")
                .find("f -> f"),
            std::string::npos);
  expect_refusal("fn f(x) { return x; }", "f(1);", "4:13 'f' gives a value");
  expect_refusal("fn f(x) { out[0] = x; }", "out[1] = f(1);", "4:22 'f' gives no value");
  expect_refusal("fn f(x) { return x; }", "out[1] = f();", "4:24 expected an expression");
  expect_refusal("fn f(x) { return x; }", "out[1] = f(1, 2);", "4:25 expected ')'");
  expect_refusal("fn f(x) { return 1; out[0] = 1; }", "out[1] = f(1);", "3:21 expected '}'");
  expect_refusal("fn f() { if true { return 1; } return 2; }", "out[1] = f();",
                 "3:20 expected another statement");
  expect_refusal("fn f() { break; }", "for i in 0..2 { f(); }", "3:10 'break' stands in no loop");
  expect_refusal("fn f(x) { return x; }", "while f(1) == 1 limit 2 { }", "4:19 a fn is called by");
  expect_refusal("fn min(x) { return x; }", "", "3:4 'min' is a function of the language");
  expect_refusal("fn trap(x) { }", "", "3:4 'trap' is a function of the language");
  expect_refusal("fn f() {} fn f() {}", "", "3:14 the fn 'f' is declared twice");
  expect_refusal("fn f(x, x) {}", "", "3:9 'x' is a const or another parameter");
  expect_refusal("fn f() { {", "", "4:");
}

TEST(TextFn, WhatNoCallHasNamedMayBeAValueOrABufferOfAnyType) {
  for (const char* fns :
       {"fn f(x) { return u32(x >= 48); } fn g(x) { return f(x) + 1; }",
        "fn f(b, i) { return b[i]; } fn g(b) { return f(b, 0); }",
        "fn f(a) { write(a, 0, \"xy\"); }",
        "fn f(a, i) { let x = 0; if matches(a, i, \"xy\") { x = 1; } return x; }"})
    EXPECT_EQ(refusal(fns, "out[0] = 1;"), "accepted") << fns;
}

TEST(TextFn, AFnBombIsRefusedBeforeItGrows) {
  std::string fns = "fn step0(x) { out[x] = 1; }\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "step" + std::to_string(i - 1) + "(x);";
    fns += "fn step" + std::to_string(i) + "(x) { " + before + before + " }\n";
  }
  EXPECT_NE(refusal(fns, "step39(1);").find("grow to more than 1000000 tokens"), std::string::npos)
      << refusal(fns, "step39(1);");
  std::string values = "fn v0(x) { return x + x; }\n";
  for (int i = 1; i < 20; ++i) {
    const std::string before = "v" + std::to_string(i - 1) + "(x)";
    values += "fn v" + std::to_string(i) + "(x) { return " + before + " ^ " + before + "; }\n";
  }
  EXPECT_NE(refusal(values, "out[0] = v19(1);").find("grow to more than"), std::string::npos);
}

TEST(TextFn, ABodyOfManyVariablesTakesNoLongerEachThanOneOfFew) {
  std::string body;
  for (int i = 0; i < 60'000; ++i) body += "let v" + std::to_string(i) + " = gid.x;";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(refusal("fn f() { " + body + " }", "f();"), "accepted");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10))
      << "a search of all names for each would take minutes";
}

TEST(TextFn, TextsWithPiecesCutDoubledOrSwappedAreRefusedOrPrintedAsTheProgramThatTheyAre) {
  const std::string whole =
      "const N = 4 * 2;\nworkgroup N, 1, 1;\n" + kHead +
      "fn get(b, i) { return b[i]; }\nfn sum(n) { let s = 0; for i in 0..n { if i == 2 { continue; "
      "} "
      "s += i; } return s + n; }\nfn put(at, v) { out[at] = v + sum(N); }\nregion \"r\" {\n put(1, "
      "get(text, 1)); if sum(3) == 1 { } else if get(out, sum(2)) == 3 { put(0, 1); }\nlet c = "
      "text[0]; while c > 'a' limit N { if matches(text, 1, \"ab\") { break; } out[c] <<= 1; "
      "atomic_add(out[1], c); }\nif raw(c) == raw(c) { out[0] += c; } }";
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < whole.size();) {
    std::size_t end = at + 1;
    while (end < whole.size() && (std::isalnum(static_cast<unsigned char>(whole[end])) != 0) ==
                                     (std::isalnum(static_cast<unsigned char>(whole[at])) != 0))
      ++end;
    pieces.push_back(whole.substr(at, end - at));
    at = end;
  }
  std::mt19937 random(20261130);
  std::uint32_t accepted = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::vector<std::string> changed = pieces;
    for (std::uint32_t change = random() % 2 + 1; change != 0; --change) {
      const std::size_t at = random() % changed.size();
      const std::size_t other = random() % changed.size();
      if (random() % 3 == 0) {
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(at));
      } else if (random() % 2 == 0) {
        std::swap(changed[at], changed[other]);
      } else {
        changed[at] = changed[other];
      }
    }
    std::string text;
    for (const std::string& piece : changed) text += piece;
    const auto program = vir::assemble(text);
    if (!program) {
      EXPECT_NE(program.error().line, 0u) << text;
      continue;
    }
    ++accepted;
    const std::string printed = vir::disassemble(*program);
    const auto again = vir::assemble(printed);
    ASSERT_TRUE(again.has_value()) << text << "\n" << printed << to_string(again.error());
    EXPECT_TRUE(vir::same_program(*program, *again)) << text << "\n" << printed;
  }
  EXPECT_GT(accepted, 100u);
}

/// A folder of files by their paths.
struct Shelf {
  std::map<std::string, std::string> files;
  int reads{0};

  Result<vir::Program> assemble(const std::string& text, vir::SourceMap* places = nullptr) {
    vir::TextOptions how{"main.vir"};
    how.folder = "dir";
    how.read = [this](const std::string& path) -> Result<std::string> {
      ++reads;
      const auto found = files.find(path);
      if (found == files.end()) return fail(Errc::not_found, message("no file '{}'", path));
      return found->second;
    };
    return vir::assemble(text, how, places);
  }
  std::string error(const std::string& text) {
    const auto program = assemble(text);
    return program ? "accepted" : program.error().message;
  }
};

TEST(TextInclude, DeclarationsOfAFileStandWhereItIsIncluded) {
  Shelf shelf{{{"lib.vir", "include \"parts/n.vir\";\nfn twice(x) { return x * N; }\n"},
               {"parts/n.vir", "include \"m.vir\"; const N = M;"},
               {"parts/m.vir", "const M = 2;"}}};
  const auto with = shelf.assemble("include \"lib.vir\"; include \"./parts//m.vir\";\n" + kHead +
                                   "region \"r\" { out[0] = twice(gid.x) + M; }");
  ASSERT_TRUE(with.has_value()) << to_string(with.error());
  EXPECT_EQ(shelf.reads, 3) << "each once";
  const auto plain = vir::assemble(kHead + "region \"r\" { out[0] = gid.x * 2 + 2; }");
  EXPECT_TRUE(vir::same_program(*with, *plain));
}

TEST(TextInclude, PlacesAndErrorsNameTheFileAndTheChainThatLedThere) {
  Shelf shelf{{{"a.vir", "\ninclude \"b.vir\";"},
               {"b.vir", "const N = 1;\nconst M = ;"},
               {"f.vir", "fn put(x) {\n  out[x] = 1;\n}"},
               {"s.vir", "let x = 1;"}}};
  EXPECT_EQ(
      shelf.error("include \"a.vir\";"),
      "dir/b.vir:2:11: expected an expression, found ';'; included at dir/a.vir:2:9; included "
      "at main.vir:1:9");
  EXPECT_EQ(shelf.error("include \"s.vir\";").substr(0, 41),
            "dir/s.vir:1:1: expected a declaration, fo");
  vir::SourceMap places;
  const auto program =
      shelf.assemble("include \"f.vir\";\n" + kHead + "region \"r\" { put(3); }", &places);
  ASSERT_TRUE(program.has_value()) << to_string(program.error());
  std::string all;
  for (const vir::NodeId id : vir::statements_in_order(*program))
    all += vir::to_string(places, places.of(id)) + " ";
  EXPECT_EQ(all, "main.vir:4:1 main.vir:4:14 dir/f.vir:2:3 ");
}

TEST(TextInclude, ValuesThatAnAssignmentWithAnOperatorMakesAreOfItsFile) {
  Shelf shelf{{{"f.vir", "fn bump(x) {\n  out[x] += 1;\n}"}}};
  vir::SourceMap places;
  const auto program =
      shelf.assemble("include \"f.vir\";\n" + kHead + "region \"r\" { bump(3); }", &places);
  ASSERT_TRUE(program.has_value()) << to_string(program.error());
  const vir::Node& store = program->nodes[vir::statements_in_order(*program).back()];
  ASSERT_EQ(store.tag, vir::NodeTag::Store);
  EXPECT_EQ(vir::to_string(places, places.exprs.at(store.e1)), "dir/f.vir:2:3");
}

TEST(TextInclude, CyclesLeavingTheFolderAndWhatIsNotThereAreRefused) {
  Shelf shelf{{{"a.vir", "include \"b.vir\";"},
               {"b.vir", "include \"a.vir\";"},
               {"me.vir", "include \"me.vir\";"}}};
  EXPECT_EQ(shelf.error("include \"a.vir\";").substr(0, 62),
            "dir/b.vir:1:9: 'a.vir' includes itself; move what both need to");
  EXPECT_NE(shelf.error("include \"me.vir\";").find("includes itself"), std::string::npos);
  for (const char* const path : {"/etc/passwd", "../x.vir", "a/../../x", "", ".", "a\\0b"}) {
    EXPECT_NE(shelf.error(message("include \"{}\";", path)).find("takes a path beside the file"),
              std::string::npos)
        << path;
  }
  EXPECT_EQ(shelf.error("include \"no.vir\";"), "main.vir:1:9: no file 'no.vir'");
  EXPECT_NE(shelf.error("let x = 1; include \"a.vir\";").find("before the first statement"),
            std::string::npos);
  const auto alone = vir::assemble("include \"a.vir\";");
  EXPECT_NE(alone.error().message.find("without one"), std::string::npos);
}

TEST(TextInclude, FilesAreBoundedInNumber) {
  Shelf shelf;
  std::string text;
  for (int i = 0; i < 300; ++i) {
    const std::string name = "f" + std::to_string(i) + ".vir";
    shelf.files[name] = "// nothing\n";
    text += "include \"" + name + "\";\n";
  }
  EXPECT_NE(shelf.error(text).find("more than 256 files"), std::string::npos) << shelf.error(text);
}

TEST(TextInclude, FilesAreBoundedInDepthAndAMessageNamesTheLastOfALongChain) {
  Shelf deep;
  for (int i = 0; i < 40; ++i) {
    deep.files["d" + std::to_string(i) + ".vir"] =
        "include \"d" + std::to_string(i + 1) + ".vir\";";
  }
  const std::string error = deep.error("include \"d0.vir\";");
  EXPECT_EQ(error.substr(0, 63), "dir/d15.vir:1:9: files include each other more than 16 deep; in");
  EXPECT_NE(error.find("; and 8 steps before"), std::string::npos) << error;
  EXPECT_LT(error.size(), 500u);
}

}  // namespace
}  // namespace vyre
