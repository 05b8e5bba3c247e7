// What a stream gives is what the files hold: every size, overlap, tier and way of moving results,
// against plain bytes.
#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "stream_fixture.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::uint64_t kChunkBytes{16'384};

struct Way {
  const char* name;
  ingest::TierChoice tier;
  bool as_on_device;
  ChunkPlace place;
};
constexpr std::array<Way, 7> kWays{{
    {"automatic", ingest::TierChoice::automatic, false, ChunkPlace::automatic},
    {"A", ingest::TierChoice::direct_fixed, false, ChunkPlace::automatic},
    {"B", ingest::TierChoice::direct, false, ChunkPlace::automatic},
    {"C", ingest::TierChoice::buffered, false, ChunkPlace::automatic},
    {"E", ingest::TierChoice::thread_pool, false, ChunkPlace::automatic},
    {"results by items", ingest::TierChoice::automatic, true, ChunkPlace::in_place},
    {"chunks and results by items", ingest::TierChoice::automatic, true, ChunkPlace::device},
}};

struct Made {
  std::string path;
  Bytes bytes;
};

std::vector<Made> files_of_all_sizes(const Folder& folder) {
  std::vector<Made> files;
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{15}, std::uint64_t{16},
        std::uint64_t{4095}, std::uint64_t{4096}, std::uint64_t{4097}, kChunkBytes - 1, kChunkBytes,
        kChunkBytes + 1, 3 * kChunkBytes + 5}) {
    Bytes bytes = random_bytes(size, test_seed() + size);
    files.push_back({folder.write("f" + std::to_string(size), bytes), std::move(bytes)});
  }
  return files;
}

Result<Session> open_way(const Way& way) {
  SessionOptions options = test_options();
  options.ingest_tier = way.tier;
  options.ingest_bytes = std::uint64_t{8} << 20;
  TestHooks hooks;
  hooks.stream_as_on_device = way.as_on_device;
  return open_for_tests(options, hooks);
}

/// Chunks of each file, put together, are the file; each result is what the op makes of its chunk.
void check_crcs(const std::vector<Made>& files, const Ran& ran, std::uint64_t overlap,
                std::uint64_t chunk_bytes = kChunkBytes) {
  ASSERT_FALSE(ran.error) << to_string(*ran.error);
  std::map<std::uint64_t, std::uint64_t> covered;
  std::map<std::uint64_t, bool> ended;
  for (const Seen& seen : ran.results) {
    ASSERT_FALSE(seen.error) << to_string(*seen.error);
    ASSERT_LT(seen.chunk.file, files.size());
    const Made& file = files[seen.chunk.file];
    EXPECT_EQ(seen.path, file.path);
    EXPECT_EQ(seen.status, CompletionStatus::done);
    ASSERT_LE(seen.chunk.offset + seen.chunk.bytes, file.bytes.size());
    EXPECT_EQ(seen.chunk.offset, seen.chunk.index * (chunk_bytes - overlap));
    EXPECT_EQ(seen.chunk.seen_bytes, seen.chunk.index == 0 ? 0 : overlap);
    covered[seen.chunk.file] += seen.chunk.bytes - seen.chunk.seen_bytes;
    EXPECT_EQ(seen.chunk.last, seen.chunk.offset + seen.chunk.bytes == file.bytes.size());
    EXPECT_TRUE(!seen.chunk.last || !std::exchange(ended[seen.chunk.file], true));
    ASSERT_EQ(seen.outputs.size(), 1u);
    const ByteSpan chunk{file.bytes.data() + seen.chunk.offset, seen.chunk.bytes};
    EXPECT_EQ(seen.outputs[0], words({crc32c(chunk)})) << file.path << " at " << seen.chunk.offset;
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(covered[i], files[i].bytes.size()) << files[i].path;
    EXPECT_TRUE(ended[i]) << files[i].path;
  }
}

std::vector<std::string> paths_of(const std::vector<Made>& files) {
  std::vector<std::string> paths;
  for (const Made& file : files) paths.push_back(file.path);
  return paths;
}

