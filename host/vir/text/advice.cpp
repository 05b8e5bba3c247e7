#include "advice.hpp"

#include <algorithm>

#include "base/message.hpp"
#include "words.hpp"

namespace vyre::vir::text {
namespace {

struct Advice {
  std::string_view word;
  std::string_view instead;
};

constexpr std::string_view kVariable{"let x = 1; every variable can be assigned to"};
constexpr std::string_view kU32{"u32; smaller elements of buffers are u8 and u16"};
constexpr std::string_view kI32{"i32, with literals such as -1i"};
constexpr std::string_view kBounded{"for i in 0..n { ... } or while condition limit n { ... }"};
constexpr std::string_view kBarrier{"barrier;"};

// In the order of the alphabet.
constexpr Advice kAdvices[]{
    {"False", "false"},
    {"None", "0, or a buffer that says whether there is a value"},
    {"True", "true"},
    {"__global__", "region \"name\" { ... } behind workgroup and buffer declarations"},
    {"__shared__", "buffer NAME: u32[256] workgroup; before the first statement"},
    {"__syncthreads", kBarrier},
    {"and", "&&"},
    {"as", "u32(value), or another type, for a cast"},
    {"assert", "if !(condition) { trap(0, failed); }"},
    {"atomicAdd", "atomic_add(buffer[i], value)"},
    {"atomicMax", "atomic_max(buffer[i], value)"},
    {"atomicMin", "atomic_min(buffer[i], value)"},
    {"auto", kVariable},
    {"blockDim", "the number that stands in workgroup"},
    {"blockIdx", "wid.x"},
    {"boolean", "bool"},
    {"byte", "u8"},
    {"case", "if and else if"},
    {"char", "u8 for bytes; '\\n' is a number"},
    {"def", "fn name(a, b) { return a + b; }"},
    {"define", "const NAME = value;"},
    {"do", kBounded},
    {"double", "f32; there is no arithmetic of f64"},
    {"elif", "else if"},
    {"elseif", "else if"},
    {"exit", "return; to end the lane, trap(0, tag); to end the item with a fault"},
    {"float", "f32, with literals such as 1.5"},
    {"foreach", "for i in 0..len(buffer) { ... }"},
    {"func", "fn name(a, b) { return a + b; }"},
    {"function", "fn name(a, b) { return a + b; }"},
    {"get_global_id", "gid.x"},
    {"get_local_id", "lid.x"},
    {"goto", "if, for, while, break and continue"},
    {"gridDim", "the length of a buffer; the grid follows from the buffers"},
    {"half", "f32; f16 is a type of elements alone"},
    {"import", "include \"file.vir\";"},
    {"int", kI32},
    {"int32", kI32},
    {"int32_t", kI32},
    {"length", "len(buffer)"},
    {"long", "u64, of buffers and casts"},
    {"loop", kBounded},
    {"match", "if and else if"},
    {"mut", kVariable},
    {"nil", "0"},
    {"not", "!"},
    {"null", "0"},
    {"nullptr", "0"},
    {"or", "||"},
    {"pass", "{} for an empty block"},
    {"pow", "a multiplication, or a loop of them"},
    {"print", "a store to a buffer, which the caller prints"},
    {"printf", "a store to a buffer, which the caller prints"},
    {"println", "a store to a buffer, which the caller prints"},
    {"rand", "a hash of gid.x; a program gets no random numbers"},
    {"random", "a hash of gid.x; a program gets no random numbers"},
    {"range", "for i in 0..n { ... }"},
    {"repeat", kBounded},
    {"short", "u16, of buffers"},
    {"size_t", kU32},
    {"sizeof", "len(buffer) for elements"},
    {"step", "for i in 0..n { ... }, and multiply i"},
    {"string", "a buffer of u8"},
    {"struct", "a buffer for each field"},
    {"switch", "if and else if"},
    {"syncthreads", kBarrier},
    {"then", "{ ... }"},
    {"threadIdx", "lid.x, or gid.x for the number in the whole grid"},
    {"uint", kU32},
    {"uint16_t", "u16, of buffers"},
    {"uint32", kU32},
    {"uint32_t", kU32},
    {"uint64_t", "u64, of buffers and casts"},
    {"uint8_t", "u8, of buffers"},
    {"unsigned", kU32},
    {"until", kBounded},
    {"usize", kU32},
    {"var", kVariable},
    {"void", "fn name(a, b) { ... }, which names no types"},
    {"workgroupBarrier", kBarrier},
    {"xor", "^"},
};

static_assert(std::is_sorted(std::begin(kAdvices), std::end(kAdvices),
                             [](const Advice& a, const Advice& b) { return a.word < b.word; }));

}  // namespace

std::string advice_for(std::string_view word) {
  const auto* const found =
      std::lower_bound(std::begin(kAdvices), std::end(kAdvices), word,
                       [](const Advice& a, std::string_view text) { return a.word < text; });
  if (found == std::end(kAdvices) || found->word != word) return {};
  return message("; write {}", found->instead);
}

std::string hint_for(std::string_view word, const std::vector<std::string_view>& known) {
  std::string advice = advice_for(word);
  return advice.empty() ? did_you_mean(word, known) : advice;
}

std::string advice_for(const Token& token, const Token& next) {
  if (token.kind == TokenKind::word) return advice_for(token.text);
  if (token.kind != TokenKind::punct) return {};
  if (token.text == ".")
    return "; only gid, lid and wid have parts: write len(buffer) for a length";
  if (token.text == "&") return "; there are no addresses: write buffer[i]";
  if (next.kind != TokenKind::punct || !next.joined) return {};
  const auto are = [&](std::string_view first, std::string_view second) {
    return token.text == first && next.text == second;
  };
  if (are("/", "*")) return "; comments begin with // and end with their line";
  if (are("+", "+")) return "; write += 1";
  if (are("-", "-")) return "; write -= 1";
  if (are("-", ">")) return "; a fn names no types: write fn name(a, b) { ... }";
  if (are("=", ">")) return "; there is no =>";
  if (are("*", "*=") || are("*", "*")) return "; multiply, or loop";
  if (are(":", "=")) return "; write let x = 1; to bind a variable, x = 1; to assign";
  return {};
}

}  // namespace vyre::vir::text
