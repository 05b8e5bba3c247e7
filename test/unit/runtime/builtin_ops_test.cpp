// Built-in ids are a promise: traces and callers hold them. The golden file is never edited, only
// appended to.
#include <fstream>
#include <sstream>

#include "fixtures.hpp"

namespace vyre::runtime::test {
namespace {

std::string table() {
  std::ostringstream out;
#define VYRE_BUILTIN_OP(number, symbol, name, inputs, outputs, meaning) \
  out << (number) << " " << (name) << " inputs " << (inputs) << " outputs " << (outputs) << "\n";
#include "protocol/op_table.def"
  return out.str();
}

TEST(BuiltinOps, IdsAreTheOnesOfTheGoldenFile) {
  std::ifstream file(std::string(VYRE_SOURCE_DIR) + "/test/golden/builtin_ops.txt");
  std::ostringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(table(), golden.str()) << "append new ops; an id that was released never changes";
}

TEST(BuiltinOps, AreFoundByNameInEverySession) {
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  std::uint32_t expected = 0;
#define VYRE_BUILTIN_OP(number, symbol, name, input_count, output_count, meaning) \
  {                                                                               \
    EXPECT_EQ(number, expected++) << "ids are dense";                             \
    const auto op = session->find_op(name);                                       \
    ASSERT_OK(op);                                                                \
    EXPECT_EQ(op->id, static_cast<std::uint32_t>(number));                        \
    const auto info = session->op_info(*op);                                      \
    ASSERT_OK(info);                                                              \
    EXPECT_TRUE(info->builtin);                                                   \
    EXPECT_EQ(info->signature.inputs.size(), std::size_t{input_count});           \
    EXPECT_EQ(info->signature.outputs.size(), std::size_t{output_count});         \
  }
#include "protocol/op_table.def"
  EXPECT_EQ(session->find_op("mem.move").error().code, Errc::not_found);
  EXPECT_EQ(session->op_info(OpHandle{expected}).error().code, Errc::not_found);
}

}  // namespace
}  // namespace vyre::runtime::test
