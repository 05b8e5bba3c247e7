// What C++ blocks of pages find when they run: a folder of their own with the files that pages
// name, as the working directory. Test code.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/folder_fixture.hpp"
#include "vyre/vyre.hpp"

namespace vyre::test {

class OnAPage : public InAFolder {
 protected:
  void SetUp() override {
    InAFolder::SetUp();
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(folder_);
    for (const char* name : {"access.log", "a.log", "b.log"}) {
      std::ofstream file(name);
      for (int line = 0; line < 5'000; ++line) file << line << " she said ushers\n";
    }
  }
  void TearDown() override {
    std::filesystem::current_path(before_);
    InAFolder::TearDown();
  }

  /// What programs are called with: a name, and a file.
  int argument_count() const { return static_cast<int>(arguments_.size()) - 1; }
  char** arguments() { return arguments_.data(); }

  /// Runs a block and compares what it prints.
  static void runs(const std::function<void()>& block, const std::string& prints) {
    ::testing::internal::CaptureStdout();
    EXPECT_NO_THROW(block());
    EXPECT_EQ(::testing::internal::GetCapturedStdout(), prints);
  }

 private:
  std::filesystem::path before_;
  std::string name_{"program"};
  std::string file_{"access.log"};
  std::array<char*, 3> arguments_{name_.data(), file_.data(), nullptr};
};

}  // namespace vyre::test
