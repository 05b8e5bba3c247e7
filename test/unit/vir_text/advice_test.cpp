// Words and signs of other languages are answered with what to write instead.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

std::string answer(const std::string& text) {
  const auto program = vir::assemble(text);
  return program ? "accepted" : program.error().message;
}

TEST(TextAdvice, WhatOtherLanguagesWriteIsAnsweredWithWhatToWrite) {
  const struct {
    const char* text;
    const char* part;
  } kCases[]{
      {"let mut x = 1;", "write let x = 1; every variable can be assigned to"},
      {"var x = 1;", "write let x = 1;"},
      {"u32 x = 1;", "bound with let: let x = ...;"},
      {"int x = 1;", "write i32"},
      {"uint32_t x = 1;", "write u32"},
      {"float y = 1.0;", "write f32"},
      {"let x: u32 = 1;", "a variable has the type of its value"},
      {"if 1 == 1 { } elif 1 == 2 { }", "write else if"},
      {"let x = 1 == 1 and 2 == 2;", "write &&"},
      {"let x = not true;", "write !"},
      {"let x = 1; x++;", "write += 1"},
      {"let x = 1; x--;", "write -= 1"},
      {"let x = true ? 1 : 2;", "write select(condition, if_true, if_false)"},
      {"return 1;", "return ends the lane and gives nothing"},
      {"printf(1);", "a store to a buffer, which the caller prints"},
      {"let x = atomicAdd(1);", "write atomic_add(buffer[i], value)"},
      {"let x = sizeof(b);", "write len(buffer)"},
      {"buffer b: uint8_t[] read_only;", "write u8, of buffers"},
      {"__syncthreads();", "write barrier;"},
      {"#define N 4", "const, fn and include have no #"},
      {"/* words */", "comments begin with // and end with their line"},
      {"fn f(a: u32) { }", "a fn names no types"},
      {"fn f(a) -> u32 { }", "a fn names no types"},
      {"switch x { }", "write if and else if"},
      {"let x = y; x := 2;", "to assign"},
      {"import \"a.vir\";", "write include"},
      {"loop { }", "while condition limit n"},
      {"function f() { }", "write fn name(a, b)"},
      {"for (i = 0; i < 3; i = i + 1) { }", "write for i in 0..n { ... }"},
      {"for (let i = 0; i < 3; i++) { }", "write for i in 0..n { ... }"},
      {"for i in 0..=3 { }", "it is never reached: write 0..n + 1"},
      {"for i in range(3) { }", "write for i in 0..n { ... }"},
      {"for i in 0..3 step 2 { }", "and multiply i"},
      {"match 1 { }", "write if and else if"},
      {"let x = threadIdx.x;", "write lid.x, or gid.x"},
      {"let x = blockIdx.x;", "write wid.x"},
      {"let x = b.len();", "write len(buffer) for a length"},
      {"let x = &b;", "there are no addresses: write buffer[i]"},
      {"let x = 1 as u32;", "write u32(value)"},
      {"let x = pow(2.0, 3.0);", "a multiplication, or a loop of them"},
      {"let x = rand();", "a hash of gid.x"},
  };
  for (const auto& [text, part] : kCases)
    EXPECT_NE(answer(text).find(part), std::string::npos) << text << "\n" << answer(text);
}

TEST(TextAdvice, ABufferWithoutAnIndexIsSaidToBeOne) {
  for (const auto& [statement, part] : {std::pair{"b = 1;", "store to an element of it"},
                                        std::pair{"let x = b;", "read an element of it"}}) {
    const auto program = vir::assemble(
        "workgroup 1, 1, 1;\nbuffer b: u32[4] read_write;\n"
        "region \"r\" { " +
        std::string(statement) + " }\n");
    ASSERT_TRUE(program) << statement;
    const auto prepared = vir::prepare(*program);
    ASSERT_TRUE(prepared) << statement;
    const Status valid = vir::validate(*prepared);
    ASSERT_FALSE(valid) << statement;
    EXPECT_NE(valid.error().message.find("V006"), std::string::npos) << valid.error().message;
    EXPECT_NE(valid.error().message.find(part), std::string::npos) << valid.error().message;
  }
}

}  // namespace
}  // namespace vyre
