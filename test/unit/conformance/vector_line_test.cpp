// Vector lines: what is read, and that each malformed key is named.
#include "conformance/vector_line.hpp"

#include <gtest/gtest.h>

#include "base/digest.hpp"
#include "conformance/judge.hpp"

namespace vyre::conformance {
namespace {

std::string reason(std::string_view line) {
  const auto parsed = parse_line(line);
  return parsed ? "accepted" : parsed.error().message;
}

TEST(VectorLine, ExecutionLineCarriesEverythingThatIsJudged) {
  const auto line = parse_line(
      R"({"name":"n","wire":"00ff","grid":[3,2,1],"inputs":["01",""],"outputs":["02"],"ulp":4,)"
      R"("order":"dependent","fp_sensitive":true,"features":["x"],"steps":7})");
  ASSERT_TRUE(line) << to_string(line.error());
  const auto& c = std::get<ExecutionCase>(*line);
  EXPECT_EQ(c.name, "n");
  EXPECT_EQ(c.wire, (Bytes{0x00, 0xFF}));
  EXPECT_EQ(c.grid, (vir::Grid{3, 2, 1}));
  EXPECT_EQ(c.inputs, (std::vector<Bytes>{{1}, {}}));
  EXPECT_EQ(c.outputs, (std::vector<Bytes>{{2}}));
  EXPECT_EQ(c.ulp, 4u);
  EXPECT_TRUE(c.order_dependent);
  EXPECT_TRUE(c.fp_sensitive);
}

TEST(VectorLine, EveryMalformedKeyIsNamed) {
  EXPECT_NE(reason("{"), "accepted");
  EXPECT_NE(reason("[]"), "accepted");
  EXPECT_NE(reason("\xFF"), "accepted");
  const std::pair<const char*, const char*> cases[] = {
      {R"({"wire":"00","error":"fault"})", "name"},
      {R"({"name":1,"wire":"00","error":"fault"})", "name"},
      {R"({"name":"n","error":"fault"})", "wire"},
      {R"({"name":"n","wire":"0","error":"fault"})", "wire"},
      {R"({"name":"n","wire":"0g","error":"fault"})", "wire"},
      {R"({"name":"n","wire":"00"})", "outputs"},
      {R"({"name":"n","wire":"00","outputs":[],"error":"fault"})", "outputs"},
      {R"({"name":"n","wire":"00","error":"wrong"})", "error"},
      {R"({"name":"n","wire":"00","error":"fault","inputs":"00"})", "inputs"},
      {R"({"name":"n","wire":"00","error":"fault","inputs":[7]})", "inputs"},
      {R"({"name":"n","wire":"00","error":"fault","grid":[1,1]})", "grid"},
      {R"({"name":"n","wire":"00","error":"fault","grid":[1,1,4294967296]})", "grid"},
      {R"({"name":"n","wire":"00","error":"fault","grid":[1,1,-1]})", "grid"},
      {R"({"name":"n","wire":"00","error":"fault","ulp":-1})", "ulp"},
      {R"({"name":"n","wire":"00","error":"fault","order":"x"})", "order"},
      {R"({"name":"n","wire":"00","error":"fault","fp_sensitive":1})", "fp_sensitive"},
      {R"({"name":"n","wire":"00","mutations":[]})", "base"},
      {R"({"name":"n","wire":"00","base":[1],"mutations":{}})", "mutations"},
      {R"({"name":"n","wire":"00","base":[4],"mutations":[]})", "verdict"},
      {R"({"name":"n","wire":"00","base":[2],"mutations":[]})", "verdict 2"},
      {R"({"name":"n","wire":"00","base":[1],"mutations":[["xor",1,1]]})", "mutation"},
      {R"({"name":"n","wire":"00","base":[1],"mutations":[["flip",1,1,0]]})", "flip"},
  };
  for (const auto& [line, key] : cases) {
    EXPECT_NE(reason(line).find(key), std::string::npos) << line << ": " << reason(line);
  }
}

TEST(Mutations, DoWhatTheirNamesSay) {
  Bytes wire(44, 0);
  wire[40] = 2;
  wire[41] = 9;
  const auto apply = [&](MutationKind kind, std::uint64_t at, std::uint64_t value) {
    return mutated(wire, Mutation{kind, at, value, DecoderVerdict::rejected, {}});
  };
  EXPECT_EQ(apply(MutationKind::none, 0, 0).value(), wire);
  EXPECT_EQ(apply(MutationKind::xor_no_rehash, 41, 0xFF).value()[41], 0xF6);
  EXPECT_EQ(apply(MutationKind::set_no_rehash, 41, 0xFF).value()[41], 0xFF);
  EXPECT_EQ(apply(MutationKind::set_no_rehash, 41, 0xFF).value()[8], 0) << "digest left alone";
  const Bytes flipped = apply(MutationKind::xor_byte, 43, 1).value();
  EXPECT_EQ(to_hex(ByteSpan(flipped).subspan(8, 32)), blake3(ByteSpan(flipped).subspan(40)).hex());
  EXPECT_EQ(apply(MutationKind::truncate, 12, 0)->size(), 12u);
  const Bytes longer = apply(MutationKind::insert_zero, 42, 0).value();
  EXPECT_EQ(to_hex(ByteSpan(longer).subspan(40)), "0209000000");
  const Bytes overlong = apply(MutationKind::overlong_count, 40, 2).value();
  EXPECT_EQ(to_hex(ByteSpan(overlong).subspan(40)), "828000090000");
}

TEST(Mutations, ThatDoNotFitAreErrorsNotReadsBeyondTheBlob) {
  const Bytes wire(10, 0);
  for (const MutationKind kind : {MutationKind::xor_byte, MutationKind::xor_no_rehash,
                                  MutationKind::set_no_rehash, MutationKind::overlong_count}) {
    EXPECT_FALSE(mutated(wire, Mutation{kind, 10, 1, DecoderVerdict::rejected, {}}));
  }
  for (const MutationKind kind : {MutationKind::truncate, MutationKind::insert_zero}) {
    EXPECT_FALSE(mutated(wire, Mutation{kind, 11, 1, DecoderVerdict::rejected, {}}));
    EXPECT_TRUE(mutated(wire, Mutation{kind, 10, 1, DecoderVerdict::rejected, {}}));
  }
}

}  // namespace
}  // namespace vyre::conformance
