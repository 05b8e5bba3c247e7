// Compiled programs on the resident kernel give what the reference gives, byte for byte, and fault
// where it faults: cases, shared vectors and random programs, every one compiled that can be, below
// the Session. VYRE_SEED replays one random program; VYRE_TEST_SCALE multiplies how many run.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>

#include "backend/handle.hpp"
#include "cuda/host/device_backend.hpp"
#include "differential/executors.hpp"
#include "differential/shared_vectors.hpp"
#include "protocol/fault_names.hpp"
#include "protocol/limits.hpp"
#include "reference/evaluate.hpp"
#include "runtime/op_table.hpp"
#include "support/folder_fixture.hpp"
#include "support/random_program.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::cuda {
namespace {

constexpr std::uint64_t kJitFuel{std::uint64_t{1} << 20};
constexpr std::chrono::seconds kCaseTime{20};

/// A backend that compiles, and programs through it, one item at a time.
class Compiling final : public backend::Listener {
 public:
  static Result<std::unique_ptr<Compiling>> open(backend::Jit jit, const std::string& cache) {
    backend::Options options;
    options.queues = 1;
    options.ring_slots = 64;
    options.completion_slots = 64;
    options.fuel = kJitFuel;
    options.producer_timeout = std::chrono::seconds{1};
    DeviceOptions device;
    device.arena_bytes = std::uint64_t{1} << 30;
    device.jit = jit;
    device.cache_folder = cache;
    std::unique_ptr<Compiling> made(new Compiling);
    VYRE_ASSIGN(made->backend_, make_backend(options, device));
    VYRE_TRY(made->backend_->start(*made));
    made->port_ = made->backend_->port(0);
    return made;
  }
  ~Compiling() override {
    if (backend_) (void)backend_->stop(after(std::chrono::seconds{5}));
  }

  test::CpuRun run(const vir::Program& given, const std::vector<Bytes>& inputs) {
    test::CpuRun ended;
    std::vector<std::uint32_t> made;
    const Status ran = attempt(given, inputs, ended, made);
    for (auto buffer = made.rbegin(); buffer != made.rend(); ++buffer)
      (void)backend_->release(*buffer);
    if (!ran) {
      const Errc code = ran.error().code;
      ended.verdict = code == Errc::limit_exceeded || code == Errc::unsupported
                          ? test::CpuRun::Verdict::unsupported
                          : test::CpuRun::Verdict::refused;
      ended.message = to_string(ran.error());
    }
    return ended;
  }
  [[nodiscard]] backend::CodeFacts facts() const { return backend_->code_facts(); }
  [[nodiscard]] backend::CompiledUnits units() const {
    backend::CompiledUnits sum;
    for (std::uint32_t i = 0; i < ops_; ++i) {
      const auto of = backend_->compiled_units(kFirstUserOp + i);
      sum.ran += of.ran;
      sum.again += of.again;
    }
    return sum;
  }

  void posted() noexcept override {}
  void idle() noexcept override {}

 private:
  std::uint32_t handle() { return backend::make_handle(next_++, 0); }

  Result<std::uint32_t> side(const std::vector<std::uint32_t>& buffers,
                             std::vector<std::uint32_t>& made) {
    if (buffers.empty()) return 0u;
    if (buffers.size() == 1) return buffers.front();
    const std::uint32_t set = handle();
    VYRE_TRY(backend_->bind(set, buffers));
    made.push_back(set);
    return set;
  }

