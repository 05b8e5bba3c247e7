// Every case of cases.json on every executor: the reference, the interpreter, the interpreter
// without optimisation. A case is a program in text form, its grid, its buffers as u32 words, and
// the words or the fault expected.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vyre/cpu/interpreter.hpp"
#include "vyre/protocol/fault_names.hpp"
#include "vyre/reference/evaluate.hpp"
#include "vyre/vir/dispatch.hpp"
#include "vyre/vir/lower.hpp"
#include "vyre/vir/text.hpp"
#include "vyre/vir/validate.hpp"

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
  std::vector<Words> memory;
  std::vector<core::BufferView> views;
  std::size_t next = 0;
  for (const vir::BufferDecl& buffer : program->buffers) {
    memory.push_back(vir::takes_input(vir::classify(buffer)) ? inputs[next++] : Words{});
  }
  for (Words& words : memory)
    views.push_back({reinterpret_cast<std::uint8_t*>(words.data()), words.size() * 4});
  cpu::Interpreter interpreter;
  const std::uint64_t groups = std::uint64_t{grid[0]} * grid[1] * grid[2];
  Outcome out{{}, interpreter.run(*image, views, grid, {0, groups}, kDefaultFuel).fault};
  if (out.fault.code != FaultCode::none) return out;
  for (std::size_t i = 0; i < memory.size(); ++i) {
    if (vir::is_returned(vir::classify(program->buffers[i]))) out.outputs.push_back(memory[i]);
  }
  return out;
}

nlohmann::json all_cases() {
  std::ifstream file(std::string(VYRE_SOURCE_DIR) + "/test/cases/cases.json");
  return nlohmann::json::parse(file);
}

class Cases : public testing::TestWithParam<std::size_t> {};

TEST_P(Cases, GiveTheirAnswerOnEveryExecutor) {
  const nlohmann::json c = all_cases()[GetParam()];
  SCOPED_TRACE(c["name"].get<std::string>());
  const auto program = vir::assemble(c["program"].get<std::string>());
  ASSERT_TRUE(program) << to_string(program.error());
  const auto inputs = c["inputs"].get<std::vector<Words>>();
  const auto grid = c["grid"].get<vir::Grid>();
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

}  // namespace
}  // namespace vyre
