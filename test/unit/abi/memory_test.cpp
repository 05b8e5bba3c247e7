// Memory that runs out, at each allocation that a call makes on its thread: the call answers
// out_of_memory, leaves nothing behind that breaks the next call, and ends well once there is
// memory. A binary of its own, because it replaces operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <new>

#include "fixture.hpp"

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

/// Calls until no allocation is left to fail; `undo` follows each success.
void fail_each(
    const char* name, const std::function<vyre_error*()>& call,
    const std::function<void()>& undo = [] {}) {
  for (long at = 0; at < 100'000; ++at) {
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
  fail_each("vyre_program_verify",
            [&] { return vyre_program_verify(histogram.get(), VYRE_DEFAULT_TIMEOUT); });
  vyre_op op = 0;
  fail_each("vyre_op_add", [&] {
    return vyre_op_add(s_, "histogram", histogram.get(), nullptr, VYRE_DEFAULT_TIMEOUT, &op);
  });
  auto data = up<std::uint32_t>({1, 2, 2, 9});
  const auto out = session_.main().run(Op{op}, std::array{data.ref()}).value();
  EXPECT_EQ(out[0].read<std::uint32_t>().value()[2], 2u);
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