  Status attempt(const vir::Program& given, const std::vector<Bytes>& inputs, test::CpuRun& ended,
                 std::vector<std::uint32_t>& made) {
    VYRE_ASSIGN(const vir::Program program, vir::prepare(given));
    VYRE_ASSIGN(runtime::PreparedOp prepared, runtime::prepare_op("jit", given, {Deadline::max()}));
    std::vector<std::uint64_t> lengths;
    for (const Bytes& input : inputs) lengths.push_back(input.size());
    VYRE_ASSIGN(const vir::BufferPlan plan, vir::plan_buffers(program, lengths));
    const std::uint32_t op = kFirstUserOp + ops_;
    VYRE_TRY(backend_->add_program(op, std::move(prepared.op)));
    ++ops_;
    std::vector<std::uint32_t> in;
    std::vector<std::uint32_t> out;
    std::vector<std::uint32_t> by_buffer(program.buffers.size());
    for (std::size_t i = 0; i < program.buffers.size(); ++i) {
      const vir::BufferRole role = plan.roles[i];
      const bool takes = vir::takes_input(role);
      if (!takes && role != vir::BufferRole::allocated) continue;
      const std::uint32_t buffer = handle();
      VYRE_TRY(backend_->allocate(buffer, plan.byte_lengths[i]));
      made.push_back(buffer);
      by_buffer[i] = buffer;
      if (takes) VYRE_TRY(backend_->write(buffer, 0, inputs[plan.input_index[i]]));
      (takes ? in : out).push_back(buffer);
    }
    VYRE_ASSIGN(const std::uint32_t input, side(in, made));
    VYRE_ASSIGN(const std::uint32_t output, side(out, made));
    VYRE_ASSIGN(const Completion completion, finish({op, input, output, 0}));
    if (completion.status() != CompletionStatus::done) {
      ended.verdict = test::CpuRun::Verdict::faulted;
      ended.fault = {completion.code(), completion.workgroup, completion.lane,
                     completion.statement()};
      ended.message = std::string(fault_name(completion.code()));
      return {};
    }
    for (std::size_t i = 0; i < program.buffers.size(); ++i) {
      if (!vir::is_returned(plan.roles[i])) continue;
      Bytes bytes(plan.byte_lengths[i]);
      VYRE_TRY(backend_->read(by_buffer[i], 0, bytes));
      const vir::ByteRange range = vir::returned_range(program.buffers[i], bytes.size());
      ended.outputs.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(range.start),
                                 bytes.begin() + static_cast<std::ptrdiff_t>(range.end));
    }
    return {};
  }

  Result<Completion> finish(const MegakernelWorkItem& item) {
    const queue::Reservation got = port_.submissions.try_reserve(1);
    if (got.count != 1 || !port_.submissions.try_publish(got.first, item, 0))
      return fail(Errc::queue_full, "an empty ring took no item");
    backend_->doorbell();
    queue::TakenCompletion ended{};
    const Deadline until = after(kCaseTime);
    while (port_.completions.take(&ended, 1, port_.submissions.tail()) == 0) {
      backend_->tend();
      if (const auto lost = backend_->lost()) return tl::unexpected<Error>(*lost);
      if (Clock::now() >= until) return fail(Errc::deadline_exceeded, "an item did not end");
    }
    port_.completions.release();
    return ended.completion;
  }

  std::unique_ptr<backend::Backend> backend_;
  backend::QueuePort port_;
  std::uint32_t next_{1};
  std::uint32_t ops_{0};
};

