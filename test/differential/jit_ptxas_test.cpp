// What host/jit prints is PTX: NVIDIA's assembler takes it. The tests skip where there is no ptxas,
// neither in $CUDA_HOME/bin nor on PATH nor in /usr/local/cuda/bin. VYRE_TEST_SCALE multiplies how
// many random programs are assembled; all that fit go into one run of it.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "jit/jit.hpp"
#include "shared_vectors.hpp"
#include "support/folder_fixture.hpp"
#include "support/random_program.hpp"
#include "vir/lower/lower.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

/// Functions of one run of the assembler.
constexpr std::size_t kBatch{200};

std::string find_ptxas() {
  std::vector<std::string> folders;
  if (const char* const home = std::getenv("CUDA_HOME"); home != nullptr)
    folders.push_back(std::string(home) + "/bin");
  std::stringstream path(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
  for (std::string folder; std::getline(path, folder, ':');) folders.push_back(folder);
  folders.emplace_back("/usr/local/cuda/bin");
  for (const std::string& folder : folders) {
    std::error_code none;
    if (std::filesystem::exists(folder + "/ptxas", none)) return folder + "/ptxas";
  }
  return {};
}

class Ptxas : public test::InAFolder {
 protected:
  void SetUp() override {
    test::InAFolder::SetUp();
    ptxas_ = find_ptxas();
    if (ptxas_.empty()) GTEST_SKIP() << "there is no ptxas in CUDA_HOME or on PATH";
  }
  /// Adds the program's function if it is of class A or B.
  void add(const vir::Program& given) {
    const auto program = vir::prepare(given);
    if (!program || !vir::validate(*program)) return;
    const auto image = vir::lower(*program);
    if (!image || jit::classify(*image).kind == jit::Class::c) return;
    functions_.push_back(jit::emit_function(*image, "program_" + std::to_string(number_++)));
    if (functions_.size() == kBatch) assemble();
  }
  /// One run over what was added.
  void assemble() {
    if (functions_.empty()) return;
    const std::string text = path("functions.ptx");
    const std::string said = path("said.txt");
    std::ofstream(text) << jit::emit_module(functions_);
    const std::string command =
        ptxas_ + " -O0 -c -arch=sm_90 -o /dev/null " + text + " > " + said + " 2>&1";
    const int status = std::system(command.c_str());
    std::stringstream words;
    words << std::ifstream(said).rdbuf();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << words.str();
    assembled_ += functions_.size();
    functions_.clear();
  }
  [[nodiscard]] std::size_t assembled() const { return assembled_; }

 private:
  std::string ptxas_;
  std::vector<jit::Function> functions_;
  std::size_t number_{0};
  std::size_t assembled_{0};
};

TEST_F(Ptxas, TakesTheTextOfRandomProgramsAndCases) {
  test::for_each_case([&](const test::Case& c) { add(c.program); });
  const std::uint64_t programs = 4 * test::number_from_environment("VYRE_TEST_SCALE", 1);
  for (std::uint64_t i = 0; i < programs; ++i) {
    test::RandomKnobs knobs;
    knobs.many_faults = i % 4 == 3;
    test::Choice choice(11'000'000 + i);
    add(test::random_case(choice, knobs).program);
  }
  assemble();
  std::printf("%zu functions assembled\n", assembled());
  EXPECT_GT(assembled(), 50u);
}

TEST_F(Ptxas, TakesTheTextOfSharedVectors) {
  std::uint64_t number = 0;
  const std::uint64_t scale = test::number_from_environment("VYRE_TEST_SCALE", 1);
  const std::uint64_t every = 60 / scale + 1;
  std::vector<const char*> files{"vir0-ops.jsonl.gz", "upstream-ops-half.jsonl.gz"};
  if (scale > 1)
    files.insert(files.end(), {"vir0-random.jsonl.gz", "vir0-synthetic.jsonl.gz",
                               "upstream-subgroups.jsonl.gz"});
  for (const char* const file : files) {
    const bool present = test::for_each_vector(file, [&](const test::Vector& vector) {
      if (vector.error != "undecodable" && number++ % every == 0) add(vector.program);
    });
    if (!present) GTEST_SKIP() << "the shared vectors are not beside the source tree";
  }
  assemble();
  std::printf("%zu functions assembled\n", assembled());
  EXPECT_GT(assembled(), 5u);
}

}  // namespace
}  // namespace vyre
