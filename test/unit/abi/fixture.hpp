// A CPU session with two workers, and programs that tests of the API share. Test code.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vyre/vyre.hpp"

namespace vyre::test {

/// The bytes of 4 words are counted into 16.
inline constexpr std::string_view kHistogram{
    "workgroup 1, 1, 1;\n"
    "buffer data: u32[4] read_only;\n"
    "buffer bins: u32[16] read_write output live_out;\n"
    "region \"histogram\" {\n"
    "  if gid.x == 0 { for i in 0..4 { bins[data[i]] = bins[data[i]] + 1; } }\n"
    "}\n"};
/// Runs until it is stopped.
inline constexpr std::string_view kSpin{
    "workgroup 1, 1, 1;\n"
    "buffer y: u32[1] read_write output live_out;\n"
    "region \"spin\" { for i in 0..4294967295 { for j in 0..4294967295 { y[0] = y[0] + j; } } }\n"};
/// Divides by its input.
inline constexpr std::string_view kDivide{
    "workgroup 1, 1, 1;\n"
    "buffer x: i32[1] read_only;\n"
    "buffer y: i32[1] read_write output live_out;\n"
    "region \"divide\" { y[0] = 100i / x[0]; }\n"};
inline constexpr std::chrono::seconds kLong{60};

[[nodiscard]] inline SessionOptions on_cpu() {
  SessionOptions options;
  options.device = "cpu";
  options.workers = 2;
  options.fuel = ~std::uint64_t{0};
  options.default_timeout = kLong;
  options.close_timeout = std::chrono::milliseconds{1};
  return options;
}

class OnASession : public ::testing::Test {
 protected:
  /// Made of text.
  Op op(const char* name, std::string_view text) { return op_in(session_, name, text); }
  static Op op_in(Session& session, const char* name, std::string_view text) {
    return session.add(name, Program::assemble(text).value()).value();
  }
  template <class T>
  Buffer up(std::initializer_list<T> values) {
    return session_.main().upload(std::vector<T>(values)).value();
  }
  /// Waits until a worker runs it: its queue has ended nothing behind it, and it is the only one.
  Ticket spin(Buffer& output) {
    const Op spinning = op("spin", kSpin);
    return session_.main().submit(Item{spinning, {}, output}).value();
  }

  Session session_ = Session::open(on_cpu()).value();
};

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace vyre::test
