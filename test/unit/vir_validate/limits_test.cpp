// Every limit of the format at every door: the text form, the validator (with prepare), the
// encoder, the decoder and lowering. The limit passes each of them, and one more passes none.
#include <gtest/gtest.h>

#include <functional>

#include "../vir_wire/build_program.hpp"
#include "protocol/limits.hpp"
#include "verdict.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::test {
namespace {

using vir::Profile;
using vir::Program;
using vir::testing::let_program;
using vir::testing::Raw;
using vir::testing::RawProgram;

std::string repeated(std::string_view piece, std::uint64_t count) {
  std::string text;
  text.reserve(piece.size() * count);
  for (std::uint64_t i = 0; i < count; ++i) text += piece;
  return text;
}

/// One limit: what has `n` of the thing it counts, in each form. A form that cannot exist is empty.
struct Limit {
  const char* name;
  std::uint64_t limit;
  std::string code;  // of the validator; "" where others refuse all
  std::function<std::string(std::uint64_t)> text;
  std::function<Program(std::uint64_t)> program;
  std::function<Bytes(std::uint64_t)> blob;  // without the encoder
  bool runs{true};                           // at the limit
  Profile profile{Profile::v4_0_6_3};
};

std::string region(const std::string& body) {
  return "buffer out: u32[4] read_write output live_out;\nregion \"r\" {\n" + body + "\n}\n";
}

/// A stage of one output around the statements.
Program with_output(const std::function<std::vector<NodeId>(ProgramBuilder&)>& make) {
  ProgramBuilder b;
  b.output("out", TypeTag::U32, 4);
  b.body(make(b));
  return b.take();
}

Program chain(std::uint64_t levels) {  // Region, Let, then the expression
  return with_output([&](ProgramBuilder& b) {
    ExprId e = b.u32(1);
    for (std::uint64_t i = 3; i < levels; ++i) e = b.un(UnOp::BitNot, e);
    return std::vector{b.let("x", e)};
  });
}

Program nested(std::uint64_t levels) {
  return with_output([&](ProgramBuilder& b) {
    NodeId inner = b.block({});
    for (std::uint64_t i = 2; i < levels; ++i) inner = b.block({inner});
    return std::vector{inner};
  });
}

Program named(std::uint64_t bytes) {
  return with_output(
      [&](ProgramBuilder& b) { return std::vector{b.let(std::string(bytes, 'n'), b.u32(1))}; });
}

Program with_type(std::uint64_t levels) {
  return with_output([&](ProgramBuilder& b) {
    vir::TypeId type = b.program.scalar(TypeTag::U32);
    for (std::uint64_t i = 1; i < levels; ++i) {
      vir::DataType vec;
      vec.tag = TypeTag::Vec;
      vec.element = type;
      vec.a = 1;
      type = b.program.add_type(vec);
    }
    return std::vector{b.let("x", b.cast(type, b.u32(1)))};
  });
}

vir::ShapePredicate predicate(std::uint64_t levels) {
  vir::ShapePredicate made;
  made.tag = levels == 1 ? 1 : 9;
  if (levels > 1) made.children.push_back(predicate(levels - 1));
  return made;
}

std::vector<Limit> limits() {
  return {
      {"buffers", kMaxBuffers, "V143",
       [](std::uint64_t n) {
         std::string text = region("out[0] = 1;");
         std::string more;
         for (std::uint64_t i = 1; i < n; ++i) {
           const std::string number = std::to_string(i);
           more += "buffer b" + number + ": u32[1] @" + number + " workgroup;\n";
         }
         return text.insert(text.find("region"), more);
       },
       [](std::uint64_t n) {
         ProgramBuilder b;
         b.output("out", TypeTag::U32, 4);
         for (std::uint64_t i = 1; i < n; ++i)
           b.workgroup("b" + std::to_string(i), TypeTag::U32, 1);
         b.body({b.store("out", b.u32(0), b.u32(1))});
         return b.take();
       },
       [](std::uint64_t n) {
         RawProgram raw;
         Raw meta;
         meta.raw(raw.metadata_head).leb(n);
         Raw regions;
         for (std::uint64_t i = 0; i < n; ++i) {
           meta.text("b" + std::to_string(i)).u32(static_cast<std::uint32_t>(i)).u32(4);
           meta.u8(0).u8(0).u8(0).hex("000000000001");
           regions.leb(i).hex("00000100").hex("0104").hex("06000000000001");
         }
         Raw body;
         body.leb(2)
             .leb_text("vyre.program.metadata")
             .leb(meta.bytes.size())
             .raw(meta.bytes)
             .leb(0);
         body.leb_text(raw.op_id).leb(raw.node.size()).raw(raw.node).leb(0);
         body.leb(n).raw(regions.bytes).leb(0);
         return vir::testing::sealed(body.bytes);
       }},
      {"bytes of a variable's name", kMaxStringBytes, "V144",
       [](std::uint64_t n) { return region("let " + std::string(n, 'n') + " = 1u;"); }, named,
       [](std::uint64_t n) {
         RawProgram p;
         p.op_id = "vyre.node.let";
         p.node = Raw{}.u8(0).text(std::string(n, 'n')).u8(0).u32(1).bytes;
         return p.blob();
       }},
      {"bytes of a quoted name",
       kMaxStringBytes,
       "V144",
       [](std::uint64_t n) { return region("let \"" + std::string(n, '+') + "\" = 1u;"); },
       [](std::uint64_t n) {
         return with_output(
             [&](ProgramBuilder& b) { return std::vector{b.let(std::string(n, '+'), b.u32(1))}; });
       },
       {}},
      {"bytes of a buffer's name",
       kMaxStringBytes,
       "V144",
       [](std::uint64_t n) {
         return "buffer " + std::string(n, 'b') + ": u32[1] read_only;\n" + region("out[0] = 1;");
       },
       [](std::uint64_t n) {
         Program p = named(1);
         p.buffers[0].name = p.intern(std::string(n, 'b'));
         return p;
       },
       {}},
      {"bytes of a copy's tag",
       kMaxStringBytes,
       "V144",
       [](std::uint64_t n) { return region("async_wait(\"" + std::string(n, 't') + "\");"); },
       [](std::uint64_t n) {
         return with_output(
             [&](ProgramBuilder& b) { return std::vector{b.async_wait(std::string(n, 't'))}; });
       },
       {}},
      {"bytes of the entry op id",
       kMaxStringBytes,
       "V144",
       [](std::uint64_t n) {
         return "entry_op_id \"" + std::string(n, 'e') + "\";\n" + region("out[0] = 1;");
       },
       [](std::uint64_t n) {
         Program p = named(1);
         p.entry_op_id = std::string(n, 'e');
         return p;
       },
       {}},
      {"arguments of a call", kMaxArgs, "V145",
       [](std::uint64_t n) { return region("let x = call f(" + repeated("1u, ", n - 1) + "1u);"); },
       [](std::uint64_t n) {
         return with_output([&](ProgramBuilder& b) {
           const std::vector<ExprId> args(n, b.u32(1));
           const ExprId call = b.call("f", {});
           b.program.exprs[call].args = b.program.add_args(args);
           return std::vector{b.let("x", call)};
         });
       },
       [](std::uint64_t n) {
         return let_program(Raw{}
                                .u8(11)
                                .text("f")
                                .u32(static_cast<std::uint32_t>(n))
                                .raw(Bytes(n, 21))
                                .bytes)
             .blob();
       },
       false},
      {"levels of an expression in its statements", kMaxDecodeDepth, "V147",
       [](std::uint64_t n) { return region("let x = " + repeated("~", n - 3) + "1u;"); }, chain,
       [](std::uint64_t n) {
         Raw e;  // here the Let is the root
         for (std::uint64_t i = 2; i < n; ++i) e.u8(10).u8(2);
         return let_program(e.u8(0).u32(1).bytes).blob();
       }},
      {"levels of a chain of operators",
       kMaxDecodeDepth,
       "V147",
       [](std::uint64_t n) { return region("let x = 1u" + repeated(" + 1u", n - 3) + ";"); },
       [](std::uint64_t n) {
         return with_output([&](ProgramBuilder& b) {
           ExprId e = b.u32(1);
           for (std::uint64_t i = 3; i < n; ++i) e = b.bin(BinOp::Add, e, b.u32(1));
           return std::vector{b.let("x", e)};
         });
       },
       {}},
      {"levels of an index in an index",
       kMaxDecodeDepth,
       "V147",
       [](std::uint64_t n) {
         return region("let x = " + repeated("out[", n - 3) + "1u" + repeated("]", n - 3) + ";");
       },
       [](std::uint64_t n) {
         return with_output([&](ProgramBuilder& b) {
           ExprId e = b.u32(1);
           for (std::uint64_t i = 3; i < n; ++i) e = b.load("out", e);
           return std::vector{b.let("x", e)};
         });
       },
       {}},
      {"levels of blocks",
       kMaxDecodeDepth,
       "V147",
       [](std::uint64_t n) { return region(repeated("{", n - 1) + repeated("}", n - 1)); },
       nested,
       {}},
      {"levels of else if",
       kMaxDecodeDepth,
       "V147",
       [](std::uint64_t n) {  // Region, the ifs, and the condition of the last one
         return region("if true {}" + repeated(" else if true {}", n - 3));
       },
       [](std::uint64_t n) {
         return with_output([&](ProgramBuilder& b) {
           NodeId inner = b.if_(b.boolean(true), {});
           for (std::uint64_t i = 3; i < n; ++i) inner = b.if_(b.boolean(true), {}, {inner});
           return std::vector{inner};
         });
       },
       {}},
      {"levels of a type", kMaxDecodeDepth, "V146",
       [](std::uint64_t n) {
         return region("let x = cast(" + repeated("vec(", n - 1) + "u32" + repeated(", 1)", n - 1) +
                       ", 1u);");
       },
       with_type,
       [](std::uint64_t n) {
         Raw e;
         e.u8(13).raw(Bytes(n - 1, 0x16)).u8(1).u8(0).u32(1);  // sparse rows of sparse rows
         return let_program(e.bytes).blob();
       },
       false},
      {"levels of a shape predicate",
       kMaxPredicateDepth,
       "V146",
       [](std::uint64_t n) {
         std::string text = region("out[0] = 1;");
         return text.insert(text.find(';'), " shape(" + repeated("not(", n - 1) + "at_least(0)" +
                                                repeated(")", n - 1) + ")");
       },
       [](std::uint64_t n) {
         Program p = named(1);
         p.buffers[0].shape_predicate = predicate(n);
         return p;
       },
       {},
       true,
       Profile::v6},
      {"statements of one list", kMaxNodes, "",
       [](std::uint64_t n) { return region(repeated("return;", n)); },
       [](std::uint64_t n) {
         return with_output([&](ProgramBuilder& b) {
           std::vector<NodeId> nodes(n);
           for (NodeId& id : nodes) id = b.ret();
           return nodes;
         });
       },
       [](std::uint64_t n) {
         RawProgram p;
         p.op_id = "vyre.node.block";
         p.node = Raw{}.u8(6).u32(static_cast<std::uint32_t>(n)).raw(Bytes(n, 5)).bytes;
         return p.blob();
       },
       false},
      {"records",
       kMaxNodes,
       "",
       [](std::uint64_t n) { return repeated("return;", n - 1); },
       [](std::uint64_t n) {
         ProgramBuilder b;
         std::vector<NodeId> nodes(n - 1);
         for (NodeId& id : nodes) id = b.ret();
         b.program.entry = b.program.add_list(nodes);
         return b.take();
       },
       {},
       false},
      {"bytes of an opaque payload",
       kMaxOpaqueBytes,
       "",
       [](std::uint64_t n) {
         return region("let x = opaque(\"k\", hex\"" + repeated("00", n) + "\");");
       },
       [](std::uint64_t n) {
         return with_output([&](ProgramBuilder& b) {
           const ExprId e = b.named(ExprTag::Opaque, "k");
           b.program.exprs[e].args = b.program.add_payload(Bytes(n));
           return std::vector{b.let("x", e)};
         });
       },
       {},
       false},
  };
}

/// "" or what refused: the code of the validator, or the error's.
std::string verdict(const Program& program) {
  const auto prepared = vir::prepare(program);
  if (!prepared) return "V" + std::to_string(prepared.error().detail);
  return codes(*prepared);
}

TEST(Limits, EveryDoorLetsTheLimitThrough) {
  for (const Limit& l : limits()) {
    SCOPED_TRACE(l.name);
    const auto assembled = vir::assemble(l.text(l.limit));
    ASSERT_TRUE(assembled) << to_string(assembled.error());
    // A million statements are enough once.
    const Program program = l.limit == kMaxNodes ? Program{} : l.program(l.limit);
    if (l.runs) {
      EXPECT_EQ(verdict(*assembled), "");
      EXPECT_EQ(verdict(program), "");
      const auto image = vir::lower(*vir::prepare(*assembled));
      EXPECT_TRUE(image) << to_string(image.error());
    }
    for (const Program* const each : {&*assembled, &program}) {
      const Program& given = *each;
      if (given.nodes.empty()) continue;
      const auto blob = vir::encode(given, l.profile);
      ASSERT_TRUE(blob) << to_string(blob.error());
      const auto back = vir::decode(*blob, {l.profile});
      // No payload of a kind that a decoder knows is that long.
      if (std::string_view(l.name) == "bytes of an opaque payload") continue;
      ASSERT_TRUE(back) << to_string(back.error());
      EXPECT_TRUE(vir::same_program(given, *back));
    }
    if (l.blob) {
      const auto decoded = vir::decode(l.blob(l.limit));
      EXPECT_TRUE(decoded) << to_string(decoded.error());
    }
  }
}

TEST(Limits, EveryDoorRefusesOneMoreThanTheLimit) {
  for (const Limit& l : limits()) {
    SCOPED_TRACE(l.name);
    const auto assembled = vir::assemble(l.text(l.limit + 1));
    ASSERT_FALSE(assembled) << "the text form";
    EXPECT_EQ(assembled.error().code, Errc::limit_exceeded) << assembled.error().message;
    EXPECT_GT(assembled.error().line, 0u) << "a place in the text";
    EXPECT_NE(assembled.error().message.find(std::to_string(l.limit)), std::string::npos)
        << assembled.error().message;
    const Program program = l.program(l.limit + 1);
    if (!l.code.empty()) {
      EXPECT_EQ(verdict(program), l.code) << "the validator";
    }
    for (const Profile profile : {Profile::v4_0_6_3, Profile::v4_0_6_4, Profile::v6}) {
      if (l.profile == Profile::v6 && profile != Profile::v6) continue;  // carries no predicates
      const auto blob = vir::encode(program, profile);
      ASSERT_FALSE(blob) << "the encoder";
      EXPECT_EQ(blob.error().code, Errc::limit_exceeded) << blob.error().message;
    }
    if (l.blob) {
      const auto decoded = vir::decode(l.blob(l.limit + 1));
      ASSERT_FALSE(decoded) << "the decoder";
      EXPECT_EQ(decoded.error().code, Errc::limit_exceeded) << decoded.error().message;
    }
  }
}

TEST(Limits, LoweringAsksAgainForWhatItPacks) {
  const auto refused = [](const Program& program, const char* says) {
    const auto image = vir::lower(program);
    ASSERT_FALSE(image) << says;
    EXPECT_NE(image.error().message.find(says), std::string::npos) << image.error().message;
  };
  refused(limits()[0].program(kMaxBuffers + 1), "limit of an image is 16384");
  refused(with_output([](ProgramBuilder& b) {
            std::vector<NodeId> nodes(kMaxStatements);  // and the Region
            for (NodeId& id : nodes) id = b.barrier();
            return nodes;
          }),
          "limit of an image is 100000");
  Program wide = named(1);
  vir::DataType array;
  array.tag = TypeTag::Vec;
  array.element = wide.scalar(TypeTag::U32);
  array.a = kMaxElementBytes / 4 + 1;
  wide.buffers[0].element = wide.add_type(array);
  refused(wide, "limit of an image is 4096");
  Program lanes = named(1);
  lanes.workgroup = {kMaxWorkgroupLanes + 1, 1, 1};
  refused(lanes, "1024");
  lanes.workgroup = {1u << 22, 1u << 22, 1u << 20};  // 2^64: no product may wrap
  refused(lanes, "1024");
}

TEST(Limits, AsManyCopyTagsAsAnInstructionHoldsAreToldApart) {
  ProgramBuilder b;
  b.read_only("in", TypeTag::U32, 1);
  b.read_write("out", TypeTag::U32, 1);
  std::vector<NodeId> nodes;
  const ExprId zero = b.u32(0);
  for (std::uint32_t i = 0; i <= kMaxCopyTags; ++i)
    nodes.push_back(b.async_load("in", "out", zero, zero, std::to_string(i)));
  b.body(nodes);
  Program program = b.take();
  vir::Range& list = program.nodes[program.list(program.entry)[0]].body;
  const auto refused = vir::lower(program);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("65536"), std::string::npos) << refused.error().message;
  --list.count;
  const auto image = vir::lower(program);
  ASSERT_TRUE(image) << to_string(image.error());
  std::uint32_t last = 0;
  for (const auto& i : image->code) {
    if (i.op == core::Opcode::async_load) last = std::max<std::uint32_t>(last, i.c);
  }
  EXPECT_EQ(last, kMaxCopyTags - 1);
}

