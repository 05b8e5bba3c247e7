#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "process.hpp"

namespace vyre::test {
namespace {

using Json = nlohmann::json;

TEST(CliAsm, WritesABlobThatDisassemblesToTheSameProgram) {
  const Folder folder;
  const std::string blob = folder.path("p.vyre");
  ASSERT_EQ(vyre({"asm", kExamples + "crc32.vir", "-o", blob}).exit_code, 0);
  EXPECT_EQ(read_all(blob).substr(0, 4), "VYRE");
  const Ran from_blob = vyre({"dis", blob});
  const Ran from_text = vyre({"dis", kExamples + "crc32.vir"});
  EXPECT_EQ(from_blob.exit_code, 0);
  EXPECT_EQ(from_blob.out, from_text.out);
}

TEST(CliAsm, TheSpecifiedExampleHasItsPublishedHash) {
  const Folder folder;
  // spec: out[gid.x] = a[gid.x] + 1 with workgroup 64 is 237 bytes.
  const Ran ran = vyre({"asm", "-", "-o", folder.path("p"), "--json"},
                       {"workgroup 64, 1, 1; buffer a: u32[4] read_only; buffer out: u32[4] "
                        "read_write output live_out;"
                        "region \"vyre.program.root\" { out[gid.x] = a[gid.x] + 1; }"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["bytes"], 237);
  EXPECT_EQ(json["exact"], true);
  EXPECT_EQ(json["fingerprint"].get<std::string>().size(), 64u);
}

TEST(CliAsm, WarnsWhenTheWireFormLosesALiteral) {
  const Folder folder;
  const Ran ran = vyre({"asm", "-", "-o", folder.path("p")}, {"let x = -0.0f;"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_NE(ran.err.find("warning"), std::string::npos);
}

TEST(CliAsm, ErrorsHaveLineColumnAndCodeAndLeaveNoFile) {
  const Folder folder;
  const std::string text =
      folder.write("bad.vir", "buffer a: u32[4] read_only;\nlet x = flor(1.0f);\n");
  const Ran ran = vyre({"asm", text, "-o", folder.path("p"), "--json"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_NE(ran.err.find(text + ":2:9: unknown function"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("did you mean 'floor'"), std::string::npos) << ran.err;
  const Json error = Json::parse(ran.out)["error"];
  EXPECT_EQ(error["code"], "malformed");
  EXPECT_EQ(error["line"], 2);
  EXPECT_EQ(error["column"], 9);
  EXPECT_EQ(read_all(folder.path("p")), "");
}

TEST(CliDis, PrintsTheImage) {
  const Ran ran = vyre({"dis", kExamples + "line_count.vir", "--image"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_GT(ran.out.size(), 100u);
  const Ran json = vyre({"dis", kExamples + "line_count.vir", "--json"});
  EXPECT_EQ(Json::parse(json.out)["text"].get<std::string>().substr(0, 9), "workgroup");
}

TEST(CliDis, PrintsPtxWithTheClassAndItsReasons) {
  const Ran ran = vyre({"dis", kExamples + "line_count.vir", "--jit"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out.substr(0, 11), "// class A\n");
  EXPECT_NE(ran.out.find(".visible .func"), std::string::npos);
  EXPECT_NE(vyre({"dis", kExamples + "line_count.vir", "--jit", "--image"}).exit_code, 0);
}

TEST(CliVerify, ExplainsAtTheStatementWhyAProgramMayEndEarly) {
  const Folder folder;
  const std::string text = folder.write("p.vir",
                                        "buffer x: i32[] read_only;\nbuffer y: i32[] read_write;\n"
                                        "region \"r\" {\n  y[gid.x] = y[gid.x] / x[gid.x];\n}\n");
  const Ran ran = vyre({"verify", text, "--explain"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find(text + ":4:3: class B: may fault with an i32 division\n"),
            std::string::npos)
      << ran.out;
  const Json json = Json::parse(vyre({"verify", text, "--explain", "--json"}).out);
  EXPECT_EQ(json["programs"][0]["class"], "B");
  EXPECT_EQ(json["programs"][0]["reasons"].size(), 2u);
}

TEST(CliVerify, ListsViolationsWithStableCodesAndExitsOne) {
  const Folder folder;
  const std::string bad = folder.write("bad.vir",
                                       "buffer out: u32[4] read_write output live_out; region "
                                       "\"r\" { out[0] = nowhere; out[9] = 1; }");
  const Ran good = vyre({"verify", kExamples + "crc32.vir"});
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_NE(good.out.find("accepted"), std::string::npos);
  const Ran ran = vyre({"verify", kExamples + "crc32.vir", bad, "--json"});
  EXPECT_EQ(ran.exit_code, 1);
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["accepted"], false);
  EXPECT_EQ(json["programs"][0]["verdict"], "accepted");
  EXPECT_EQ(json["programs"][1]["verdict"], "refused");
  EXPECT_GE(json["programs"][1]["diagnostics"].size(), 2u);
  EXPECT_NE(vyre({"verify", bad}).out.find(bad + ":1:70: V0"), std::string::npos);
}

TEST(CliAsm, TheExamplesAreTheProgramsThatTheyWereInTheirLongForm) {
  const struct {
    const char* file;
    const char* fingerprint;
  } kExamplesBefore[]{
      {"base64_decode.vir", "d80b30826ff5bf13d3cd56409755d9c8c7b849671bc742108417d92968184344"},
      {"byte_histogram.vir", "a4dce76b51cc5d8517a7f51fa7a90de1d822fb0a2acded5111c7aa8e46abf20c"},
      {"count_status.vir", "97da0969c3442b62fb82b516e23e58a2eb7e78c750781bbe245ffb96f49fe93c"},
      {"crc32.vir", "ea215a3e42cc1616ea3a62438e19f43f65e3ea71d001a479d0dd91c12a02a809"},
      {"line_count.vir", "e31b2fe04c32385d6590a232f3689a82fe08e7a57bc94e013b2b384d70dcb1d7"},
      {"literal_count.vir", "4f4739eb1fd528210647dcebe480bb63fafe4abf4bef76e64e4025544a2c0844"},
      {"prefix_sum.vir", "aa0953eeb653c80affc3aabcd846e0ef365d09275a183659b6110f7e9fcba8cb"},
  };
  const Folder folder;
  for (const auto& [file, fingerprint] : kExamplesBefore) {
    const Ran ran = vyre({"asm", kExamples + file, "-o", folder.path("blob"), "--json"});
    EXPECT_EQ(Json::parse(ran.out)["fingerprint"], fingerprint) << file;
  }
}

TEST(CliInclude, FilesBesideTheProgramAreReadAndNamedInMessages) {
  const Folder folder;
  (void)folder.write(
      "lib.vir", "const N = 3;\nfn bad(x) {\n  nowhere[x] = N;\n}\nfn good(x) { return x * N; }\n");
  const std::string head = "include \"lib.vir\";\nbuffer o: u32[1] read_write output live_out;\n";
  const std::string good =
      folder.write("good.vir", head + "region \"r\" { if gid.x == 0 { o[0] = good(14); } }\n");
  const Ran ran = vyre({"run", good, "--format", "u32"});
  EXPECT_EQ(ran.out, "42\n") << ran.err;
  const std::string bad = folder.write("bad.vir", head + "region \"r\" { bad(0); o[0] = 1; }\n");
  const Ran refused = vyre({"verify", bad});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.out.find(folder.path("lib.vir") + ":3:3: V004: "), std::string::npos)
      << refused.out;
  const Json found = Json::parse(vyre({"verify", bad, "--json"}).out)["programs"][0];
  EXPECT_EQ(found["diagnostics"][0]["file"], folder.path("lib.vir")) << found;
  (void)folder.write("open.vir", "const = 1;");
  const Ran open = vyre({"verify", folder.write("n.vir", "include \"open.vir\";"), "--json"});
  EXPECT_EQ(Json::parse(open.out)["programs"][0]["error"]["file"], folder.path("open.vir"))
      << open.out;
  const Ran stdin_text = vyre({"verify", "-"}, {head});
  EXPECT_NE(stdin_text.out.find("-:1:9: include needs a folder"), std::string::npos)
      << stdin_text.err << stdin_text.out;
  const Ran missing = vyre({"verify", folder.write("m.vir", "include \"no.vir\";")});
  EXPECT_EQ(missing.exit_code, 4);
  EXPECT_NE(missing.out.find("no.vir"), std::string::npos) << missing.out;
}

TEST(CliPlaces, AFaultAndARefusalNameTheLineOfTheTextOnEveryExecutor) {
  const Folder folder;
  const std::string faulty =
      folder.write("f.vir",
                   "workgroup 1, 1, 1;\nbuffer x: i32[1] read_only;\nbuffer y: i32[1] read_write "
                   "output live_out;\nregion \"r\" {\n  y[0] = 1i / x[0];\n}\n");
  const std::string zero = folder.write("zero", std::string(4, '\0'));
  const std::string blob = folder.path("blob");
  ASSERT_EQ(vyre({"asm", faulty, "-o", blob}).exit_code, 0);
  for (const char* const executor : {"cpu", "reference"}) {
    const Ran ran = vyre({"run", faulty, zero, "--executor", executor});
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_NE(ran.err.find(faulty + ":5:3: i32_division_by_zero"), std::string::npos) << ran.err;
    const Ran wire = vyre({"run", blob, zero, "--executor", executor});
    EXPECT_NE(wire.err.find("statement 1"), std::string::npos) << wire.err;
    EXPECT_EQ(wire.err.find(":5:3"), std::string::npos) << wire.err;
  }
  const std::string bad = folder.write("bad.vir", "region \"r\" {\n  y[0] = 1;\n}\n");
  const Ran refused = vyre({"run", bad, "--executor", "cpu"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_NE(refused.err.find(bad + ":2:3: V004: "), std::string::npos) << refused.err;
}

TEST(CliVerify, AcceptsNoLimitThatAsmCannotWrite) {
  const Folder folder;
  const auto chain = [](int links) {
    std::string text = "buffer out: u32[4] read_write output live_out; region \"r\" { out[0] = 1u";
    for (int i = 0; i < links; ++i) text += " + 1u";
    return text + "; }";
  };
  const std::string blob = folder.path("blob");
  const std::string fits = folder.write("fits.vir", chain(61));
  EXPECT_EQ(vyre({"verify", fits}).exit_code, 0);
  EXPECT_EQ(vyre({"asm", fits, "-o", blob}).exit_code, 0);
  EXPECT_EQ(vyre({"verify", blob}).exit_code, 0);
  const std::string more = folder.write("more.vir", chain(62));
  const Ran refused = vyre({"verify", more});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_NE(refused.out.find("64 levels"), std::string::npos) << refused.out << refused.err;
  EXPECT_EQ(vyre({"asm", more, "-o", blob}).exit_code, 3);
}

TEST(CliVerify, WhatPreparationRefusesHasAStableCodeToo) {
  const Ran empty = vyre({"verify", "-", "--json"}, {"buffer out: u32[4] read_write;"});
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_EQ(Json::parse(empty.out)["programs"][0]["diagnostics"][0]["code"], "V104");
  const Ran name = vyre({"verify", "-"}, {"region \"r\" { let \"a\\xff\" = 1u; }"});
  EXPECT_EQ(name.exit_code, 1);
  EXPECT_NE(name.out.find("V144 (program): byte 1 of the name 'a\xff'"), std::string::npos)
      << "its bytes as they are: " << name.out;
}

TEST(CliVerify, EveryExampleIsAccepted) {
  for (const char* const name :
       {"base64_decode", "byte_histogram", "crc32", "line_count", "literal_count", "polynomial_1",
        "polynomial_5", "polynomial_10", "prefix_sum"}) {
    const Ran ran = vyre({"verify", kExamples + name + ".vir"});
    EXPECT_EQ(ran.exit_code, 0) << ran.out << ran.err;
  }
}

TEST(CliCaps, ListsBackendsAndLimitsWhereTheseAreAskedFor) {
  const Ran ran = vyre({"caps", "--json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json json = Json::parse(ran.out);
  ASSERT_EQ(json["backends"].size(), 2u);
  EXPECT_EQ(json["backends"][0]["name"], "cpu");
  EXPECT_EQ(json["backends"][0]["available"], true);
  EXPECT_GE(json["backends"][0]["workers"], 1);
  if (json["backends"][1]["available"] == false) {
    EXPECT_FALSE(json["backends"][1]["reason"].is_null());
  }
  EXPECT_FALSE(json.contains("limits"));
  EXPECT_EQ(vyre({"caps"}).out.find("max_ring_slots"), std::string::npos);
  EXPECT_GT(Json::parse(vyre({"caps", "--limits", "--json"}).out)["limits"].size(), 10u);
  EXPECT_NE(vyre({"caps", "--limits"}).out.find("max_ring_slots"), std::string::npos);
}

TEST(CliCaps, SaysOfEachWayOfReadingFilesWhetherItWorksHereAndWhyNotMore) {
  const Folder folder;
  const std::string here = folder.path(".");
  const Ran ran = vyre({"caps", "--json", "--directory", here});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json ingest = Json::parse(ran.out)["ingest"];
  EXPECT_EQ(ingest["directory"], here);
  ASSERT_EQ(ingest["tiers"].size(), 5u);
  std::string letters;
  for (const Json& tier : ingest["tiers"]) {
    letters += tier["tier"].get<std::string>();
    EXPECT_NE(tier["reason"], "") << tier;
  }
  EXPECT_EQ(letters, "ABCDE");
  EXPECT_EQ(ingest["tiers"][4]["available"], true);
  const std::string text = vyre({"caps", "--directory", here}).out;
  for (const char* const row :
       {"tier A: ", "tier B: ", "tier C: ", "tier D: not available: ", "tier E: "})
    EXPECT_NE(text.find(row), std::string::npos) << text;
}

TEST(CliCaps, AFolderThatCannotBeWrittenIsTheReasonAndNoFailure) {
  const Ran ran = vyre({"caps", "--directory", "/nonexistent"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("tier E: not available: making a scratch file in '/nonexistent'"),
            std::string::npos)
      << ran.out;
}

}  // namespace
}  // namespace vyre::test
