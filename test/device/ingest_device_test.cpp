// Files under items: asynchronous copies out of mapped files through a real pump, with everything
// that can go wrong with it, and streams that give what the CPU gives. On the device through the
// resident kernel (VYRE_TEST_CUDA), on CPU workers as they are.
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "builtin/literals.hpp"
#include "unit/runtime/stream_fixture.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::uint64_t kPiece{8'192};

/// Workgroup w copies piece w of src to piece w of out.
constexpr std::string_view kCopyPieces =
    "workgroup 64, 1, 1;\n"
    "buffer src: u32[] read_only;\n"
    "buffer out: u32[] read_write;\n"
    "buffer t: u32[2048] workgroup;\n"
    "region \"pieces\" {\n"
    "if lid.x == 0u {\nasync_load(src, t, wid.x * 8192u, 8192u, \"a\");\nasync_wait(\"a\");\n}\n"
    "barrier;\n"
    "for i in 0u..32u {\n"
    "if wid.x * 2048u + i * 64u + lid.x < len(out) {\n"
    "out[wid.x * 2048u + i * 64u + lid.x] = t[i * 64u + lid.x];\n}\n}\n}\n";

/// The same, and src is also read otherwise.
constexpr std::string_view kCopyAndLook =
    "workgroup 64, 1, 1;\n"
    "buffer src: u32[] read_only;\n"
    "buffer out: u32[] read_write;\n"
    "region \"look\" {\n"
    "if gid.x == 0u {\nasync_load(src, out, 0u, 4096u, \"a\");\nasync_wait(\"a\");\n"
    "out[0u] = src[len(src) - 1u];\n}\n}\n";

/// Answers nothing; dies when it is told to.
class SilentIo final : public ingest::Io {
 public:
  explicit SilentIo(std::shared_ptr<std::atomic<bool>> dies) : dies_(std::move(dies)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "silent"; }
  void register_memory(MutableByteSpan) override {}
  [[nodiscard]] bool fixed(const std::uint8_t*, std::uint64_t) const override { return false; }
  [[nodiscard]] const ingest::Registration& registration() const noexcept override {
    return registration_;
  }
  [[nodiscard]] bool push(const ingest::IoOperation&) override { return true; }
  [[nodiscard]] Status enter(std::uint32_t, std::chrono::nanoseconds patience) override {
    if (*dies_) return fail(Errc::io, "the ring died");
    std::this_thread::sleep_for(
        std::min<std::chrono::nanoseconds>(patience, std::chrono::milliseconds{1}));
    return {};
  }
  [[nodiscard]] std::uint32_t reap(std::span<ingest::IoCompletion>) override { return 0; }
  [[nodiscard]] ingest::IoCounters counters() const noexcept override { return {}; }
  void wake() noexcept override {}
  [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept override {
    return std::chrono::steady_clock::now();
  }

 private:
  std::shared_ptr<std::atomic<bool>> dies_;
  ingest::Registration registration_;
};

class FilesUnderItems : public ::testing::Test {
 protected:
  void open(std::uint32_t queues = 1, const TestHooks& hooks = {}) {
    SessionOptions options = test_options(4, queues);
    options.max_blocks = 0;  // as many warps as there are
    options.device_memory_bytes = std::uint64_t{256} << 20;
    options.ingest_bytes = std::uint64_t{16} << 20;
    options.close_timeout = std::chrono::milliseconds{500};
    auto opened = open_for_tests(options, hooks);
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
  }
  void open_silent(const std::shared_ptr<std::atomic<bool>>& dies) {
    TestHooks hooks;
    hooks.make_io = [dies]() -> Result<std::unique_ptr<ingest::Io>> {
      return std::make_unique<SilentIo>(dies);
    };
    open(1, hooks);
  }
  OpHandle program(std::string_view text) {
    const auto op =
        session_->register_program("p" + std::to_string(++programs_), *vir::assemble(text));
    EXPECT_OK(op);
    return op ? *op : OpHandle{};
  }
  /// An item of kCopyPieces over all of a file of `bytes`.
  struct Item {
    MegakernelWorkItem item;
    Handle out;
  };
  Item copy_all(OpHandle op, Handle file, std::uint64_t bytes) {
    const auto out = session_->allocate((bytes + 3) / 4 * 4);
    EXPECT_OK(out);
    const auto set = session_->bind(std::vector<Handle>{file, *out});
    EXPECT_OK(set);
    const auto groups = static_cast<std::uint32_t>((bytes + kPiece - 1) / kPiece);
    return {{op.id, set->id, 0, groups * 64}, *out};
  }

