// SIGINT, SIGTERM and SIGHUP: whatever a command does at that moment, it ends soon with 128 + the
// signal, its report says so, a trace is sealed, and no temporary file is left.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "process.hpp"

namespace vyre::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Loops for minutes.
const char* const kEndless =
    "workgroup 1, 1, 1;\nbuffer o: u32[1] read_write output;\n"
    "region \"r\" { for i in 0 .. 4294967295 { for j in 0 .. 4294967295 { o[0] = j; } } }\n";
const Strings kMuchFuel{"--fuel", "1000000000000"};

/// Both ends open in this process, so that neither reading nor writing it ends.
struct OpenPipe {
  int ends[2]{-1, -1};
  OpenPipe() { EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0); }
  OpenPipe(const OpenPipe&) = delete;
  OpenPipe& operator=(const OpenPipe&) = delete;
  ~OpenPipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
};

bool has_temporary(const Folder& folder) {
  for (const std::string& name : folder.names()) {
    if (name[0] == '.') return true;
  }
  return false;
}

void expect_report_of_stop(const std::string& path, const char* signal) {
  const std::string text = read_all(path);
  ASSERT_TRUE(Json::accept(text)) << path << ": " << text;
  const std::string failures = Json::parse(text)["input_failures"].dump();
  EXPECT_NE(failures.find(std::string("interrupted by ") + signal), std::string::npos) << failures;
}

TEST(CliStop, WhileAnOutputIsWrittenLeavesNoTemporaryFile) {
  const Folder folder;
  const std::string program =
      folder.write("p.vir",
                   "workgroup 1, 1, 1;\nbuffer o: u32[16777216] read_write output;\n"
                   "region \"r\" { o[0] = 1; }\n");
  const Folder out;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Child child({"run", program, "--format", "raw", "-o", out.path("o")}, -1, -1, -1);
    const bool began = child.wait_until([&] { return !out.names().empty(); });
    child.signal(signal);
    const int code = child.exit_code();
    EXPECT_TRUE(code == 128 + signal || (code == 0 && fs::exists(out.path("o"))))
        << code << " " << began;
    EXPECT_FALSE(has_temporary(out)) << signal;
    fs::remove(out.path("o"));
  }
}

TEST(CliStop, WhileStandardInputGivesNothing) {
  for (const Strings& how :
       {Strings{"-"}, Strings{"-", "--chunk", "16"}, Strings{"--bind", "text=-"},
        Strings{"-", "--executor", "reference"}}) {
    const Folder folder;
    const OpenPipe pipe;
    Child child(Strings{"run", kLines} + how + Strings{"--report", folder.path("report")},
                pipe.ends[0], -1, -1);
    child.settle();
    child.signal(SIGTERM);
    EXPECT_EQ(child.exit_code(), 128 + SIGTERM) << how[0];
    // Without the bytes of --bind there is no run to report on.
    if (how[0] == "-") expect_report_of_stop(folder.path("report"), "SIGTERM");
    EXPECT_FALSE(has_temporary(folder));
  }
}

TEST(CliStop, WhileAPipeHasNoWriterOrNoReader) {
  const Folder folder;
  ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
  const std::string file = folder.write("f", "x\n");
  for (const Strings& command :
       {Strings{"run", kLines, folder.path("pipe")}, Strings{"verify", folder.path("pipe")},
        Strings{"dis", folder.path("pipe")}, Strings{"report", folder.path("pipe")},
        Strings{"run", kLines, file, "-o", folder.path("pipe")},
        Strings{"asm", kLines, "-o", folder.path("pipe")}}) {
    Child child(command, -1, -1, -1);
    child.settle();
    child.signal(SIGHUP);
    EXPECT_EQ(child.exit_code(), 128 + SIGHUP) << command[0];
  }
  EXPECT_TRUE(fs::is_fifo(folder.path("pipe")));
}

TEST(CliStop, WhileStandardOutputTakesNothing) {
  const Folder folder;
  const std::string file = folder.write("f", std::string(4'000'000, 'x'));
  const OpenPipe pipe;
  Child child({"run", VYRE_SOURCE_DIR "/docs/examples/byte_histogram.vir", file, "--chunk", "1024",
               "--report", folder.path("report")},
              -1, pipe.ends[1], -1);
  child.settle();
  child.signal(SIGINT);
  EXPECT_EQ(child.exit_code(), 128 + SIGINT);
  expect_report_of_stop(folder.path("report"), "SIGINT");
}

TEST(CliStop, AnItemThatRunsForMinutesIsNotWaitedFor) {
  const Folder folder;
  const std::string program = folder.write("p.vir", kEndless);
  for (const char* const executor : {"cpu", "reference"}) {
    Child child(Strings{"run", program, "--executor", executor, "--report", folder.path("report")} +
                    kMuchFuel,
                -1, -1, -1);
    child.settle();
    child.signal(SIGINT);
    EXPECT_EQ(child.exit_code(), 128 + SIGINT) << executor;
    expect_report_of_stop(folder.path("report"), "SIGINT");
    fs::remove(folder.path("report"));
  }
}