TEST(Limits, AProgramThatEncodesToTooMuchIsRefusedBeforeItIsWritten) {
  // 64 names of 1 MiB, less the room that everything else takes.
  const auto with_bytes = [](std::uint64_t last) {
    return with_output([&](ProgramBuilder& b) {
      std::vector<NodeId> nodes;
      for (int i = 0; i < 63; ++i) {
        std::string name(kMaxStringBytes, 'n');
        name.replace(0, 2, std::to_string(10 + i));
        nodes.push_back(b.let(name, b.u32(1)));
      }
      nodes.push_back(b.let(std::string(last, 'l'), b.u32(1)));
      return nodes;
    });
  };
  Program program = with_bytes(1);
  const auto blob = vir::encode(program);
  ASSERT_TRUE(blob) << to_string(blob.error());
  std::string& name = program.names[program.find_name("l")];
  name.assign(1 + (kMaxProgramBytes - blob->size()), 'l');
  ASSERT_LT(name.size(), kMaxStringBytes);
  EXPECT_EQ(verdict(program), "");
  name += 'l';
  EXPECT_EQ(verdict(program), "V148");
  EXPECT_EQ(vir::encode(program).error().code, Errc::limit_exceeded);
}

TEST(Limits, RecordsOfLaterProfilesHaveABoundOfTheirOwn) {
  const auto with_name = [](std::uint64_t bytes) {
    return with_output([&](ProgramBuilder& b) {
      std::vector<NodeId> nodes;
      for (std::uint64_t left = bytes; left != 0;) {
        const std::uint64_t n = std::min<std::uint64_t>(left, kMaxStringBytes);
        nodes.push_back(b.let(std::string(n, static_cast<char>('a' + nodes.size())), b.u32(1)));
        left -= n;
      }
      return nodes;
    });
  };
  const Program wide = with_name(kMaxRecordPayloadBytes);
  EXPECT_TRUE(vir::decode(vir::encode(wide, Profile::v4_0_6_3).value()));
  for (const Profile profile : {Profile::v4_0_6_4, Profile::v6})
    EXPECT_EQ(vir::encode(wide, profile).error().code, Errc::limit_exceeded);
  EXPECT_TRUE(
      vir::decode(vir::encode(with_name(kMaxRecordPayloadBytes - 1'000), Profile::v4_0_6_4).value(),
                  {Profile::v4_0_6_4}));
}

TEST(Limits, NamesThatAreNotUtf8AreRefusedByTheValidatorAndTheEncoder) {
  const auto text = vir::assemble(region("let \"a\\xff\" = 1u;"));
  ASSERT_TRUE(text) << "a text can spell any bytes";
  EXPECT_EQ(verdict(*text), "V144");
  EXPECT_FALSE(vir::encode(*text));
}

TEST(Limits, PredicateValuesThatDoNotFitTheWireAreRefused) {
  const auto shaped = [](const std::string& predicate) {
    std::string text = region("out[0] = 1;");
    return vir::assemble(text.insert(text.find(';'), " shape(" + predicate + ")"));
  };
  EXPECT_TRUE(shaped("at_least(4294967295)"));
  EXPECT_FALSE(shaped("at_least(4294967296)"));
  EXPECT_FALSE(shaped("at_least(-1)"));
  Program p = named(1);
  p.buffers[0].shape_predicate = predicate(1);
  p.buffers[0].shape_predicate.values[0] = std::int64_t{1} << 32;
  EXPECT_EQ(vir::encode(p, Profile::v6).error().code, Errc::limit_exceeded);
}

}  // namespace
}  // namespace vyre::test
