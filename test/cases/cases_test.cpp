// Every case of this folder's *.json on every executor: the reference, the interpreter, the
// interpreter without optimisation; and no entry of the vocabulary without a case. A case is a
// program in text form, its grid, its buffers as u32 words, and the words, the fault or the
// validator's code expected (README.md has the fields).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cpu/interpreter/interpreter.hpp"
#include "protocol/fault_names.hpp"
#include "reference/evaluate.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

using Words = std::vector<std::uint32_t>;

struct Outcome {
  std::vector<Words> outputs;
  Fault fault;
};

Bytes bytes_of(const Words& words) {
  Bytes out(words.size() * 4);
  if (!out.empty()) std::memcpy(out.data(), words.data(), out.size());
  return out;
}

Outcome on_reference(const vir::Program& program, const std::vector<Words>& inputs,
                     const vir::Grid& grid) {
  std::vector<Bytes> bytes;
  for (const Words& words : inputs) bytes.push_back(bytes_of(words));
  reference::Options options;
  options.grid = grid;
  const reference::Outcome got = reference::evaluate(program, bytes, options);
  EXPECT_NE(got.verdict, reference::Verdict::refused) << got.message;
  Outcome out{{}, got.fault};
  for (const Bytes& b : got.outputs) {
    Words words(b.size() / 4);
    std::memcpy(words.data(), b.data(), words.size() * 4);
    out.outputs.push_back(words);
  }
  return out;
}

Outcome on_interpreter(const vir::Program& source, const std::vector<Words>& inputs,
                       const vir::Grid& grid, bool optimise) {
  const auto program = vir::prepare(source);
  EXPECT_TRUE(program);
  const Status valid = vir::validate(*program);
  EXPECT_TRUE(valid) << (valid ? "" : valid.error().message);
  const auto image = vir::lower(*program, {optimise});
  EXPECT_TRUE(image) << (image ? "" : image.error().message);
  std::vector<std::uint64_t> lengths;
  for (const Words& words : inputs) lengths.push_back(words.size() * 4);
  const auto plan = vir::plan_buffers(*program, lengths);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
  if (!image || !plan) return {};
  std::vector<Words> memory;
  std::vector<core::BufferView> views;
  for (std::size_t i = 0; i < program->buffers.size(); ++i) {
    const vir::BufferRole kind = plan->roles[i];
    if (vir::takes_input(kind)) {
      memory.push_back(inputs[plan->input_index[i]]);
    } else {
      memory.emplace_back(vir::is_returned(kind) ? plan->byte_lengths[i] / 4 : 0);
    }
  }
  for (Words& words : memory)
    views.push_back({reinterpret_cast<std::uint8_t*>(words.data()), words.size() * 4});
  cpu::Interpreter interpreter;
  const std::uint64_t groups = std::uint64_t{grid[0]} * grid[1] * grid[2];
  Outcome out{{}, interpreter.run(*image, views, grid, {0, groups}, kDefaultFuel).fault};
  if (out.fault.code != FaultCode::none) return out;
  for (std::size_t i = 0; i < memory.size(); ++i) {
    if (vir::is_returned(vir::role_of(program->buffers[i]))) out.outputs.push_back(memory[i]);
  }
  return out;
}

/// Read once: a process names every case before it runs one.
nlohmann::json read_cases() {
  std::vector<std::filesystem::path> paths;
  const std::filesystem::path folder = std::filesystem::path(VYRE_SOURCE_DIR) / "test" / "cases";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  nlohmann::json all = nlohmann::json::array();
  for (const auto& path : paths) {
    std::ifstream file(path);
    for (auto& one : nlohmann::json::parse(file)) all.push_back(std::move(one));
  }
  return all;
}

/// The cases of every file, in the order of the file names.
const nlohmann::json& all_cases() {
  static const nlohmann::json kCases = read_cases();
  return kCases;
}

/// Both executors refuse what the validator refuses, by the same code.
void expect_refused(const vir::Program& source, const std::vector<Words>& inputs,
                    const vir::Grid& grid, const std::string& code) {
  std::vector<Bytes> bytes;
  for (const Words& words : inputs) bytes.push_back(bytes_of(words));
  reference::Options options;
  options.grid = grid;
  const reference::Outcome got = reference::evaluate(source, bytes, options);
  EXPECT_EQ(got.verdict, reference::Verdict::refused);
  EXPECT_NE(got.message.find(code), std::string::npos) << got.message;
  const auto program = vir::prepare(source);
  if (!program) {
    EXPECT_NE(program.error().message.find(code), std::string::npos) << program.error().message;
    return;
  }
  const Status valid = vir::validate(*program);
  ASSERT_FALSE(valid);
  EXPECT_NE(valid.error().message.find(code), std::string::npos) << valid.error().message;
}

class Cases : public testing::TestWithParam<std::size_t> {};

