// Requests of items for bytes of a mapped file (AsyncLoad), the file in the page cache. Round trip:
// items of one workgroup that asks 32 times, each time after the answer before; a request's share
// of the item, submit until wait() returns. Rate: one item of many workgroups, 1 or 8 requests of
// each under way. Baselines: the round trip of an item that asks for nothing, and pread() of the
// same pieces by one thread and by all processors, into one buffer each. Every answer is compared:
// the first and the last word of every piece, added up by the program.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "ingest/consume.hpp"
#include "ingest/segments.hpp"
#include "platform/host_info.hpp"
#include "protocol/fault_names.hpp"
#include "vir/text/text.hpp"

namespace vyre::bench {
namespace {

using runtime::Handle;
using runtime::Session;

constexpr std::uint32_t kChain{32};  // requests of a round-trip item
constexpr std::uint32_t kChainItems{200};
constexpr std::uint32_t kGroups{128};  // of a rate item
constexpr std::chrono::seconds kPatience{10};

struct Ask {
  std::uint32_t bytes{4'096};
  std::uint32_t loads{kChain};  // of a workgroup
  std::uint32_t under_way{1};
  std::uint32_t groups{1};
  [[nodiscard]] double count() const { return static_cast<double>(loads) * groups; }
};

/// Lane 0 of workgroup w reads pieces [w * loads, (w + 1) * loads) of the file.
std::string program_of(const Ask& ask) {
  const std::string words = std::to_string(ask.bytes / 4);
  const std::string bytes = std::to_string(ask.bytes) + "u";
  std::string text = "workgroup 32, 1, 1;\nbuffer src: u32[] read_only;\n";
  for (std::uint32_t d = 0; d < ask.under_way; ++d)
    text += "buffer d" + std::to_string(d) + ": u32[" + words + "] workgroup;\n";
  text += "buffer out: u32[" + std::to_string(ask.groups) + "] read_write output;\n";
  text += "region \"ask\" {\nif lid.x == 0u {\nlet sum = 0u;\n";
  text += "for i in 0u.." + std::to_string(ask.loads / ask.under_way) + "u {\n";
  text += "let at = (wid.x * " + std::to_string(ask.loads) + "u + i * " +
          std::to_string(ask.under_way) + "u) * " + bytes + ";\n";
  for (std::uint32_t d = 0; d < ask.under_way; ++d) {
    const std::string n = std::to_string(d);
    text += "async_load(src, d" + n + ", at + " + n + "u * " + bytes + ", " + bytes + ", \"t" + n +
            "\");\n";
  }
  for (std::uint32_t d = 0; d < ask.under_way; ++d) {
    const std::string n = std::to_string(d);
    text += "async_wait(\"t" + n + "\");\n";
    text += "sum = sum + d" + n + "[0u] + d" + n + "[" + words + "u - 1u];\n";
  }
  return text + "}\nout[wid.x] = sum;\n}\n}\n";
}

std::uint32_t expected_of(const Ask& ask, const FileSet& files, const Contents& contents,
                          std::uint32_t group) {
  std::uint32_t sum = 0;
  for (std::uint32_t i = 0; i < ask.loads; ++i) {
    const std::uint64_t at = (std::uint64_t{group} * ask.loads + i) * ask.bytes;
    sum += contents.word(files.first, at) + contents.word(files.first, at + ask.bytes - 4);
  }
  return sum;
}

/// Seconds of each of `items` items, one after the other.
Result<std::vector<double>> item_seconds(Session& session, const MegakernelWorkItem& item,
                                         std::uint32_t items) {
  std::vector<double> seconds;
  for (std::uint32_t i = 0; i < items; ++i) {
    const auto until = after(kPatience);
    const auto start = Clock::now();
    VYRE_ASSIGN(const runtime::Ticket ticket, session.submit(item, until));
    VYRE_ASSIGN(const runtime::ItemResult result, session.wait(ticket, until));
    seconds.push_back(seconds_since(start));
    if (result.status != CompletionStatus::done)
      return fail(Errc::faulted,
                  "an item that asks was not done: " + std::string(fault_name(result.fault.code)));
  }
  return seconds;
}

class Asking {
 public:
  static Result<Asking> make(Session& session, Handle file, const Ask& ask) {
    VYRE_ASSIGN(const vir::Program program, vir::assemble(program_of(ask)));
    Asking made;
    made.ask_ = ask;
    const std::string name = "ask." + std::to_string(ask.bytes) + "." +
                             std::to_string(ask.under_way) + "." + std::to_string(ask.groups);
    VYRE_ASSIGN(made.op_, session.register_program(name, program));
    VYRE_ASSIGN(made.out_, session.allocate(4 * ask.groups));
    made.item_ = {made.op_.id, file.id, made.out_.id, 32 * ask.groups};
    return made;
  }
  Result<std::vector<double>> run(Session& session, std::uint32_t items, const FileSet& files,
                                  const Contents& contents) {
    VYRE_ASSIGN(auto seconds, item_seconds(session, item_, items));
    VYRE_ASSIGN(const Bytes sums, session.download(out_, after(kPatience)));
    for (std::uint32_t group = 0; group < ask_.groups; ++group) {
      if (load_le<std::uint32_t>(sums, 4 * group) != expected_of(ask_, files, contents, group))
        return fail(Errc::mismatch, "a workgroup got other bytes than the file's");
    }
    return seconds;
  }