TEST(CliStop, ARecordingIsSealedAndReplays) {
  const Folder folder;
  const std::string endless = folder.write("p.vir", kEndless);
  const std::string file = folder.write("f", "x\n");
  const OpenPipe pipe;
  ASSERT_EQ(::write(pipe.ends[1], "a\nb\n", 4), 4);
  const Strings commands[]{
      Strings{"record", kLines, file, "-", "--trace", folder.path("T0")},
      Strings{"record", kLines, "-", "--chunk", "16", "--trace", folder.path("T1")},
      Strings{"record", endless, "--executor", "cpu", "--trace", folder.path("T2")} + kMuchFuel};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string trace = folder.path("T" + std::to_string(i));
    Child child(commands[i] + Strings{"--report", folder.path("report")}, pipe.ends[0], -1, -1);
    ASSERT_TRUE(child.wait_until([&] { return fs::exists(trace + "/events.bin"); }));
    child.settle();
    child.signal(SIGTERM);
    EXPECT_EQ(child.exit_code(), 128 + SIGTERM) << i;
    expect_report_of_stop(folder.path("report"), "SIGTERM");
    fs::remove(folder.path("report"));
    const Ran inspected = vyre({"replay", trace, "--inspect"});
    EXPECT_NE(inspected.out.find("complete"), std::string::npos) << i << inspected.err;
    EXPECT_EQ(inspected.out.find("cut short"), std::string::npos) << inspected.out;
    const Ran replayed = vyre({"replay", trace, "--compare", "expected"});
    EXPECT_EQ(replayed.exit_code, 0) << i << replayed.err;
  }
}

TEST(CliStop, AReplayEndsAndItsReportSaysSo) {
  const Folder folder;
  // Quick on the executor that records it, slow on the one that replays it.
  const std::string program =
      folder.write("p.vir",
                   "workgroup 256, 1, 1;\nbuffer o: u32[65536] read_write output;\n"
                   "region \"r\" { for i in 0 .. 300 { o[gid.x] = o[gid.x] + i; } }\n");
  ASSERT_EQ(vyre({"record", program, "--executor", "cpu", "--trace", folder.path("T"), "--out-dir",
                  folder.path("out")})
                .exit_code,
            0);
  Child child(
      {"replay", folder.path("T"), "--executor", "reference", "--report", folder.path("report")},
      -1, -1, -1);
  child.settle();
  child.signal(SIGINT);
  EXPECT_EQ(child.exit_code(), 128 + SIGINT);
  expect_report_of_stop(folder.path("report"), "SIGINT");
}

TEST(CliStop, AConformanceRunPrintsWhatItJudged) {
  const Folder folder;
  const std::string blob = folder.path("blob");
  const std::string program =
      folder.write("p.vir",
                   "workgroup 1, 1, 1;\nbuffer o: u32[1] read_write output;\n"
                   "region \"r\" { o[0] = 0; }\n");
  ASSERT_EQ(vyre({"asm", program, "-o", blob}).exit_code, 0);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : read_all(blob)) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  const std::string line =
      Json{{"name", "n"}, {"wire", hex}, {"inputs", Json::array()}, {"outputs", {"00000000"}}}
          .dump() +
      "\n";
  std::string lines;
  for (int i = 0; i < 60'000; ++i) lines += line;
  const std::string file = folder.write("v.jsonl", lines);
  const int out = ::open(folder.path("out").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  Child child({"conformance", file}, -1, out, -1);
  ::close(out);
  child.settle();
  child.signal(SIGINT);
  EXPECT_EQ(child.exit_code(), 128 + SIGINT);
  const Json summary = Json::parse(read_all(folder.path("out")), nullptr, false);
  ASSERT_TRUE(summary.is_object()) << read_all(folder.path("out"));
  EXPECT_EQ(summary["interrupted"], true);
  EXPECT_EQ(summary["failed"], 0);
}

TEST(CliStop, AConformanceRunThatWaitsForStandardInputPrintsItsSummary) {
  const Folder folder;
  const OpenPipe pipe;
  const int out = ::open(folder.path("out").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  Child child({"conformance", "-"}, pipe.ends[0], out, -1);
  ::close(out);
  child.settle();
  child.signal(SIGINT);
  EXPECT_EQ(child.exit_code(), 128 + SIGINT);
  const Json summary = Json::parse(read_all(folder.path("out")), nullptr, false);
  ASSERT_TRUE(summary.is_object()) << read_all(folder.path("out"));
  EXPECT_EQ(summary["interrupted"], true);
}

TEST(CliStop, ASecondSignalEndsAtOnce) {
  const Folder folder;
  const std::string program = folder.write("p.vir", kEndless);
  Child child(
      Strings{"run", program, "--executor", "cpu", "--report", folder.path("report")} + kMuchFuel,
      -1, -1, -1);
  child.settle();
  child.signal(SIGINT);
  ::usleep(150'000);
  child.signal(SIGTERM);
  const int code = child.exit_code();
  // The first may have been enough by then.
  EXPECT_TRUE(code == 128 + SIGTERM || code == 128 + SIGINT) << code;
  EXPECT_FALSE(has_temporary(folder));
}

TEST(CliStop, ASignalThatIsIgnoredStaysIgnored) {
  const Folder folder;
  folder.write("f", "x\n");
  const Ran ran =
      shell(folder.path(), "trap '' HUP INT; (sleep 0.2; echo y) | $VYRE run " + kLines +
                               " - & sleep 0.1; kill -HUP $!; kill -INT $!; wait $!");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "1\n");
}

}  // namespace
}  // namespace vyre::test
