// Memory that runs out, at each allocation that a call makes on its thread: the call answers
// out_of_memory, leaves nothing behind that breaks the next call, and ends well once there is
// memory. A binary of its own, because it replaces operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <new>

#include "fixture.hpp"
#include "support/folder_fixture.hpp"

namespace {

/// Allocations of this thread until one fails; negative: none does.
thread_local long allocations_left{-1};
thread_local bool failed_once{false};

void* allocate(std::size_t size) {
  if (allocations_left == 0) {
    failed_once = true;
    return nullptr;
  }
  if (allocations_left > 0) --allocations_left;
  return std::malloc(size == 0 ? 1 : size);
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* memory = allocate(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace vyre::test {
namespace {

/// Calls until no allocation is left to fail; `undo` follows each success. With a `stride` only
/// each so manieth allocation fails, for calls that make thousands.
void fail_each(
    const char* name, const std::function<vyre_error*()>& call,
    const std::function<void()>& undo = [] {}, long stride = 1) {
  for (long at = 0; at < 100'000; at += stride) {
    failed_once = false;
    allocations_left = at;
    vyre_error* error = call();
    allocations_left = -1;
    if (!failed_once) {
      EXPECT_EQ(vyre_error_code(error), VYRE_OK) << name << ": " << vyre_error_text(error);
      vyre_error_free(error);
      if (error == nullptr) undo();
      return;
    }
    if (error == nullptr) {  // it did without
      undo();
      continue;
    }
    ASSERT_EQ(vyre_error_code(error), VYRE_OUT_OF_MEMORY)
        << name << " at allocation " << at << ": " << vyre_error_text(error);
    vyre_error_free(error);
  }
  FAIL() << name << " never ended";
}

class Memory : public OnASession {
 protected:
  vyre_session* s_ = session_.get();
  vyre_queue* q_ = session_.main().get();
  Op nop_ = session_.find("nop").value();
  Op fill_ = session_.find("mem.fill").value();
};

TEST_F(Memory, EachAllocationOfACallThatMakesSomethingMayFail) {
  vyre_queue* queue = nullptr;
  fail_each(
      "vyre_queue_open", [&] { return vyre_queue_open(s_, nullptr, &queue); },
      [&] { vyre_queue_free(queue); });
  vyre_batch* batch = nullptr;
  fail_each(
      "vyre_batch_new", [&] { return vyre_batch_new(s_, &batch); },
      [&] { vyre_batch_free(batch); });
  vyre_plan* plan = nullptr;
  const vyre_item items[] = {{nop_.handle, 0, 0, 0, 0}, {nop_.handle, 0, 0, 0, 0}};
  fail_each(
      "vyre_plan_new", [&] { return vyre_plan_new(q_, items, 2, 0, nullptr, &plan); },
      [&] { vyre_plan_free(plan); });
  vyre_buffer buffer = 0;
  fail_each(
      "vyre_buffer_new",
      [&] { return vyre_buffer_new(q_, 64, nullptr, VYRE_DEFAULT_TIMEOUT, &buffer); },
      [&] { vyre_error_free(vyre_buffer_retire(s_, buffer)); });
  auto one = session_.main().allocate(4).value();
  auto two = session_.main().allocate(4).value();
  const std::array members{one.ref().handle, two.ref().handle};
  fail_each(
      "vyre_buffer_bind",
      [&] { return vyre_buffer_bind(q_, members.data(), 2, VYRE_DEFAULT_TIMEOUT, &buffer); },
      [&] { vyre_error_free(vyre_buffer_retire(s_, buffer)); });
  const char* const rules[] = {"a rule whose name needs memory of its own", "b"};
  fail_each("vyre_buffer_tag", [&] { return vyre_buffer_tag(s_, one.ref().handle, rules, 2); });
  vyre_plan_options tracked = VYRE_INIT(vyre_plan_options);
  tracked.flags = VYRE_PLAN_LINEAGE;
  const vyre_item reads_it[] = {{fill_.handle, one.ref().handle, two.ref().handle, 0, 0}};
  fail_each(
      "vyre_plan_new with lineage",
      [&] { return vyre_plan_new(q_, reads_it, 1, 0, &tracked, &plan); },
      [&] { vyre_plan_free(plan); });
  EXPECT_TRUE(
      session_.wait(session_.main().submit(Item{fill_, {}, one, 1}).value()).value().done());
}

TEST_F(Memory, EachAllocationOfAProgramMayFail) {
  vyre_program* program = nullptr;
  fail_each(
      "vyre_program_assemble",
      [&] {
        return vyre_program_assemble(kHistogram.data(), kHistogram.size(), VYRE_DEFAULT_TIMEOUT,
                                     &program);
      },
      [&] { vyre_program_free(program); });
  const auto histogram = Program::assemble(kHistogram).value();
  vyre_blob* blob = nullptr;
  const auto free_blob = [&] { vyre_blob_free(blob); };
  fail_each(
      "vyre_program_print", [&] { return vyre_program_print(histogram.get(), &blob); }, free_blob);
  fail_each(
      "vyre_program_encode",
      [&] {
        return vyre_program_encode(histogram.get(), VYRE_PROFILE_V6, VYRE_DEFAULT_TIMEOUT, &blob);
      },
      free_blob);
  fail_each(
      "vyre_program_print_image",
      [&] { return vyre_program_print_image(histogram.get(), 0, VYRE_DEFAULT_TIMEOUT, &blob); },
      free_blob);
  bool equal = false;
  fail_each("vyre_program_equal",
            [&] { return vyre_program_equal(histogram.get(), histogram.get(), &equal); });
  EXPECT_TRUE(equal);
  fail_each("vyre_program_verify",
            [&] { return vyre_program_verify(histogram.get(), VYRE_DEFAULT_TIMEOUT); });
  vyre_program_buffer buffer = VYRE_INIT(vyre_program_buffer);
  fail_each("vyre_program_describe_buffer",
            [&] { return vyre_program_describe_buffer(histogram.get(), 1, &buffer); });
  EXPECT_EQ(buffer.least_bytes, 64u);
  const std::array<std::uint64_t, 2> sizes{16, 64};
  std::array<std::uint32_t, 3> grid{};
  fail_each("vyre_program_grid", [&] {
    return vyre_program_grid(histogram.get(), sizes.data(), sizes.size(), 0, grid.data());
  });
  EXPECT_EQ(grid[0], 16u);
  vyre_op op = 0;
  fail_each("vyre_op_add", [&] {
    return vyre_op_add(s_, "histogram", histogram.get(), nullptr, VYRE_DEFAULT_TIMEOUT, &op);
  });
  auto data = up<std::uint32_t>({1, 2, 2, 9});
  const auto out = session_.main().run(Op{op}, std::array{data.ref()}).value();
  EXPECT_EQ(out[0].read<std::uint32_t>().value()[2], 2u);
}

TEST_F(Memory, EachAllocationOfTheReferenceExecutorMayFail) {
  const auto divide = Program::assemble(kDivide).value();
  vyre_reference* reference = nullptr;
  fail_each(
      "vyre_reference_new",
      [&] { return vyre_reference_new(divide.get(), nullptr, VYRE_DEFAULT_TIMEOUT, &reference); },
      [&] { vyre_reference_free(reference); });
  ASSERT_FALSE(
      detail::Failed(vyre_reference_new(divide.get(), nullptr, VYRE_DEFAULT_TIMEOUT, &reference)));
  const std::int32_t five = 5;
  const vyre_span input{&five, sizeof five};
  vyre_reference_result result = VYRE_INIT(vyre_reference_result);
  fail_each("vyre_reference_run", [&] {
    return vyre_reference_run(reference, &input, 1, VYRE_DEFAULT_TIMEOUT, &result);
  });
  ASSERT_EQ(result.output_count, 1u);
  vyre_blob* json = nullptr;
  fail_each(
      "vyre_reference_report", [&] { return vyre_reference_report(reference, nullptr, &json); },
      [&] { vyre_blob_free(json); });
  vyre_reference_free(reference);
}

TEST_F(Memory, EachAllocationOfSubmittingAndWaitingMayFail) {
  auto output = session_.main().allocate(4).value();
  const std::array items{Item{fill_, {}, output, 1}, Item{nop_}};
  std::array<Ticket, 2> tickets;
  Batch batch = session_.batch().value();
  fail_each("vyre_submit", [&] {
    return vyre_submit(q_, detail::c(items.data()), 2, 0, VYRE_DEFAULT_TIMEOUT, batch.get(),
                       detail::c(tickets.data()), nullptr);
  });
  ASSERT_EQ(session_.main().submit(items, batch).accepted, 2u);
  std::array<ItemResult, 2> results;
  fail_each("vyre_wait", [&] {
    return vyre_wait(s_, detail::c(tickets.data()), 2, 2, VYRE_DEFAULT_TIMEOUT,
                     detail::c(results.data()), 0, nullptr);
  });
  EXPECT_TRUE(results[0].done() && results[1].done());
  vyre_totals totals = VYRE_INIT(vyre_totals);
  fail_each("vyre_batch_wait",
            [&] { return vyre_batch_wait(batch.get(), VYRE_DEFAULT_TIMEOUT, &totals); });
  EXPECT_EQ(totals.accepted, totals.done);
  fail_each("vyre_session_wait",
            [&] { return vyre_session_wait(s_, VYRE_DEFAULT_TIMEOUT, &totals); });
  std::uint32_t word = 0;
  fail_each("vyre_buffer_read", [&] {
    return vyre_buffer_read(s_, output.ref().handle, 0, &word, 4, VYRE_DEFAULT_TIMEOUT);
  });
  EXPECT_EQ(word, 1u);
  auto input = up<std::uint8_t>({'1', '2', '3', '4', '5', '6', '7', '8', '9'});
  const Op crc = session_.find("hash.crc32c").value();
  const vyre_buffer source = input.ref().handle;
  vyre_buffer made = 0;
  fail_each(
      "vyre_run",
      [&] {
        return vyre_run(q_, crc.handle, &source, 1, 0, VYRE_DEFAULT_TIMEOUT, &made, 1, nullptr);
      },
      [&] { vyre_error_free(vyre_buffer_retire(s_, made)); });
}

TEST_F(Memory, EachAllocationOfWhatASessionTellsOfItselfMayFail) {
  auto output = session_.main().allocate(4).value();
  const std::array items{Item{fill_, {}, output, 1}, Item{Op{fill_.handle}, {}, {}, 1}};
  ASSERT_EQ(session_.main().submit(items).accepted, 2u) << "the second one faults";
  ASSERT_TRUE(session_.wait_all());
  vyre_blob* json = nullptr;
  for (const int indent : {-1, 2}) {
    fail_each(
        "vyre_report_json", [&] { return vyre_report_json(s_, indent, &json); },
        [&] { vyre_blob_free(json); });
  }
  const char* const word = "scan";
  const vyre_input_failure gone{"notes.txt", "is gone"};
  vyre_report_options options = VYRE_INIT(vyre_report_options);
  options.command = &word;
  options.command_count = 1;
  options.input_failures = &gone;
  options.input_failure_count = 1;
  fail_each(
      "vyre_session_report", [&] { return vyre_session_report(s_, &options, &json); },
      [&] { vyre_blob_free(json); });
  vyre_counters counters = VYRE_INIT(vyre_counters);
  fail_each("vyre_report_counters", [&] { return vyre_report_counters(s_, &counters); });
  EXPECT_EQ(counters.items_processed, 2u);
  vyre_caps caps = VYRE_INIT(vyre_caps);
  fail_each("vyre_session_caps", [&] { return vyre_session_caps(s_, &caps); });
  vyre_op_info info = VYRE_INIT(vyre_op_info);
  fail_each("vyre_op_describe", [&] { return vyre_op_describe(s_, fill_.handle, &info); });
  vyre_op_buffer buffer = VYRE_INIT(vyre_op_buffer);
  fail_each("vyre_op_describe_buffer",
            [&] { return vyre_op_describe_buffer(s_, fill_.handle, VYRE_OUTPUT, 0, &buffer); });
  const std::uint64_t input = 9;
  std::uint64_t bytes = 0;
  const Op crc = session_.find("hash.crc32c").value();
  fail_each("vyre_op_output_sizes",
            [&] { return vyre_op_output_sizes(s_, crc.handle, &input, 1, 0, &bytes, nullptr, 1); });
  EXPECT_EQ(bytes, 4u);
  // A program with a violation, so that there is one to tell of.
  const auto bad = Program::assemble(
      "workgroup 1, 1, 1;\nbuffer y: u32[1] read_only;\nregion \"r\" { y[0] = 1; }\n");
  ASSERT_TRUE(bad) << bad.error().text;
  fail_each(
      "vyre_program_diagnose", [&] { return vyre_program_diagnose(bad->get(), &json); },
      [&] {
        EXPECT_TRUE(contains(static_cast<const char*>(vyre_blob_data(json)), "\"code\":"));
        vyre_blob_free(json);
      });
  int findings = 0;
  const vyre_diagnosed count = [](void* context, const vyre_diagnostic*) {
    ++*static_cast<int*>(context);
  };
  fail_each(
      "vyre_program_examine",
      [&] {
        findings = 0;
        return vyre_program_examine(bad->get(), VYRE_DEFAULT_TIMEOUT, count, &findings);
      },
      [&] { EXPECT_EQ(findings, 1); });
  const auto good = Program::assemble(
      "workgroup 1, 1, 1;\nbuffer y: u32[1] read_write output live_out;\n"
      "region \"r\" { y[0] = 1; trap(1u, \"t\"); }\n");
  ASSERT_TRUE(good);
  fail_each(
      "vyre_program_explain",
      [&] {
        findings = 0;
        return vyre_program_explain(good->get(), VYRE_DEFAULT_TIMEOUT, count, &findings);
      },
      [&] { EXPECT_EQ(findings, 2); });
}

TEST_F(Memory, EachAllocationOfAPlanMayFail) {
  auto output = session_.main().allocate(4).value();
  const std::array items{Item{fill_, {}, output, 1}, Item{fill_, {}, output, 1}, Item{nop_}};
  vyre_plan* plan = nullptr;
  const auto free_plan = [&] { vyre_plan_free(plan); };
  fail_each(
      "vyre_plan_new",
      [&] { return vyre_plan_new(q_, detail::c(items.data()), items.size(), 0, nullptr, &plan); },
      free_plan);
  ASSERT_FALSE(
      detail::Failed(vyre_plan_new(q_, detail::c(items.data()), items.size(), 0, nullptr, &plan)));
  vyre_blob* text = nullptr;
  for (const int json : {0, 1}) {
    fail_each(
        "vyre_plan_describe", [&] { return vyre_plan_describe(plan, json, &text); },
        [&] { vyre_blob_free(text); });
  }
  free_plan();
}

class MemoryOfFiles : public test::InAFolder {
 protected:
  vyre_blob* json_{nullptr};
  const std::function<void()> free_json_ = [this] { vyre_blob_free(json_); };
};

TEST_F(MemoryOfFiles, EachAllocationOfAReportThatIsReadMayFail) {
  auto session = Session::open(on_cpu()).value();
  ASSERT_TRUE(session.main().submit(Item{session.find("nop").value()}));
  ASSERT_TRUE(session.close());
  const std::string file = path("report.json");
  std::ofstream(file) << session.report_json(2).value().text();
  const char* const paths[]{file.c_str()};
  fail_each(
      "vyre_report_summary", [&] { return vyre_report_summary(paths, 1, &json_); }, free_json_);
}

TEST_F(MemoryOfFiles, EachAllocationOfWhatTheMachineGivesMayFail) {
  const std::string directory = path("");
  fail_each(
      "vyre_ingest_probe", [&] { return vyre_ingest_probe(directory.c_str(), &json_); },
      free_json_);
  vyre_limit limit = VYRE_INIT(vyre_limit);
  fail_each("vyre_limit_at", [&] { return vyre_limit_at(0, &limit); });
}

TEST_F(MemoryOfFiles, AllocationsOfAConformanceRunMayFail) {
  // Some cases of each of two kinds: reading them makes trees of JSON.
  const std::string file = path("cases.jsonl");
  std::ofstream out(file);
  for (const char* const name : {"lineage", "plan-items"}) {
    std::ifstream in(std::string(VYRE_SOURCE_DIR "/test/cases/planner/") + name + ".jsonl");
    std::string line;
    for (int i = 0; i < 2 && std::getline(in, line); ++i) out << line << '\n';
  }
  out.close();
  const char* const paths[]{file.c_str()};
  vyre_conformance_options options = VYRE_INIT(vyre_conformance_options);
  options.executor = VYRE_EXECUTOR_REFERENCE;
  vyre_conformance_result result = VYRE_INIT(vyre_conformance_result);
  fail_each(
      "vyre_conformance", [&] { return vyre_conformance(paths, 1, &options, &result, &json_); },
      free_json_, 2);
  EXPECT_EQ(result.passed, 4u);
}

TEST_F(MemoryOfFiles, AllocationsOfAReplayAndOfItsComparisonMayFail) {
  {
    auto session = Session::open(on_cpu()).value();
    const Op histogram = session.add("h", Program::assemble(kHistogram).value()).value();
    auto recorder = session.record(path("trace")).value();
    auto data = session.main().upload(std::vector<std::uint32_t>{1, 2, 2, 9}).value();
    auto bins = session.main().allocate(64).value();
    ASSERT_TRUE(session.main().submit(Item{histogram, data, bins}));
    ASSERT_TRUE(recorder.finish());
  }
  const std::string directory = path("trace");
  vyre_trace_info info = VYRE_INIT(vyre_trace_info);
  fail_each("vyre_trace_inspect",
            [&] { return vyre_trace_inspect(directory.c_str(), nullptr, &info); });
  vyre_replay_options options = VYRE_INIT(vyre_replay_options);
  options.executor = VYRE_EXECUTOR_REFERENCE;
  options.compare = VYRE_COMPARE_RECORDED;
  vyre_replay_result result = VYRE_INIT(vyre_replay_result);
  fail_each(
      "vyre_replay", [&] { return vyre_replay(directory.c_str(), &options, &result, &json_); },
      free_json_, 7);
  EXPECT_EQ(result.bytes_compared, 64u);
}

TEST_F(Memory, AnErrorItselfNeedsNone) {
  allocations_left = 0;
  vyre_error* error =
      vyre_op_find(s_, "there is no op of that name, and no memory to say so", &nop_.handle);
  allocations_left = -1;
  EXPECT_EQ(vyre_error_code(error), VYRE_OUT_OF_MEMORY);
  EXPECT_TRUE(contains(vyre_error_text(error), "out_of_memory: ")) << vyre_error_text(error);
  EXPECT_EQ(vyre_error_offset(error), UINT64_MAX);
  vyre_error_free(error);
  vyre_error_free(error);  // it is the same for all
}

}  // namespace
}  // namespace vyre::test