 private:
  Ask ask_;
  runtime::OpHandle op_;
  Handle out_;
  MegakernelWorkItem item_{};
};

/// The same pieces by pread().
Result<std::vector<double>> preads(const FileSet& files, const Ask& ask, std::uint32_t threads) {
  VYRE_ASSIGN(const OpenFiles open, OpenFiles::open(files, 0));
  std::atomic<std::uint32_t> next{0};
  std::atomic<bool> failed{false};
  std::vector<double> samples;
  const auto run = [&](std::vector<double>* times) {
    Bytes buffer(ask.bytes);
    // Relaxed: which thread reads which is all that it decides.
    for (std::uint32_t i;
         (i = next.fetch_add(1, std::memory_order_relaxed)) < ask.loads * ask.groups;) {
      const auto start = Clock::now();
      if (::pread(open[0], buffer.data(), buffer.size(),
                  static_cast<off_t>(std::uint64_t{i} * ask.bytes)) !=
          static_cast<ssize_t>(buffer.size()))
        failed = true;
      if (times != nullptr) times->push_back(seconds_since(start));
    }
  };
  const auto start = Clock::now();
  std::vector<std::thread> others;
  for (std::uint32_t t = 1; t < threads; ++t) others.emplace_back(run, nullptr);
  run(threads == 1 ? &samples : nullptr);
  for (std::thread& thread : others) thread.join();
  if (failed) return fail(Errc::io, "pread failed");
  if (threads > 1) samples = {seconds_since(start)};
  return samples;
}

Result<double> p50_us(const Result<std::vector<double>>& seconds, double share) {
  if (!seconds) return tl::unexpected<Error>(seconds.error());
  return spread_of(*seconds).p50 / share * 1e6;
}
Result<double> per_second(const Result<std::vector<double>>& seconds, double count) {
  if (!seconds) return tl::unexpected<Error>(seconds.error());
  return count / median(*seconds);
}

}  // namespace

Status requests_section(const Settings& settings, const RowSink& sink,
                        runtime::BackendKind backend) {
  const Contents contents;
  FileSet files = settings.large();
  files.paths.resize(1);
  VYRE_TRY(warm_up(files));
  runtime::SessionOptions options;
  options.backend = backend;
  VYRE_ASSIGN(Session session, Session::open(options));
  VYRE_ASSIGN(const Handle file, session.map_file(files.paths[0]));
  const std::string section = backend == runtime::BackendKind::cpu ? "requests" : "device_requests";

  const auto no_op = item_seconds(session, {0, 0, 0, 0}, 2'000);
  for (const std::uint32_t bytes : {4'096u, 65'536u}) {
    Ask ask;
    ask.bytes = bytes;
    VYRE_ASSIGN(Asking asking, Asking::make(session, file, ask));
    VYRE_TRY(asking.run(session, kChainItems / 10, files, contents));
    const auto ours = asking.run(session, kChainItems, files, contents);
    Ask as_many = ask;
    as_many.groups = kGroups;
    const auto plain = preads(files, as_many, 1);
    Row row;
    row.section = section;
    row.name = "round_trip/bytes:" + std::to_string(bytes);
    row.unit = "us p50";
    row.less_is_better = true;
    row.ours = Number(row.name, p50_us(ours, kChain));
    row.baselines = {Number("pread(), 1 thread", p50_us(plain, 1)),
                     Number("item without a request", p50_us(no_op, 1))};
    if (ours && plain) {
      row.details = {{"p99", spread_of(*ours).p99 / kChain * 1e6},
                     {"max", spread_of(*ours).max / kChain * 1e6},
                     {"requests_of_an_item", kChain},
                     {"p99 of pread()", spread_of(*plain).p99 * 1e6}};
    }
    sink.add(row);
  }
  for (const Ask ask :
       {Ask{4'096, 64, 1, kGroups}, Ask{4'096, 64, 8, kGroups}, Ask{65'536, 8, 1, kGroups}}) {
    VYRE_ASSIGN(Asking asking, Asking::make(session, file, ask));
    std::vector<double> ours;
    std::vector<double> one;
    std::vector<double> all;
    for (int lap = 0; lap <= settings.laps; ++lap) {
      VYRE_ASSIGN(const auto item, asking.run(session, 1, files, contents));
      VYRE_ASSIGN(const auto alone, preads(files, ask, 1));
      VYRE_ASSIGN(const auto together, preads(files, ask, platform::logical_cpus()));
      if (lap == 0) continue;
      ours.push_back(item[0]);
      double sum = 0;
      for (const double seconds : alone) sum += seconds;
      one.push_back(sum);
      all.push_back(together[0]);
    }
    Row row;
    row.section = section;
    row.name =
        "rate/bytes:" + std::to_string(ask.bytes) + "/of_a_group:" + std::to_string(ask.under_way);
    row.unit = "requests/s";
    row.ours = Number(row.name, per_second(ours, ask.count()));
    row.baselines = {Number("pread(), 1 thread", per_second(one, ask.count())),
                     Number("pread(), all processors", per_second(all, ask.count()))};
    row.details = {{"requests", ask.count()},
                   {"groups", ask.groups},
                   {"GB_per_s", ask.count() * ask.bytes / median(ours) * 1e-9}};
    sink.add(row);
  }
  return session.close();
}

}  // namespace vyre::bench