  Folder folder_;
  std::optional<Session> session_;
  int programs_{0};
};

TEST_F(FilesUnderItems, ManyWorkgroupsCopyAFileByRequests) {
  // Thousands of requests by all warps at once, for 64 lines.
  const Bytes bytes = random_bytes((std::size_t{12} << 20) + 4'321, test_seed());
  const std::string path = folder_.write("file", bytes);
  open();
  if (HasFatalFailure()) return;
  const auto file = session_->map_file(path);
  ASSERT_OK(file);
  const OpHandle op = program(kCopyPieces);
  for (int round = 0; round < 3; ++round) {
    const Item item = copy_all(op, *file, bytes.size());
    ASSERT_EQ(run(*session_, item.item), "done none");
    Bytes out = *session_->download(item.out, soon());
    ASSERT_EQ(out.size(), (bytes.size() + 3) / 4 * 4);
    out.resize(bytes.size());
    EXPECT_TRUE(out == bytes) << "round " << round;
    EXPECT_OK(session_->release({item.item.input_handle}, soon()));
    EXPECT_OK(session_->release(item.out, soon()));
  }
  const auto document = session_->report();
  ASSERT_TRUE(document.ingest.has_value());
  EXPECT_GE(document.ingest->item_requests, 3 * ((bytes.size() + kPiece - 1) / kPiece));
  EXPECT_EQ(document.ingest->item_requests_failed, 0u);
  EXPECT_OK(session_->close());
}

TEST_F(FilesUnderItems, SeveralItemsShareTheLines) {
  const Bytes bytes = random_bytes(std::size_t{1} << 20, test_seed());
  const std::string path = folder_.write("file", bytes);
  open(2);
  if (HasFatalFailure()) return;
  const auto file = session_->map_file(path);
  ASSERT_OK(file);
  const OpHandle op = program(kCopyPieces);
  std::vector<Item> items;
  std::vector<Ticket> tickets;
  for (int i = 0; i < 24; ++i) {
    items.push_back(copy_all(op, *file, bytes.size()));
    const auto ticket = session_->submit(items.back().item, soon());
    ASSERT_OK(ticket);
    tickets.push_back(*ticket);
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto ended = session_->wait(tickets[i], soon());
    ASSERT_OK(ended);
    EXPECT_EQ(outcome(*ended), "done none");
    EXPECT_TRUE(*session_->download(items[i].out, soon()) == bytes) << i;
  }
}

TEST_F(FilesUnderItems, AFileThatIsReadOtherwiseAsWellIsThereWhole) {
  const Bytes bytes = random_bytes(100'000, test_seed());
  const std::string path = folder_.write("file", bytes);
  open();
  if (HasFatalFailure()) return;
  const auto file = session_->map_file(path);
  ASSERT_OK(file);
  const OpHandle pieces = program(kCopyPieces);
  const OpHandle look = program(kCopyAndLook);
  const auto out = session_->allocate(4'096);
  ASSERT_OK(out);
  const auto set = session_->bind(std::vector<Handle>{*file, *out});
  ASSERT_OK(set);
  // Asked for, then brought, then both.
  const Item before = copy_all(pieces, *file, bytes.size());
  ASSERT_EQ(run(*session_, before.item), "done none");
  ASSERT_EQ(run(*session_, {look.id, set->id, 0, 64}), "done none");
  Bytes expected(bytes.begin(), bytes.begin() + 4'096);
  std::memcpy(expected.data(), bytes.data() + bytes.size() - 4, 4);
  EXPECT_EQ(*session_->download(*out, soon()), expected);
  const Item after = copy_all(pieces, *file, bytes.size());
  ASSERT_EQ(run(*session_, after.item), "done none");
  EXPECT_TRUE(*session_->download(before.out, soon()) == bytes);
  EXPECT_TRUE(*session_->download(after.out, soon()) == bytes);
}

TEST_F(FilesUnderItems, AFileThatBecameShorterFaultsWhoWaitsForItsEnd) {
  const std::string path = folder_.write("file", random_bytes(400'000, test_seed()));
  open();
  if (HasFatalFailure()) return;
  const auto file = session_->map_file(path);
  ASSERT_OK(file);
  const OpHandle op = program(kCopyPieces);
  ASSERT_EQ(::truncate(path.c_str(), 100'000), 0);
  const Item item = copy_all(op, *file, 400'000);
  const auto ticket = session_->submit(item.item, soon());
  ASSERT_OK(ticket);
  const auto ended = session_->wait(*ticket, soon());
  ASSERT_OK(ended);
  EXPECT_EQ(outcome(*ended), "faulted io_error");
  EXPECT_EQ(ended->fault.workgroup, 100'000 / kPiece) << "the first piece that is not whole";
  EXPECT_EQ(ended->fault.lane, 0u);
  EXPECT_GE(session_->report().ingest->item_requests_end_of_file, 1u);
  // The session and the lines go on.
  const Bytes whole = random_bytes(300'000, test_seed() + 1);
  const auto other = session_->map_file(folder_.write("other", whole));
  ASSERT_OK(other);
  const Item next = copy_all(op, *other, whole.size());
  EXPECT_EQ(run(*session_, next.item), "done none");
  EXPECT_TRUE(*session_->download(next.out, soon()) == whole);
}

TEST_F(FilesUnderItems, AnotherQueueThanTheFilesOwnIsRefused) {
  const Bytes bytes = random_bytes(50'000, test_seed());
  const std::string path = folder_.write("file", bytes);
  open(3);
  if (HasFatalFailure()) return;
  const auto file = session_->map_file(path, MapOptions{1});
  ASSERT_OK(file);
  const OpHandle op = program(kCopyPieces);
  for (const std::uint32_t queue : {0u, 1u, 2u}) {
    const Item item = copy_all(op, *file, bytes.size());
    const auto ticket = session_->submit(item.item, soon(), queue);
    if (queue != 1) {
      ASSERT_FALSE(ticket.has_value()) << queue;
      EXPECT_EQ(ticket.error().code, Errc::invalid_argument);
      continue;
    }
    ASSERT_OK(ticket);
    const auto ended = session_->wait(*ticket, soon());
    ASSERT_OK(ended);
    EXPECT_EQ(outcome(*ended), "done none");
    EXPECT_TRUE(*session_->download(item.out, soon()) == bytes);
  }
  EXPECT_EQ(session_->report().ingest->item_requests_rejected, 0u);
}

TEST_F(FilesUnderItems, ItemsOfADeadPumpFaultInsteadOfWaiting) {
  const std::string path = folder_.write("file", random_bytes(std::size_t{1} << 20, test_seed()));
  const auto dies = std::make_shared<std::atomic<bool>>(false);
  open_silent(dies);
  if (HasFatalFailure()) return;
  const auto file = session_->map_file(path);
  ASSERT_OK(file);
  const Item item = copy_all(program(kCopyPieces), *file, std::uint64_t{1} << 20);
  const auto ticket = session_->submit(item.item, soon());
  ASSERT_OK(ticket);
  std::this_thread::sleep_for(std::chrono::milliseconds{100});  // requests are under way
  *dies = true;
  const auto ended = session_->wait(*ticket, after(std::chrono::seconds{12}));
  ASSERT_OK(ended);
  EXPECT_EQ(outcome(*ended), "faulted io_error");
}

TEST_F(FilesUnderItems, ClosingEndsItemsThatWaitForAFile) {
  const std::string path = folder_.write("file", random_bytes(std::size_t{1} << 20, test_seed()));
  open_silent(std::make_shared<std::atomic<bool>>(false));
  if (HasFatalFailure()) return;
  const auto file = session_->map_file(path);
  ASSERT_OK(file);
  const Item item = copy_all(program(kCopyPieces), *file, std::uint64_t{1} << 20);
  const auto ticket = session_->submit(item.item, soon());
  ASSERT_OK(ticket);
  std::this_thread::sleep_for(std::chrono::milliseconds{100});
  const auto begin = Clock::now();
  (void)session_->close();  // its reads never end: what it says of the pump is the pump's affair
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{15});
  const auto ended = session_->wait(*ticket, soon());
  ASSERT_OK(ended);
  EXPECT_EQ(outcome(*ended), "cancelled shutdown");
}

// ---- streams ----

/// Chunks in file order: what every one of them gave.
std::vector<Bytes> outputs_of(Session& session, const std::vector<std::string>& paths, OpHandle op,
                              const StreamOptions& options) {
  auto stream = session.stream(paths, op, options);
  EXPECT_OK(stream);
  if (!stream) return {};
  const Ran ran = run_to_end(*stream);
  EXPECT_FALSE(ran.error.has_value()) << to_string(*ran.error);
  std::vector<Bytes> all;
  for (const Seen& seen : ran.results) {
    EXPECT_FALSE(seen.error.has_value()) << to_string(*seen.error);
    EXPECT_EQ(seen.status, CompletionStatus::done);
    for (const Bytes& output : seen.outputs) all.push_back(output);
  }
  return all;
}

TEST(StreamsEverywhere, GiveWhatTheCpuGives) {
  const Folder folder;
  std::vector<std::string> paths;
  for (const std::size_t bytes : {0u, 5u, 4'096u, 70'000u, 1'000'001u, 3'000'000u})
    paths.push_back(folder.write("f" + std::to_string(bytes), random_bytes(bytes, bytes)));
  SessionOptions on_cpu = test_options();
  on_cpu.backend = BackendKind::cpu;
  SessionOptions here = test_options();
  here.ingest_bytes = on_cpu.ingest_bytes = std::uint64_t{12} << 20;
  auto cpu = Session::open(on_cpu);
  auto tested = Session::open(here);
  ASSERT_OK(cpu);
  ASSERT_OK(tested);
  const Bytes word{0x41, 0x7f};
  const ByteSpan pattern{word};
  const auto blob = builtin::compile_literals(std::span{&pattern, 1});
  ASSERT_OK(blob);
  struct Op {
    std::uint32_t id;
    std::uint64_t output;
    bool literals;
  };
  for (const Op op :
       {Op{14, 1'024, false}, Op{17, 4, false}, Op{18, 8, false}, Op{19, 16 + 16 * 64, true}}) {
    for (const std::uint64_t chunk :
         {std::uint64_t{4'096}, std::uint64_t{65'552}, std::uint64_t{1} << 20}) {
      for (const std::uint64_t overlap : {std::uint64_t{0}, std::uint64_t{48}}) {
        for (const ChunkPlace place : {ChunkPlace::in_place, ChunkPlace::device}) {
          SCOPED_TRACE("op " + std::to_string(op.id) + ", chunks of " + std::to_string(chunk) +
                       ", overlap " + std::to_string(overlap));
          const auto all = [&](Session& session) {
            StreamOptions options;
            options.chunk_bytes = chunk;
            options.overlap_bytes = overlap;
            options.outputs = {{op.output, {}}};
            options.place = place;
            if (op.literals) options.inputs = {Handle{}, *session.upload(*blob)};
            return outputs_of(session, paths, OpHandle{op.id}, options);
          };
          EXPECT_TRUE(all(*cpu) == all(*tested));
        }
      }
    }
  }
}

TEST(StreamsEverywhere, SlotsThatAreUsedAgainNeverShowWhatWasThereBefore) {
  // A few slots, a hundred chunks through each, all different; in place, so that every line that
  // stayed in a cache of the device would show.
  const Folder folder;
  const Bytes bytes = random_bytes(std::size_t{48} << 20, test_seed());
  const std::string path = folder.write("file", bytes);
  SessionOptions options = test_options();
  options.ingest_bytes = std::uint64_t{6} << 20;
  auto session = Session::open(options);
  ASSERT_OK(session);
  for (const std::uint64_t chunk : {std::uint64_t{32} << 10, std::uint64_t{256} << 10}) {
    StreamOptions how = crc_options(chunk);
    how.place = ChunkPlace::in_place;
    auto stream = session->stream({path}, OpHandle{kCrc32c}, how);
    ASSERT_OK(stream);
    std::uint64_t wrong = 0;
    std::uint64_t seen = 0;
    for (;;) {
      const auto result = stream->next(soon());
      ASSERT_OK(result);
      if (*result == nullptr) break;
      const StreamChunk& at = (*result)->chunk;
      ASSERT_FALSE((*result)->error.has_value());
      const std::uint32_t expected = crc32c({bytes.data() + at.offset, at.bytes});
      wrong += load_le<std::uint32_t>((*result)->outputs[0], 0) == expected ? 0 : 1;
      seen += at.bytes;
    }
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(seen, bytes.size());
  }
}

TEST(StreamsEverywhere, ProgramsReadSlotsThatAreUsedAgainAsTheyAreNow) {
  // The same by a program, whose loads run ahead of what it works on.
  constexpr std::string_view kMix =
      "workgroup 64, 1, 1;\n"
      "buffer x: u32[] read_only;\n"
      "buffer y: u32[64] read_write output live_out;\n"
      "region \"mix\" {\nfor i in 0u..len(x) / 64u {\n"
      "y[lid.x] = y[lid.x] * 3u ^ x[i * 64u + lid.x];\n}\n}\n";
  constexpr std::uint64_t kBytes{std::uint64_t{8} << 10};
  const Folder folder;
  const Bytes bytes = random_bytes(std::size_t{8} << 20, test_seed());
  const std::string path = folder.write("file", bytes);
  SessionOptions options = test_options();
  options.ingest_bytes = std::uint64_t{6} << 20;
  auto session = Session::open(options);
  ASSERT_OK(session);
  const auto op = session->register_program("mix", *vir::assemble(kMix));
  ASSERT_OK(op);
  StreamOptions how;
  how.chunk_bytes = kBytes;
  how.place = ChunkPlace::in_place;
  how.param = 64;
  auto stream = session->stream({path}, *op, how);
  ASSERT_OK(stream);
  std::uint64_t wrong = 0;
  for (;;) {
    const auto result = stream->next(soon());
    ASSERT_OK(result);
    if (*result == nullptr) break;
    ASSERT_EQ((*result)->status, CompletionStatus::done);
    std::array<std::uint32_t, 64> expected{};
    for (std::uint64_t at = 0; at < (*result)->chunk.bytes; at += 4) {
      std::uint32_t& word = expected[at / 4 % 64];
      word = word * 3 ^ load_le<std::uint32_t>(bytes, (*result)->chunk.offset + at);
    }
    wrong += std::memcmp((*result)->outputs[0].data(), expected.data(), 256) == 0 ? 0 : 1;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(stream->progress().chunks_ended, bytes.size() / kBytes);
}

}  // namespace
}  // namespace vyre::runtime::test
