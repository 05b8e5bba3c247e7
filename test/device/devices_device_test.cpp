// Which device a session runs on: it is named, the caller's own choice stays, and sessions on two
// devices do not wait for each other. The tests of two skip where the driver lists one.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>

#include "cuda/door/device_probe.hpp"
#include "unit/runtime/fixtures.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::string_view kAddOne{
    "workgroup 64, 1, 1;\n"
    "buffer x: u32[] read_write;\n"
    "region \"count\" { if gid.x < len(x) { x[gid.x] = x[gid.x] + 1; } }\n"};

/// All of a device, on which its kernel stays.
SessionOptions on_device(const std::string& name) {
  SessionOptions options = test_options(1, 2);
  options.device = name;
  options.max_blocks = 0;
  options.park_after = {};
  return options;
}

Bytes thousand_words(std::uint32_t value) {
  Bytes bytes;
  for (int i = 0; i < 1'000; ++i) append_le(bytes, value);
  return bytes;
}

/// Adds 1 to each of 1,000 words, ten times.
void run_items(Session& session) {
  const auto op = session.register_program("count", *vir::assemble(kAddOne));
  ASSERT_OK(op);
  const auto x = session.upload(thousand_words(5));
  ASSERT_OK(x);
  for (int i = 0; i < 10; ++i) ASSERT_OK(session.submit({op->id, x->id, 0, 0}, soon()));
  EXPECT_EQ(*session.download(*x, soon()), thousand_words(15));
  EXPECT_EQ(session.wait_all(soon())->not_done, 0u);
}

TEST(Devices, ANameThatNoneHasIsAnErrorUnderAutomaticToo) {
  SessionOptions options = on_device("4096");
  for (const BackendKind kind : {BackendKind::automatic, BackendKind::cuda}) {
    options.backend = kind;
    const auto session = Session::open(options);
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, Errc::not_found);
    EXPECT_NE(session.error().message.find("0: "), std::string::npos) << session.error().message;
  }
}

TEST(Devices, AThreadThatHasChosenNoneHasNoneAfterItsCalls) {
  void* const driver = ::dlopen("libcuda.so.1", RTLD_NOW);
  ASSERT_NE(driver, nullptr);
  using GetCurrent = int (*)(void**);
  const auto get_current = reinterpret_cast<GetCurrent>(::dlsym(driver, "cuCtxGetCurrent"));
  ASSERT_NE(get_current, nullptr);
  void* context = nullptr;
  ASSERT_EQ(get_current(&context), 0);
  ASSERT_EQ(context, nullptr);
  auto session = Session::open(on_device("0"));
  ASSERT_OK(session);
  run_items(*session);
  ASSERT_EQ(get_current(&context), 0);
  EXPECT_EQ(context, nullptr);
  EXPECT_OK(session->close());
  ASSERT_EQ(get_current(&context), 0);
  EXPECT_EQ(context, nullptr);
}

TEST(TwoDevices, EachOpensRunsAndClosesWhileTheOthersKernelStays) {
  if (!cuda::probe_device("1")) GTEST_SKIP() << "the driver lists one device";
  auto first = Session::open(on_device("0"));
  ASSERT_OK(first);
  for (int round = 0; round < 3; ++round) {
    auto second = Session::open(on_device("1"));
    ASSERT_OK(second);
    run_items(*second);
    run_items(*first);
    Bytes lent = thousand_words(7);
    const auto imported = second->import(lent);
    ASSERT_OK(imported);
    EXPECT_EQ(*second->download(*imported, soon()), lent);
    ASSERT_OK(second->release(*imported, soon()));
    EXPECT_OK(second->close());
  }
  // The one that has stayed ends beside a new one.
  auto second = Session::open(on_device("1"));
  ASSERT_OK(second);
  EXPECT_OK(first->close());
  run_items(*second);
  auto third = Session::open(on_device("0"));
  ASSERT_OK(third);
  run_items(*third);
  EXPECT_OK(second->close());
  EXPECT_OK(third->close());
}

}  // namespace
}  // namespace vyre::runtime::test