TEST(StreamRead, GivesTheBytesOfFilesOfAnySizeOnEveryTierAndEveryWay) {
  const Folder folder;
  const auto files = files_of_all_sizes(folder);
  for (const Way& way : kWays) {
    auto session = open_way(way);
    ASSERT_OK(session);
    for (const std::uint64_t overlap : {std::uint64_t{0}, std::uint64_t{16}, kChunkBytes / 2}) {
      for (const bool in_order : {true, false}) {
        SCOPED_TRACE(std::string(way.name) + ", overlap " + std::to_string(overlap));
        StreamOptions options = crc_options(kChunkBytes, overlap);
        options.in_order = in_order;
        options.place = way.place;
        auto stream = session->stream(paths_of(files), OpHandle{kCrc32c}, options);
        if (!stream && refused_here(stream.error())) {
          std::printf("%s: %s\n", way.name, stream.error().message.c_str());
          continue;
        }
        ASSERT_OK(stream);
        const Ran ran = run_to_end(*stream);
        const bool direct =
            way.tier == ingest::TierChoice::direct_fixed || way.tier == ingest::TierChoice::direct;
        if (direct && !ran.results.empty() && ran.results[0].error) {
          std::printf("%s: %s\n", way.name, ran.results[0].error->message.c_str());
          continue;  // /tmp here takes no O_DIRECT
        }
        check_crcs(files, ran, overlap);
        if (in_order) {
          for (std::size_t i = 1; i < ran.results.size(); ++i) {
            const StreamChunk& a = ran.results[i - 1].chunk;
            const StreamChunk& b = ran.results[i].chunk;
            EXPECT_TRUE(a.file + 1 == b.file ? a.last && b.index == 0
                                             : a.file == b.file && a.index + 1 == b.index);
          }
        }
      }
    }
    const auto document = session->report();
    if (document.ingest && way.tier != ingest::TierChoice::automatic) {
      for (const auto& tier : document.ingest->tiers) {
        EXPECT_EQ(tier.tier, way.name);
        EXPECT_EQ(tier.files, 6 * (files.size() - 1)) << "all but the empty one, in six streams";
      }
    }
    EXPECT_OK(session->close());
  }
}

