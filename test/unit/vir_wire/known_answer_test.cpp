// The encodings that the format's own regression test pins, and the worked example of
// docs/internals/vir0.md.
#include <gtest/gtest.h>

#include "unit/vir_wire/build_program.hpp"

namespace vyre::vir {
namespace {
using namespace testing;

Program store_42() {
  return store_program([](Program& p) { return lit(p, 42); });
}

Program one_plus_two() {
  return store_program([](Program& p) {
    const ExprId one = lit(p, 1);
    return binary(p, BinOp::Add, one, lit(p, 2));
  });
}

std::vector<NodeId> accumulate(Program& p, std::uint32_t to) {
  const NodeId let = named(p, NodeTag::Let, "acc", lit(p, 0));
  const ExprId acc = var(p, "acc");
  const NodeId assign = named(p, NodeTag::Assign, "acc", binary(p, BinOp::Add, acc, var(p, "i")));
  const ExprId zero = lit(p, 0);
  return {let, loop(p, "i", zero, lit(p, to), {assign})};
}

Program sum_of_four() {
  Program p;
  std::vector<NodeId> entry = accumulate(p, 4);
  const ExprId zero = lit(p, 0);
  entry.push_back(store(p, "out", zero, var(p, "acc")));
  finish(p, entry);
  wrap_root(p);
  return p;
}

Program nested_regions() {
  Program p;
  const ExprId zero = lit(p, 0);
  const NodeId inner = list_node(p, NodeTag::Region, "inner", {store(p, "out", zero, lit(p, 7))});
  finish(p, {list_node(p, NodeTag::Region, "outer", {inner})});
  return p;
}

Program accum_with_call() {
  Program p;
  std::vector<NodeId> body = accumulate(p, 3);
  body.push_back(
      named(p, NodeTag::Let, "dial", call(p, "vyre-conform.test.identity_u32", {var(p, "acc")})));
  const ExprId zero = lit(p, 0);
  body.push_back(store(p, "out", zero, var(p, "dial")));
  finish(p, {list_node(p, NodeTag::Region, "vyre.intrinsics.math.accum", body)});
  return p;
}

struct Known {
  const char* name;
  Program (*build)();
  std::size_t v4_bytes;
  const char* v4_hash;
  std::size_t v6_bytes;
  const char* v6_hash;
};

const Known kKnown[] = {
    {"store", store_42, 194, "c1f2ccf5754f0e561c767f6d6e2a847947d70e4bd0593b617d53f5aee5cc0428",
     197, "22325167b0cb84193a1d5cfe581e9e2f95fd5721a5cf3f4fd2fdd80d49dcf062"},
    {"add", one_plus_two, 201, "9e8a8762168ae22123d41cb22f7268dbe565fa416e4408f0be78c840531e04cc",
     204, "c202412743128a5f2b944de76a272503b4244e3b009b440613e74cef56cd22ed"},
    {"loop", sum_of_four, 254, "c0939ac097203b376d7466ea6bae4fa6b76ee82020562ade8bd8af4a10e05a3f",
     257, "42042606253dd42ac84317e40997166aa3fb704c4a05ead4cce851f312ee6b4e"},
    {"regions", nested_regions, 197,
     "de6cc803a8ac5d35caa993c92d87d1c5bdcaf365e5d52281d41bc3f21e699f5f", 200,
     "17fe6fe62d2b37144bf29d8994412572e7b7a6dbf0f93c137b89dc413b496983"},
    {"call", accum_with_call, 321,
     "ae744c66b22dcb9c2142b22bd9c26fcfdca9b61abe3c841e05c52ea16baa952b", 324,
     "984aec1c4b0ffb081687e23fad358cc2f3645f85c5e85d7c0f9cbe1d113e6b49"},
};

TEST(KnownAnswer, FiveProgramsEncodeToThePublishedVersion4Hashes) {
  for (const Known& known : kKnown) {
    const auto blob = encode(known.build());
    ASSERT_TRUE(blob) << known.name << ": " << to_string(blob.error());
    EXPECT_EQ(blob->size(), known.v4_bytes) << known.name;
    EXPECT_EQ(blake3(*blob).hex(), known.v4_hash) << known.name;
  }
}

TEST(KnownAnswer, FiveProgramsEncodeToThePublishedVersion6Hashes) {
  for (const Known& known : kKnown) {
    const auto blob = encode(known.build(), Profile::v6);
    ASSERT_TRUE(blob) << known.name << ": " << to_string(blob.error());
    EXPECT_EQ(blob->size(), known.v6_bytes) << known.name;
    EXPECT_EQ(blake3(*blob).hex(), known.v6_hash) << known.name;
  }
}

TEST(KnownAnswer, EveryProgramComesBackFromEveryProfileAsItWas) {
  for (const Known& known : kKnown) {
    for (const Profile profile : {Profile::v4_0_6_3, Profile::v4_0_6_4, Profile::v6}) {
      const Program program = known.build();
      const auto back = decode(encode(program, profile).value(), {profile});
      ASSERT_TRUE(back) << known.name << ": " << to_string(back.error());
      EXPECT_TRUE(same_program(program, *back)) << known.name << " " << profile_name(profile);
    }
  }
}

TEST(KnownAnswer, WorkedExampleEncodesToItsBytes) {
  Program p;
  BufferDecl a = buffer(p, "a", 0, 4, Access::ReadOnly);
  a.kind = MemoryKind::Readonly;
  BufferDecl out = buffer(p, "out", 1, 4);
  out.is_output = true;
  out.pipeline_live_out = true;
  p.buffers = {a, out};
  p.workgroup = {64, 1, 1};
  Expr gid;
  gid.tag = ExprTag::InvocationId;
  Expr load;
  load.tag = ExprTag::Load;
  load.name = p.intern("a");
  load.child[0] = p.add(gid);
  const ExprId index = p.add(gid);
  const ExprId loaded = p.add(load);
  const NodeId node = store(p, "out", index, binary(p, BinOp::Add, loaded, lit(p, 1)));
  p.entry = p.add_list({&node, 1});
  wrap_root(p);

  const auto blob = encode(p);
  ASSERT_TRUE(blob) << to_string(blob.error());
  EXPECT_EQ(blob->size(), 237u);
  EXPECT_EQ(to_hex(ByteSpan(*blob).subspan(8, 32)),
            "b3c5ce97ea4c0199abcbba595816945f4b0acb4d72bceaabe0581a801b8afec4");
  EXPECT_EQ(blake3(*blob).hex(),
            "3059b07b521c5abefbed25e1351b76565afe563629c1f2b17c08a2d6f3cacaf2");
  EXPECT_EQ(to_hex(ByteSpan(*blob).subspan(0xCE)),
            "02"
            "0004000100"
            "0104"
            "06000000000001"
            "0100010100"
            "0104"
            "06000000000001"
            "0101");
}

}  // namespace
}  // namespace vyre::vir
