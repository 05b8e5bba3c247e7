// Many files of 4 KiB in directories of 1,000, in the page cache, files a second. In turns: cat as
// processes over the list (xargs), the loop of tools that search trees (open, fstat, read into a
// buffer that is used again, close) on one thread and on all processors, the same loop with the
// consumer inline, and a Session's stream with an item a file. Inside the timed region: the first
// open (of cat: the start of xargs) until the last result is there.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "ingest/consume.hpp"
#include "platform/host_info.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint32_t kRecords{32};  // of a file

class CatProcesses {
 public:
  CatProcesses(const FileSet& files, const std::string& directory)
      : command_("xargs -0 -a '" + directory + "/list' cat"), total_(files.total()) {
    std::ofstream list(directory + "/list", std::ios::binary);
    for (const std::string& path : files.paths) list << path << '\0';
  }
  Result<Took> lap() {
    if (!counted_) VYRE_TRY(count());
    return timed([&]() -> Status {
      if (std::system((command_ + " > /dev/null").c_str()) != 0)
        return fail(Errc::io, "'" + command_ + "' failed");
      return {};
    });
  }

 private:
  /// Once, beside the clock: that it really gives all bytes.
  Status count() {
    std::FILE* pipe = ::popen((command_ + " | wc -c").c_str(), "r");
    if (pipe == nullptr) return fail(Errc::io, "'" + command_ + "' cannot be started");
    unsigned long long bytes = 0;
    const bool told = std::fscanf(pipe, "%llu", &bytes) == 1;
    counted_ = ::pclose(pipe) == 0 && told && bytes == total_;
    if (!counted_) return fail(Errc::mismatch, "cat did not give all bytes");
    return {};
  }
  std::string command_;
  std::uint64_t total_;
  bool counted_{false};
};

Result<Took> loop_lap(const FileSet& files, std::uint32_t threads, std::uint64_t expected,
                      const std::function<std::uint64_t(ByteSpan)>& value) {
  std::atomic<std::uint64_t> sum{0};
  VYRE_ASSIGN(const Took took, timed([&] {
                return read_each(files, threads, [&](std::uint64_t, ByteSpan bytes) {
                  // Relaxed: read when the threads have been joined.
                  sum.fetch_add(value(bytes), std::memory_order_relaxed);
                });
              }));
  if (sum != expected) return fail(Errc::mismatch, "the loop's answers add up to something else");
  return took;
}

}  // namespace

Status small_files_section(const Settings& settings, const RowSink& sink,
                           runtime::BackendKind backend) {
  const Contents contents;
  const FileSet files = settings.small();
  VYRE_TRY(warm_up(files));
  VYRE_ASSIGN(const Bytes blob, contents.literals());
  std::uint64_t crc = 0;
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < files.paths.size(); ++i) {
    Bytes bytes(files.bytes_each);
    contents.fill(files.first + i, 0, bytes);
    crc += crc32c(bytes);
    hits += contents.hits(files.first + i, 0, files.bytes_each);
  }
  const Consumer hashing = crc_consumer(crc);
  const Consumer matching = literals_consumer(blob, kRecords, hits);

  runtime::SessionOptions options;
  options.backend = backend;
  VYRE_ASSIGN(runtime::Session session, runtime::Session::open(options));
  CatProcesses cat(files, settings.files);
  const StreamPlan plan{files, kMiB, runtime::ChunkPlace::automatic, 0};
  const std::uint32_t many = platform::logical_cpus();
  const auto size = [](ByteSpan bytes) -> std::uint64_t { return bytes.size(); };
  const auto hash = [](ByteSpan bytes) -> std::uint64_t { return crc32c(bytes); };
  const auto match = [&](ByteSpan bytes) { return literal_hits(bytes, blob); };
  enum : std::size_t { one, all_cpus, cats, loop_crc, loop_literals, stream_crc, stream_literals };
  const std::vector<Contestant> contestants{
      {"open+fstat+read+close, 1 thread", [&] { return loop_lap(files, 1, files.total(), size); }},
      {"open+fstat+read+close, all processors",
       [&] { return loop_lap(files, many, files.total(), size); }},
      {"xargs cat", [&] { return cat.lap(); }},
      {"the loop + crc32c, all processors", [&] { return loop_lap(files, many, crc, hash); }},
      {"the loop + literals, all processors", [&] { return loop_lap(files, many, hits, match); }},
      {"stream, hash.crc32c", [&] { return stream_lap(session, plan, hashing); }},
      {"stream, match.literals", [&] { return stream_lap(session, plan, matching); }},
  };
  const auto all = take_turns(contestants, settings.laps, settings.seconds);
  const auto count = static_cast<double>(files.paths.size());
  const std::string section =
      backend == runtime::BackendKind::cpu ? "small_files" : "device_small_files";
  const auto add = [&](std::size_t ours, std::vector<std::size_t> baselines) {
    sink.add(rate_row(section, "files/s", count, all, ours, baselines));
    sink.add(cpu_row(section, "s/1000 files", count * 1e-3, all, ours, baselines[0]));
  };
  add(stream_crc, {loop_crc, all_cpus, one, cats});
  add(stream_literals, {loop_literals, all_cpus, one, cats});
  add(cats, {one});
  add(all_cpus, {one});
  return {};
}

}  // namespace vyre::bench