TEST(StreamRead, GivesTheBytesOfFilesWhateverTheShape) {
  const std::uint64_t seed = test_seed();
  Random random(seed);
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
  for (int round = 0; round < 25 * test_scale(); ++round) {
    const Folder folder;
    const std::uint64_t chunk = 16 * (1 + random.below(random.below(2) == 0 ? 40 : 5'000));
    const std::uint64_t overlap = 16 * random.below(static_cast<std::uint32_t>(chunk / 32 + 1));
    std::vector<Made> files;
    for (std::uint32_t count = 1 + random.below(40); count-- > 0;) {
      const std::uint64_t bytes = random.below(4) == 0
                                      ? random.below(static_cast<std::uint32_t>(
                                            std::min<std::uint64_t>(20 * chunk, 300'000)))
                                      : random.below(2'000);
      Bytes content = random_bytes(bytes, random.next());
      files.push_back({folder.write(std::to_string(count), content), std::move(content)});
    }
    const Way& way = kWays[random.below(kWays.size())];
    SessionOptions options = test_options(1 + random.below(3));
    options.ingest_tier =
        way.tier == ingest::TierChoice::thread_pool ? way.tier : ingest::TierChoice::automatic;
    options.ingest_bytes = (std::uint64_t{5} << 20) + random.below(4 << 20);
    options.ring_slots = random.below(2) == 0 ? 32 : 1'024;
    TestHooks hooks;
    hooks.stream_as_on_device = way.as_on_device;
    auto session = open_for_tests(options, hooks);
    ASSERT_OK(session);
    StreamOptions how = crc_options(chunk, overlap);
    how.in_order = random.below(2) == 0;
    how.max_in_flight = random.below(6);
    how.place = way.place;
    SCOPED_TRACE(std::string(way.name) + ", chunk " + std::to_string(chunk) + ", overlap " +
                 std::to_string(overlap) + ", in flight " + std::to_string(how.max_in_flight));
    auto stream = session->stream(paths_of(files), OpHandle{kCrc32c}, how);
    ASSERT_OK(stream);
    check_crcs(files, run_to_end(*stream), overlap, chunk);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(StreamRead, AProgramSeesItsChunkAsItsBufferAndItsOutputStartsFromZeros) {
  const Folder folder;
  const auto files = files_of_all_sizes(folder);
  constexpr std::string_view kEnds =
      "workgroup 64, 1, 1;\n"
      "buffer x: u32[] read_only;\n"
      "buffer y: u32[4] read_write output live_out;\n"
      "region \"ends\" { if gid.x == 0 { y[0] = len(x); if len(x) > 0 { y[1] = x[0]; "
      "y[2] = x[len(x) - 1]; } } }\n";
  for (const Way& way : {kWays[0], kWays[5], kWays[6]}) {
    SCOPED_TRACE(way.name);
    auto session = open_way(way);
    ASSERT_OK(session);
    const auto program = vir::assemble(kEnds);
    ASSERT_OK(program);
    const auto op = session->register_program("ends", *program);
    ASSERT_OK(op);
    StreamOptions options;
    options.chunk_bytes = kChunkBytes;
    options.place = way.place;
    auto stream = session->stream(paths_of(files), *op, options);
    ASSERT_OK(stream);
    const Ran ran = run_to_end(*stream);
    ASSERT_FALSE(ran.error) << to_string(*ran.error);
    ASSERT_EQ(ran.results.size(), files.size() + 1 + 3);
    for (const Seen& seen : ran.results) {
      const Bytes& all = files[seen.chunk.file].bytes;
      const auto count = static_cast<std::uint32_t>(seen.chunk.bytes / 4);
      const ByteSpan chunk{all.data() + seen.chunk.offset, seen.chunk.bytes};
      const Bytes expected = count == 0
                                 ? words({0, 0, 0, 0})
                                 : words({count, load_le<std::uint32_t>(chunk, 0),
                                          load_le<std::uint32_t>(chunk, (count - 1) * 4), 0});
      ASSERT_EQ(seen.outputs.size(), 1u);
      EXPECT_EQ(seen.outputs[0], expected) << seen.path << " at " << seen.chunk.offset;
    }
  }
}

TEST(StreamRead, FindsWhatCrossesABoundaryExactlyOnceAndCarriesNoHitsOver) {
  const Folder folder;
  Random random(test_seed());
  Bytes text(5 * kChunkBytes + 100, '.');
  const std::string_view word = "boundary";
  for (std::uint64_t at = kChunkBytes - 7; at + 16 < text.size(); at += kChunkBytes - 64)
    std::memcpy(text.data() + at, word.data(), word.size());
  for (int i = 0; i < 50; ++i)
    std::memcpy(text.data() + random.below(static_cast<std::uint32_t>(text.size() - 8)),
                word.data(), word.size());
  std::vector<std::uint64_t> expected;
  for (std::size_t end = word.size(); end <= text.size(); ++end) {
    if (std::memcmp(text.data() + end - word.size(), word.data(), word.size()) == 0)
      expected.push_back(end);
  }
  ASSERT_GT(expected.size(), 20u);
  const std::string path = folder.write("text", text);
  const std::string none = folder.write("none", Bytes(4 * kChunkBytes, '.'));
  const ByteSpan pattern{reinterpret_cast<const std::uint8_t*>(word.data()), word.size()};
  const auto blob = builtin::compile_literals(std::span{&pattern, 1});
  ASSERT_OK(blob);
  for (const Way& way : {kWays[0], kWays[5], kWays[6]}) {
    SCOPED_TRACE(way.name);
    auto session = open_way(way);
    ASSERT_OK(session);
    const auto literals = session->upload(*blob);
    ASSERT_OK(literals);
    StreamOptions options;
    options.chunk_bytes = kChunkBytes;
    options.overlap_bytes = 64;
    options.inputs = {Handle{}, *literals};
    options.outputs = {{sizeof(builtin::LiteralHits) + 64 * sizeof(builtin::LiteralHit), {}}};
    options.place = way.place;
    options.max_in_flight = 3;  // handles and outputs are used again
    auto stream = session->stream({path, none}, OpHandle{kMatchLiterals}, options);
    ASSERT_OK(stream);
    const Ran ran = run_to_end(*stream);
    ASSERT_FALSE(ran.error) << to_string(*ran.error);
    std::vector<std::uint64_t> found;
    for (const Seen& seen : ran.results) {
      ASSERT_FALSE(seen.error);
      ASSERT_EQ(seen.outputs.size(), 1u);
      const auto hits = load_le<builtin::LiteralHits>(seen.outputs[0], 0);
      const std::size_t begin = sizeof hits + hits.records * sizeof(builtin::LiteralHit);
      for (std::size_t at = begin; at < seen.outputs[0].size(); ++at)
        ASSERT_EQ(seen.outputs[0][at], 0) << "bytes of an earlier chunk at " << at;
      for (std::uint64_t i = 0; i < hits.records; ++i) {
        const auto hit = load_le<builtin::LiteralHit>(
            seen.outputs[0], sizeof hits + i * sizeof(builtin::LiteralHit));
        if (hit.end > seen.chunk.seen_bytes) found.push_back(seen.chunk.offset + hit.end);
      }
    }
    EXPECT_EQ(found, expected);
  }
}

TEST(StreamRead, PacksManySmallFilesAndKeepsTheirOrder) {
  const Folder folder;
  std::vector<Made> files;
  Random random(test_seed());
  for (int i = 0; i < 3'000; ++i) {
    Bytes bytes = random_bytes(random.below(5'000), test_seed() + static_cast<unsigned>(i));
    files.push_back({folder.write(std::to_string(i), bytes), std::move(bytes)});
  }
  for (const Way& way : {kWays[0], kWays[5]}) {
    SCOPED_TRACE(way.name);
    auto session = open_way(way);
    ASSERT_OK(session);
    auto stream =
        session->stream(paths_of(files), OpHandle{kCrc32c}, crc_options(std::uint64_t{1} << 20));
    ASSERT_OK(stream);
    const Ran ran = run_to_end(*stream);
    ASSERT_FALSE(ran.error) << to_string(*ran.error);
    ASSERT_EQ(ran.results.size(), files.size());
    for (std::size_t i = 0; i < files.size(); ++i) {
      ASSERT_EQ(ran.results[i].chunk.file, i);
      ASSERT_EQ(ran.results[i].outputs[0], words({crc32c(files[i].bytes)})) << i;
    }
    const StreamProgress progress = stream->progress();
    EXPECT_EQ(progress.files_opened, files.size());
    EXPECT_EQ(progress.files_ended, files.size());
    EXPECT_EQ(progress.files_failed, 0u);
    EXPECT_EQ(progress.chunks_read, files.size());
    EXPECT_EQ(progress.bytes_read, progress.bytes_opened);
  }
}

TEST(StreamRead, MemoryStaysWhatItWasHoweverMuchFlowsThrough) {
  const Folder folder;
  const Bytes bytes = random_bytes(std::size_t{3} << 20, test_seed());
  const std::string path = folder.write("large", bytes);
  SessionOptions options = test_options();
  options.ingest_bytes = std::uint64_t{6} << 20;  // of which streams have about one
  auto session = Session::open(options);
  ASSERT_OK(session);
  const std::uint32_t expected = crc32c({bytes.data(), std::size_t{64} << 10});
  const auto mapped = [] {
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (file != nullptr) {
      if (std::fscanf(file, "%lu", &pages) != 1) pages = 0;
      (void)std::fclose(file);
    }
    return pages;
  };
  const std::uint64_t rounds = 20;
  auto stream = session->stream(std::vector<std::string>(rounds, path), OpHandle{kCrc32c},
                                crc_options(std::uint64_t{64} << 10));
  ASSERT_OK(stream);
  std::uint64_t chunks = 0;
  unsigned long before = 0;
  for (;;) {
    auto result = stream->next(soon());
    ASSERT_OK(result);
    if (*result == nullptr) break;
    ASSERT_FALSE((*result)->error);
    if ((*result)->chunk.index == 0) {
      EXPECT_EQ(load_le<std::uint32_t>((*result)->outputs[0], 0), expected);
    }
    if (++chunks == 48) before = mapped();
  }
  EXPECT_EQ(chunks, rounds * 48);
  EXPECT_LE(mapped(), before + 512) << "two MiB for what the library keeps";
  const auto document = session->report();
  ASSERT_TRUE(document.ingest.has_value());
  EXPECT_EQ(document.ingest->completed_bytes(), rounds * bytes.size());
  EXPECT_GE(document.report.telemetry.bytes_uploaded.value_or(0), rounds * bytes.size());
}

TEST(StreamRead, ItemsOfAllChunksMayShareAnOutput) {
  const Folder folder;
  const Bytes bytes = random_bytes(8 * kChunkBytes, test_seed());
  const std::string path = folder.write("f", bytes);
  constexpr std::string_view kAdd =
      "workgroup 1, 1, 1;\n"
      "buffer x: u32[] read_only;\n"
      "buffer sum: u32[1] read_write;\n"
      "region \"add\" { if gid.x == 0 { sum[0] = sum[0] + x[0]; } }\n";
  auto session = open_way(kWays[0]);
  ASSERT_OK(session);
  const auto op = session->register_program("add", *vir::assemble(kAdd));
  ASSERT_OK(op);
  const auto sum = session->allocate(4);
  ASSERT_OK(sum);
  StreamOptions options;
  options.chunk_bytes = kChunkBytes;
  options.inputs = {Handle{}, *sum};
  auto stream = session->stream({path}, *op, options);
  ASSERT_OK(stream);
  const Ran ran = run_to_end(*stream);
  ASSERT_FALSE(ran.error) << to_string(*ran.error);
  std::uint32_t expected = 0;
  for (std::size_t at = 0; at < bytes.size(); at += kChunkBytes)
    expected += load_le<std::uint32_t>(bytes, at);
  EXPECT_EQ(*session->download(*sum, soon()), words({expected}));
}

}  // namespace
}  // namespace vyre::runtime::test