class DeviceJit : public test::InAFolder {
 protected:
  void SetUp() override {
    test::InAFolder::SetUp();
    auto opened = Compiling::open(backend::Jit::force, path("cache"));
    if (!opened) {
      const bool built = opened.error().message.find("VYRE_JIT") == std::string::npos;
      if (built && std::getenv("VYRE_REQUIRE_GPU") != nullptr) FAIL() << to_string(opened.error());
      GTEST_SKIP() << to_string(opened.error());
    }
    device_ = std::move(*opened);
  }
  /// The same answer as the reference's.
  void compare(const vir::Program& program, const std::vector<Bytes>& inputs,
               const std::string& name) {
    reference::Options how;
    how.fuel = kJitFuel;
    const auto want = reference::evaluate(program, inputs, how);
    const test::CpuRun have = device_->run(program, inputs);
    if (have.verdict == test::CpuRun::Verdict::unsupported) {
      ++unsupported_[have.message.substr(0, 120)];
      return;
    }
    ++compared_;
    faulted_ += have.verdict == test::CpuRun::Verdict::faulted ? 1 : 0;
    const std::string difference = test::disagreement(want, have, true);
    if (difference.empty() || ++wrong_ > 8) return;
    ADD_FAILURE() << name << ": " << difference;
  }
  void TearDown() override {
    if (device_) {
      const backend::CodeFacts facts = device_->facts();
      const backend::CompiledUnits units = device_->units();
      const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
      std::printf(
          "%d compared, %d faulted, %d wrong; %llu programs compiled, %llu interpreted, %llu "
          "failed; %llu units compiled, %llu again; %llu modules made, %llu in memory; %.1f ms a "
          "link\n",
          compared_, faulted_, wrong_, n(facts.compiled), n(facts.interpreted), n(facts.failed),
          n(units.ran), n(units.again), n(facts.made), n(facts.from_memory),
          facts.made == 0
              ? 0.0
              : static_cast<double>(facts.link_ns) * 1e-6 / static_cast<double>(facts.made));
      for (const auto& [why, times] : unsupported_) std::printf("  %d x %s\n", times, why.c_str());
      EXPECT_EQ(wrong_, 0);
      EXPECT_EQ(facts.failed, 0u);
      EXPECT_GT(units.ran, 0u);
    }
    device_.reset();
    test::InAFolder::TearDown();
  }

  std::unique_ptr<Compiling> device_;
  int compared_{0};
  int faulted_{0};
  int wrong_{0};
  std::map<std::string, int> unsupported_;
};

void sweep(std::uint64_t first_seed, std::uint64_t programs, const test::RandomKnobs& knobs,
           const std::function<void(const test::RandomCase&, const std::string&)>& use) {
  const std::uint64_t only = test::number_from_environment("VYRE_SEED", 0);
  const std::uint64_t total =
      only != 0 ? 1 : programs * test::number_from_environment("VYRE_TEST_SCALE", 1);
  for (std::uint64_t i = 0; i < total; ++i) {
    const std::uint64_t seed = only != 0 ? only : first_seed + i;
    test::Choice choice(seed);
    use(test::random_case(choice, knobs), "VYRE_SEED=" + std::to_string(seed));
  }
}

TEST_F(DeviceJit, RandomProgramsGiveTheReferencesBytes) {
  sweep(31'000'000, 60, {}, [&](const test::RandomCase& random, const std::string& name) {
    compare(random.program, random.inputs, name);
  });
}

TEST_F(DeviceJit, RandomProgramsFaultWhereTheReferenceDoes) {
  test::RandomKnobs knobs;
  knobs.faulting = true;
  sweep(32'000'000, 60, knobs, [&](const test::RandomCase& random, const std::string& name) {
    compare(random.program, random.inputs, name);
  });
}

TEST_F(DeviceJit, SharedVectorsGiveTheReferencesBytes) {
  const std::uint64_t scale = test::number_from_environment("VYRE_TEST_SCALE", 1);
  const std::uint64_t every = scale >= 20 ? 1 : 20 / scale;
  std::uint64_t number = 0;
  bool any = false;
  for (const char* const file :
       {"vir0-ops.jsonl.gz", "vir0-random.jsonl.gz", "vir0-synthetic.jsonl.gz",
        "upstream-ops-half.jsonl.gz", "upstream-subgroups.jsonl.gz"}) {
    any = test::for_each_vector(file,
                                [&](const test::Vector& vector) {
                                  if (vector.error == "undecodable" || vector.error == "refused" ||
                                      vector.order_dependent || number++ % every != 0)
                                    return;
                                  compare(vector.program, vector.inputs,
                                          std::string(file) + " " + vector.name);
                                }) ||
          any;
  }
  if (!any) GTEST_SKIP() << "no shared vectors";
}

}  // namespace
}  // namespace vyre::cuda