TEST_P(Cases, GiveTheirAnswerOnEveryExecutor) {
  const nlohmann::json c = all_cases()[GetParam()];
  SCOPED_TRACE(c["name"].get<std::string>());
  const auto program = vir::assemble(c["program"].get<std::string>());
  ASSERT_TRUE(program) << to_string(program.error());
  const auto inputs = c["inputs"].get<std::vector<Words>>();
  const auto grid = c["grid"].get<vir::Grid>();
  if (c.contains("refused")) {
    return expect_refused(*program, inputs, grid, c["refused"].get<std::string>());
  }
  const Outcome outcomes[] = {on_reference(*program, inputs, grid),
                              on_interpreter(*program, inputs, grid, true),
                              on_interpreter(*program, inputs, grid, false)};
  for (const Outcome& got : outcomes) {
    if (!c.contains("fault")) {
      EXPECT_EQ(got.fault.code, FaultCode::none) << fault_name(got.fault.code);
      EXPECT_EQ(got.outputs, c["outputs"].get<std::vector<Words>>());
      continue;
    }
    const auto& fault = c["fault"];
    EXPECT_EQ(fault_name(got.fault.code), fault["code"].get<std::string>());
    EXPECT_EQ(got.fault.workgroup, fault["workgroup"].get<std::uint64_t>());
    EXPECT_EQ(got.fault.lane, fault["lane"].get<std::uint32_t>());
    EXPECT_EQ(got.fault.statement, fault["statement"].get<std::uint32_t>());
  }
}

std::string name_of(const testing::TestParamInfo<std::size_t>& info) {
  return all_cases()[info.param]["name"].get<std::string>();
}
INSTANTIATE_TEST_SUITE_P(Data, Cases, testing::Range(std::size_t{0}, all_cases().size()), name_of);

// ---- coverage of the vocabulary

/// A vocabulary's name in vocabulary.def and a wire tag of it.
using Entry = std::pair<std::string, std::uint32_t>;
using Entries = std::set<Entry>;

template <class Tag>
Entry entry(const char* vocabulary, Tag tag) {
  return {vocabulary, static_cast<std::uint32_t>(tag)};
}

void note_operator(const vir::Expr& e, Entries& seen) {
  switch (e.tag) {
    case vir::ExprTag::BinOp:
      seen.insert(entry("BINOP", e.op));
      break;
    case vir::ExprTag::UnOp:
      seen.insert(entry("UNOP", e.op));
      break;
    case vir::ExprTag::Atomic:
      seen.insert(entry("ATOMICOP", e.op));
      seen.insert(entry("ORDERING", e.ordering));
      break;
    case vir::ExprTag::SubgroupAdd:  // 0: the wire versions that know only addition
      seen.insert(entry("REDUCEOP", e.op == 0 ? std::uint8_t{1} : e.op));
      break;
    default:
      break;
  }
}

void note_node(const vir::Node& n, Entries& seen) {
  seen.insert(entry("NODE", n.tag));
  if (n.tag == vir::NodeTag::Barrier) seen.insert(entry("ORDERING", n.ordering));
  if (n.tag == vir::NodeTag::AllReduce || n.tag == vir::NodeTag::ReduceScatter) {
    seen.insert(entry("COLLECTIVEOP", n.collective));
  }
}

/// What a program uses. The assembler adds nothing to the pools that the text does not say.
void note_program(const vir::Program& program, Entries& seen) {
  for (const vir::Node& n : program.nodes) note_node(n, seen);
  for (const vir::Expr& e : program.exprs) {
    seen.insert(entry("EXPR", e.tag));
    note_operator(e, seen);
  }
  for (const vir::DataType& t : program.types) seen.insert(entry("DATATYPE", t.tag));
  for (const vir::BufferDecl& b : program.buffers) {
    seen.insert(entry("ACCESS", b.access));
    seen.insert(entry("MEMORYKIND", b.kind));
    seen.insert(entry("LOCALITY", b.hints.locality));
  }
}

struct Word {
  const char* vocabulary;
  std::uint32_t tag;
  const char* word;
};
constexpr Word kVocabulary[]{
#define VYRE_BINOP(name, tag, text) {"BINOP", tag, text},
#define VYRE_UNOP(name, tag, text) {"UNOP", tag, text},
#define VYRE_ATOMICOP(name, tag, text) {"ATOMICOP", tag, text},
#define VYRE_DATATYPE(name, tag, text, size, bits, parameters) {"DATATYPE", tag, text},
#define VYRE_ORDERING(name, tag, text) {"ORDERING", tag, text},
#define VYRE_COLLECTIVEOP(name, tag, text) {"COLLECTIVEOP", tag, text},
#define VYRE_ACCESS(name, tag, text) {"ACCESS", tag, text},
#define VYRE_MEMORYKIND(name, tag, text) {"MEMORYKIND", tag, text},
#define VYRE_LOCALITY(name, tag, text) {"LOCALITY", tag, text},
#define VYRE_REDUCEOP(name, tag, text) {"REDUCEOP", tag, text},
#define VYRE_NODE(name, tag, text) {"NODE", tag, text},
#define VYRE_EXPR(name, tag, text) {"EXPR", tag, text},
#include "vir/program/vocabulary.def"
};

TEST(CaseFiles, HoldACaseForEveryEntryOfTheVocabulary) {
  Entries seen;
  for (const auto& c : all_cases()) {
    const auto program = vir::assemble(c["program"].get<std::string>());
    ASSERT_TRUE(program) << c["name"] << ": " << to_string(program.error());
    note_program(*program, seen);
  }
  for (const Word& word : kVocabulary) {
    EXPECT_TRUE(seen.count({word.vocabulary, word.tag}) != 0)
        << "no case in test/cases uses " << word.vocabulary << " '" << word.word << "'";
  }
}

TEST(CaseFiles, ExpectExactlyOneKindOfAnswer) {
  std::set<std::string> names;
  for (const auto& c : all_cases()) {
    EXPECT_TRUE(names.insert(c["name"].get<std::string>()).second) << c["name"] << " twice";
    EXPECT_EQ(c.contains("outputs") + c.contains("fault") + c.contains("refused"), 1) << c["name"];
  }
}

}  // namespace
}  // namespace vyre
