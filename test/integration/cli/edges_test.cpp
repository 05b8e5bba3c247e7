// What the operating system may hand a command: streams that are closed, non-blocking or sockets,
// files whose size says nothing, limits, names of every kind, links, and one file under two names.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "process.hpp"

namespace vyre::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Gives out what it is given, word by word.
const char* const kCopy =
    "workgroup 64, 1, 1;\n"
    "buffer data: u32[] read_write;\n"
    "region \"copy\" { if gid.x < len(data) { data[gid.x] = data[gid.x]; } }\n";

std::string line_of(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// ---- standard streams

TEST(CliStreams, StandardInputThatIsASocketIsReadLikeAnyOther) {
  for (const Strings& how :
       {Strings{"-"}, Strings{"--bind", "text=-"}, Strings{"-", "--chunk", "16"},
        Strings{"/dev/stdin"}, Strings{"-", "--executor", "reference"}}) {
    int ends[2]{-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ASSERT_EQ(::send(ends[1], "x\ny\n", 4, 0), 4);
    ::close(ends[1]);
    const Folder folder;
    const int out = ::open(folder.path("out").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    Child child(Strings{"run", kLines} + how, ends[0], out, -1);
    ::close(ends[0]);
    ::close(out);
    EXPECT_EQ(child.exit_code(), 0) << how[0];
    const std::string text = read_all(folder.path("out"));
    EXPECT_TRUE(text == "2\n" || text == "-@0: 2\n") << how[0] << ": " << text;
  }
}

TEST(CliStreams, StandardInputIsReadFromWhereItStands) {
  const Folder folder;
  folder.write("f", "1\n2\n3\n");
  for (const std::string how : {"-", "- --chunk 1MB", "--bind text=-", "/dev/stdin"}) {
    const Ran ran =
        shell(folder.path(), "{ read first; $VYRE run " + kLines + " " + how + "; } <f");
    const std::string count = ran.out.substr(ran.out.find_last_of(' ') + 1);
    EXPECT_EQ(count, "2\n") << how << ran.err;
  }
}

TEST(CliStreams, StandardInputHasOneReaderInEveryCommand) {
  const std::string text = read_all(kLines);
  for (const Strings& twice :
       {Strings{"verify", "-", "-"}, Strings{"report", "-", "/dev/stdin"}, Strings{"run", "-", "-"},
        Strings{"run", kLines, "-", "--bind", "text=-"}}) {
    const Ran ran = vyre(twice, {text});
    EXPECT_EQ(ran.exit_code, 2) << twice[0];
    EXPECT_NE(ran.err.find("standard input is named 2 times"), std::string::npos) << ran.err;
    EXPECT_EQ(ran.out, "") << twice[0];
  }
  EXPECT_EQ(vyre({"verify", "-"}, {text}).exit_code, 0);
}

TEST(CliStreams, ClosedStreamsNeverBecomeFilesOfTheCommand) {
  const Folder folder;
  folder.write("x", "a\n");
  const Strings closed{"2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">&- 2>/dev/null"};
  for (std::size_t i = 0; i < closed.size(); ++i) {
    const std::string trace = "T" + std::to_string(i);
    (void)shell(folder.path(),
                "$VYRE record " + kLines + " x missing --trace " + trace + " " + closed[i]);
    EXPECT_EQ(read_all(folder.path(trace + "/events.bin")).substr(0, 8), "VYRETRCE") << closed[i];
    EXPECT_EQ(vyre({"replay", folder.path(trace), "--compare", "expected"}).exit_code, 0)
        << closed[i];
  }
  EXPECT_EQ(shell(folder.path(), "$VYRE run " + kLines + " x >&-").exit_code, 4);
  EXPECT_EQ(shell(folder.path(), "$VYRE run " + kLines + " x -o o >&- 2>&-").exit_code, 0);
  EXPECT_EQ(read_all(folder.path("o")), "1\n");
  const Ran none = shell(folder.path(), "$VYRE run " + kLines + " - x <&-");
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_NE(none.out.find("x: 1\n"), std::string::npos) << none.out;
  EXPECT_NE(none.err.find("standard input"), std::string::npos) << none.err;
}

TEST(CliStreams, ANonBlockingOutputIsWaitedFor) {
  const Folder folder;
  const std::string program = folder.write("copy.vir", kCopy);
  const std::string file = folder.write("f", std::string(300'000, 'x'));
  int ends[2]{-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ASSERT_EQ(::fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
  Child child({"run", program, file, "--format", "raw"}, -1, ends[1], -1);
  ::close(ends[1]);
  std::size_t got = 0;
  char block[4096];
  for (ssize_t n = 1; n > 0; got += static_cast<std::size_t>(n)) {
    n = ::read(ends[0], block, sizeof block);
    if (n < 0) break;
  }
  ::close(ends[0]);
  EXPECT_EQ(got, 300'000u);
  EXPECT_EQ(child.exit_code(), 0);
}

TEST(CliStreams, ANonBlockingInputIsWaitedFor) {
  int ends[2]{-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ASSERT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  const Folder folder;
  const int out = ::open(folder.path("out").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  Child child({"run", kLines, "-"}, ends[0], out, -1);
  ::close(ends[0]);
  ::close(out);
  ASSERT_EQ(::write(ends[1], "a\n", 2), 2);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // so that a read may find nothing
  ASSERT_EQ(::write(ends[1], "b\n", 2), 2);
  ::close(ends[1]);
  EXPECT_EQ(child.exit_code(), 0);
  EXPECT_EQ(read_all(folder.path("out")), "2\n");
}

TEST(CliStreams, HelpAndVersionIntoAFullDeviceSaySo) {
  for (const Strings& how : {Strings{"--help"}, Strings{"--version"}, Strings{"run", "--help"}}) {
    const Ran ran = vyre(how, {"", "/dev/full"});
    EXPECT_EQ(ran.exit_code, 4) << how[0];
    EXPECT_NE(ran.err.find("No space left"), std::string::npos) << ran.err;
  }
  EXPECT_EQ(vyre({"--help"}).exit_code, 0);
  EXPECT_NE(vyre({"run", "--help"}).out.find("--chunk"), std::string::npos);
}

// ---- files whose size says nothing

TEST(CliSizes, AFileThatIsMadeUpAsItIsReadGivesWhatAReadGives) {
  std::string file;
  for (const char* const candidate :
       {"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/class/net/lo/mtu"}) {
    if (file.empty() && ::access(candidate, R_OK) == 0) file = candidate;
  }
  const Folder folder;
  for (const std::string& path : {file, std::string("/proc/self/status")}) {
    if (path.empty() || ::access(path.c_str(), R_OK) != 0) continue;
    const std::string text = read_all(path);
    const std::string lines = std::to_string(std::count(text.begin(), text.end(), '\n')) + "\n";
    for (const Strings& how :
         {Strings{}, Strings{"--executor", "reference"}, Strings{"--tier", "E"},
          Strings{"--ingest-memory", "0"}, Strings{"--chunk", "1MB"}}) {
      const Ran ran = vyre(Strings{"run", kLines, path} + how);
      EXPECT_EQ(ran.exit_code, 0) << path << ran.err;
      EXPECT_EQ(ran.out.substr(ran.out.find_last_of(' ') + 1), lines) << path;
    }
    EXPECT_EQ(vyre({"run", kLines, "--bind", "text=" + path}).out, lines) << path;
    const std::string trace = folder.path("T" + std::to_string(path.size()));
    EXPECT_EQ(vyre({"record", kLines, path, "--trace", trace}).out, lines) << path;
    EXPECT_EQ(vyre({"replay", trace, "--compare", "expected"}).exit_code, 0) << path;
  }
}

TEST(CliSizes, AFileSystemThatTakesODirectAndRefusesTheReadsIsReadThroughThePageCache) {
  const Folder folder;
  // An overlay whose lower layer lives in memory does so.
  folder.write(
      "inside.sh",
      "mkdir low store ov; mount -t ramfs none low && mount -t tmpfs none store || exit 77\n"
      "mkdir store/up store/wk\n"
      "mount -t overlay none -o lowerdir=low,upperdir=store/up,workdir=store/wk ov || exit 77\n"
      "seq 1 400000 >low/big; printf 'a\\nb\\n' >low/small\n"
      "dd if=ov/big iflag=direct of=/dev/null bs=4096 count=1 && exit 77\n"
      "$VYRE run $LINES ov/big ov/small --chunk 1MB | awk '{ n += $NF } END { print n }'\n"
      "$VYRE run $LINES ov/big --tier E --chunk 1MB | awk '{ n += $NF } END { print n }'\n"
      "$VYRE run $LINES ov/big ov/small --ingest-memory 0\n"
      "$VYRE run $LINES ov/big --chunk 1MB --tier B; echo $?\n"
      "$VYRE caps --directory ov | grep -c 'tier [AB]: not available.*O_DIRECT'\n"
      "umount ov low store\n");
  const Ran ran = shell(folder.path(), "export VYRE LINES=" + kLines +
                                           "; unshare -rm true 2>/dev/null || exit 77; "
                                           "unshare -rm bash inside.sh");
  if (ran.exit_code == 77) GTEST_SKIP() << "no such overlay can be mounted here";
  EXPECT_EQ(ran.out, "400002\n400000\nov/big: 400000\nov/small: 2\n1\n2\n") << ran.err;
  EXPECT_NE(ran.err.find("O_DIRECT"), std::string::npos) << ran.err;
}

// ---- limits

TEST(CliLimits, AFileSizeLimitIsAMessageAndLeavesNothingBehind) {
  const Folder folder;
  folder.write("copy.vir", kCopy);
  folder.write("f", std::string(300'000, '\0'));
  const std::string run = "ulimit -c 0; ulimit -f 8; $VYRE ";
  for (const std::string how :
       {"run copy.vir f --format raw -o out.bin", "run copy.vir f --format raw --out-dir d",
        "record copy.vir f --trace T", "run copy.vir f --format raw >direct"}) {
    const Ran ran = shell(folder.path(), run + how);
    EXPECT_EQ(ran.exit_code, 4) << how << ": " << ran.err;
    EXPECT_NE(ran.err.find("File too large"), std::string::npos) << how << ": " << ran.err;
  }
  EXPECT_FALSE(fs::exists(folder.path("out.bin")));
  EXPECT_TRUE(!fs::exists(folder.path("d")) || fs::is_empty(folder.path("d")));
  EXPECT_FALSE(fs::exists(folder.path("T")));
  for (const std::string& name : folder.names()) EXPECT_NE(name[0], '.') << name;
}

TEST(CliLimits, FewDescriptorsAreAnAnswerOrAMessage) {
  const Folder folder;
  std::string names;
  for (int i = 0; i < 20; ++i)
    names += " " + std::string(folder.write("f" + std::to_string(i), "x\n"));
  for (int most = 4; most <= 24; most += 4) {
    const Ran ran =
        shell(folder.path(), "ulimit -n " + std::to_string(most) + "; $VYRE run " + kLines + " *");
    const bool answered =
        ran.exit_code == 0 && std::count(ran.out.begin(), ran.out.end(), '\n') == 20;
    EXPECT_TRUE(answered || ((ran.exit_code == 4 || ran.exit_code == 1) && !ran.err.empty()) ||
                ran.exit_code == 127)  // the shell could not load the program
        << most << ": " << ran.exit_code << " " << ran.out << ran.err;
  }
}

// ---- names

TEST(CliNames, BracketsAndOtherMarksBelongToTheName) {
  const Folder folder;
  const Strings names{"[x]", "[[x]]", "[]", "[a,b]", "{}", "%%", "a b", "[", "]", "[a", "\x01[x]"};
  for (std::size_t i = 0; i < names.size(); ++i) folder.write(names[i], std::string(i + 1, '\n'));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Ran one = vyre({"run", kLines, folder.path(names[i])});
    EXPECT_EQ(one.out, std::to_string(i + 1) + "\n") << names[i] << one.err;
    const Ran two = vyre({"run", kLines, folder.path(names[i]), folder.path("[")});
    EXPECT_EQ(std::count(two.out.begin(), two.out.end(), '\n'), 2) << names[i] << two.out;
  }
  // Relative, so that the brackets are the first and last characters of the argument.
  fs::copy_file(kLines, folder.path("[p]"));
  const auto sh = [&](const std::string& command) { return shell(folder.path(), command); };
  EXPECT_EQ(sh("$VYRE run '[p]' '[x]'").out, "1\n");
  EXPECT_EQ(sh("$VYRE run '[p]' '[]' '[a,b]'").out, "[]: 3\n[a,b]: 4\n");
  EXPECT_EQ(sh("$VYRE run '[p]' --bind 'text=[x]'").out, "1\n");
  EXPECT_EQ(sh("$VYRE verify '[p]' '[p]'").out, "[p]: accepted\n[p]: accepted\n");
  EXPECT_EQ(sh("$VYRE asm '[p]' -o '[b]' && $VYRE dis '[b]' -o '[t]' && $VYRE verify '[t]'").out,
            "[t]: accepted\n");
  EXPECT_EQ(
      sh("$VYRE record '[p]' '[x]' --trace '[T]' --report '[r]' && $VYRE report '[r]'").exit_code,
      0);
  EXPECT_EQ(sh("$VYRE replay '[T]' --compare expected").exit_code, 0);
  EXPECT_NE(sh("$VYRE report '[none]'").err.find("'[none]'"), std::string::npos);
  EXPECT_NE(sh("$VYRE report - <.").err.find("'-'"), std::string::npos);
  EXPECT_NE(sh("$VYRE conformance '[none]'").err.find("'[none]'"), std::string::npos);
  EXPECT_EQ(sh("$VYRE run '[p]' '[x]' '[nope]'").exit_code, 1);
}

TEST(CliNames, ACommandsNameIsAFilesNameToo) {
  const Folder folder;
  folder.write("report", "1\n");
  folder.write("run", "1\n2\n");
  EXPECT_EQ(shell(folder.path(), "$VYRE run " + kLines + " report run").out, "report: 1\nrun: 2\n");
}

TEST(CliNames, ALongNameIsWrittenWhereTheSystemAllowsIt) {
  const Folder folder;
  const std::string file = folder.write("x", "a\n");
  for (const std::size_t length : {248u, 249u, 255u}) {
    const std::string out = folder.path(std::string(length, 'n'));
    const Ran ran = vyre({"run", kLines, file, "-o", out});
    EXPECT_EQ(ran.exit_code, 0) << length << ran.err;
    EXPECT_EQ(read_all(out), "1\n") << length;
    EXPECT_EQ(vyre({"run", kLines, file, "-o", folder.path("o"), "--report", out}).exit_code, 0);
    EXPECT_EQ(vyre({"asm", kLines, "-o", out}).exit_code, 0) << length;
    EXPECT_EQ(vyre({"dis", kLines, "-o", out}).exit_code, 0) << length;
    fs::remove(out);
  }
  const std::string longest = folder.write(std::string(252, 'm'), "a\n");
  const Ran two = vyre({"run", kLines, longest, file, "--out-dir", folder.path("d")});
  EXPECT_EQ(two.exit_code, 4);
  EXPECT_NE(two.err.find("name too long"), std::string::npos) << two.err;
  EXPECT_EQ(read_all(folder.path("d/x.lines")), "1\n");
}

// ---- outputs

TEST(CliOutputs, LinksAndModesOfWhatIsReplacedStay) {
  const Folder folder;
  const std::string file = folder.write("x", "a\n");
  fs::create_directory(folder.path("real"));
  folder.write("real/target", "old");
  fs::permissions(folder.path("real/target"), fs::perms{0640});
  fs::create_symlink("real/target", folder.path("link"));
  for (const char* const name : {"o", "report", "blob", "text"})
    fs::create_symlink("real/new_" + std::string(name), folder.path(name));
  fs::create_directory(folder.path("d"));
  fs::create_symlink("../real/new_item", folder.path("d/x.lines"));
  EXPECT_EQ(vyre({"run", kLines, file, "-o", folder.path("link")}).exit_code, 0);
  EXPECT_EQ(vyre({"run", kLines, file, "-o", folder.path("o"), "--report", folder.path("report")})
                .exit_code,
            0);
  EXPECT_EQ(vyre({"run", kLines, file, "--out-dir", folder.path("d")}).exit_code, 0);
  EXPECT_EQ(vyre({"asm", kLines, "-o", folder.path("blob")}).exit_code, 0);
  EXPECT_EQ(vyre({"dis", kLines, "-o", folder.path("text")}).exit_code, 0);
  for (const char* const name : {"link", "o", "report", "blob", "text", "d/x.lines"})
    EXPECT_TRUE(fs::is_symlink(folder.path(name))) << name;
  for (const char* const name : {"target", "new_o", "new_item"})
    EXPECT_EQ(read_all(folder.path("real/" + std::string(name))), "1\n") << name;
  EXPECT_TRUE(Json::accept(read_all(folder.path("real/new_report"))));
  EXPECT_EQ(read_all(folder.path("real/new_blob")).substr(0, 4), "VYRE");
  EXPECT_FALSE(read_all(folder.path("real/new_text")).empty());
  EXPECT_EQ(fs::status(folder.path("real/target")).permissions(), fs::perms{0640});
}

TEST(CliOutputs, AStandardStreamNamedAsAFileIsThatStreamAsItStands) {
  const Folder folder;
  folder.write("x", "a\n");
  const auto sh = [&](const std::string& command) { return shell(folder.path(), command); };
  EXPECT_EQ(sh("$VYRE run " + kLines + " x -o /dev/stdout").out, "1\n");
  ASSERT_EQ(
      sh("{ echo before; $VYRE run " + kLines + " x -o /dev/stdout; echo after; } >log").exit_code,
      0);
  EXPECT_EQ(read_all(folder.path("log")), "before\n1\nafter\n");
  EXPECT_EQ(sh("$VYRE run " + kLines + " x -o /dev/full").exit_code, 4);
  EXPECT_EQ(sh("$VYRE run " + kLines + " x -o /dev/null").exit_code, 0);
  EXPECT_EQ(sh("$VYRE run " + kLines + " x --report /dev/stdout").exit_code, 2);
}

TEST(CliOutputs, AResultAndItsJsonAreNeverMixedOnStandardOutputUnderAnyName) {
  const Folder folder;
  for (const std::string verb : {"asm ", "dis "}) {
    const std::string command = verb + kLines;
    for (const std::string name : {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
      const Ran ran =
          shell(folder.path(), "{ $VYRE " + command + " --json -o " + name + "; echo $?; } | cat");
      EXPECT_EQ(ran.out.substr(0, 1), "{") << command << name;
      EXPECT_NE(ran.out.find("name a file"), std::string::npos) << ran.out;
      EXPECT_EQ(ran.out.substr(ran.out.size() - 3), "\n2\n") << ran.out;
    }
  }
}

TEST(CliOutputs, NoCommandWritesOverWhatItReadsUnderAnyName) {
  const Folder folder;
  folder.write("p.vir", read_all(kLines));
  folder.write("f", "x\n");
  folder.write("pattern", "x");
  fs::create_hard_link(folder.path("p.vir"), folder.path("p_hard"));
  fs::create_symlink("p.vir", folder.path("p_soft"));
  fs::create_hard_link(folder.path("f"), folder.path("f_hard"));
  fs::create_symlink("./f", folder.path("f_soft"));
  fs::create_directory(folder.path("d"));
  fs::create_symlink("../f", folder.path("d/f.lines"));
  fs::create_directory(folder.path("e"));
  fs::create_hard_link(folder.path("f"), folder.path("e/f@0.lines"));
  fs::create_symlink("nowhere", folder.path("dangling"));
  ASSERT_EQ(vyre({"record", kLines, folder.path("f"), "--trace", folder.path("T")}).exit_code, 0);
  fs::create_hard_link(folder.path("T/events.bin"), folder.path("events"));
  fs::create_symlink("T/manifest.json", folder.path("manifest"));
  const std::string count = kExamples + "literal_count.vir";
  for (const std::string& command : {std::string("asm p.vir -o p.vir"),
                                     std::string("asm p.vir -o p_hard"),
                                     std::string("asm p_soft -o p.vir"),
                                     std::string("dis p.vir -o p_soft"),
                                     std::string("dis p.vir -o ./p.vir --image"),
                                     std::string("asm p.vir -o /proc/self/cwd/p.vir"),
                                     std::string("run p.vir f -o p_hard"),
                                     std::string("run p.vir f -o f_soft"),
                                     std::string("run p.vir f_hard -o f"),
                                     std::string("run p.vir f --report f_hard"),
                                     std::string("run p.vir - -o f <f"),
                                     std::string("run p.vir - --report f_hard <f"),
                                     std::string("run p.vir f --report p_soft"),
                                     std::string("run p.vir f --out-dir d"),
                                     std::string("run p.vir f --chunk 16 --out-dir e"),
                                     std::string("run p.vir f -o o --report o"),
                                     std::string("run p.vir f -o dangling --report nowhere"),
                                     std::string("run p.vir f --out-dir g --report g/f.lines"),
                                     "run " + count + " f --bind pattern=pattern -o pattern",
                                     std::string("run p.vir f >>f"),
                                     std::string("run p.vir f --json >>p_hard"),
                                     std::string("run p.vir f -o o >o --json"),
                                     std::string("record p.vir f --trace N --report f_soft"),
                                     std::string("record p.vir f --trace N --report N/x"),
                                     std::string("replay T --report T/manifest.json"),
                                     std::string("replay T --report events"),
                                     std::string("replay T --report manifest"),
                                     std::string("verify p.vir >>p_hard")}) {
    const Ran ran = shell(folder.path(), "$VYRE " + command);
    EXPECT_EQ(ran.exit_code, 2) << command << ": " << ran.err;
    EXPECT_FALSE(ran.err.empty()) << command;
  }
  EXPECT_EQ(read_all(folder.path("p.vir")), read_all(kLines));
  EXPECT_EQ(read_all(folder.path("f")), "x\n");
  EXPECT_EQ(read_all(folder.path("pattern")), "x");
  EXPECT_EQ(read_all(folder.path("e/f@0.lines")), "x\n");
  for (const char* const name : {"nowhere", "N", "g"})
    EXPECT_FALSE(fs::exists(folder.path(name))) << name;
  EXPECT_EQ(vyre({"replay", folder.path("T"), "--compare", "expected"}).exit_code, 0);
}

TEST(CliOutputs, ManySmallOnesAreBroughtToTheDiskOnce) {
  const Folder folder;
  fs::create_directory(folder.path("in"));
  for (int i = 0; i < 300; ++i) folder.write("in/f" + std::to_string(i), "x\n");
  const Ran ran = shell(folder.path(),
                        "if strace -o /dev/null true 2>/dev/null; "
                        "then trace='strace -f -e trace=fsync,fdatasync,syncfs -o calls'; fi; "
                        "$trace $VYRE run " +
                            kLines + " in/* --out-dir out");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path("out")), fs::directory_iterator()),
            300);
  const std::string calls = read_all(folder.path("calls"));  // empty where nothing can be traced
  std::size_t syncs = 0;
  for (std::size_t at = calls.find("sync"); at != std::string::npos;
       at = calls.find("sync", at + 4)) {
    ++syncs;
  }
  EXPECT_LE(syncs, 2u) << calls.substr(0, 500);
}

// ---- numbers

TEST(CliNumbers, WhatIsNoWholeDecimalNumberIsRefusedAsItWasGiven) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  const Strings run{"run", kLines, file};
  struct Flag {
    Strings command;
    const char* name;
    bool unit;
    const char* beyond;
  };
  const char* const kBeyond64 = "18446744073709551616";
  const char* const kBeyond32 = "4294967296";
  const Strings replay{"replay", folder.path("T")};
  for (const Flag& flag :
       {Flag{run, "--fuel", false, kBeyond64}, Flag{run, "--max-memory", true, kBeyond64},
        Flag{run, "--ingest-memory", true, kBeyond64}, Flag{run, "--chunk", true, kBeyond64},
        Flag{run + Strings{"--chunk", "32"}, "--overlap", true, kBeyond64},
        Flag{run, "--workers", false, kBeyond32}, Flag{run, "--invocations", false, kBeyond32},
        Flag{replay, "--workers", false, kBeyond32}, Flag{replay, "--ulp", false, kBeyond32},
        Flag{{"conformance", file}, "--max-failures", false, kBeyond64}}) {
    for (const std::string value : {"", "-1", "+1", "0x10", " 1", "1 ", "1e3", "1.5", "ten", "1_0",
                                    "-0", "1,0", flag.beyond}) {
      const Ran ran = vyre(flag.command + Strings{flag.name, value});
      EXPECT_EQ(ran.exit_code, 2) << flag.name << " '" << value << "': " << ran.err;
      EXPECT_NE(ran.err.find(flag.name), std::string::npos) << ran.err;
      if (!value.empty() && value.size() < 20) {
        EXPECT_NE(ran.err.find("'" + value + "'"), std::string::npos) << flag.name << ran.err;
      }
    }
    for (const char* const value : {"1XB", "KB", "1 K B", "18000000000000MB"})
      EXPECT_EQ(vyre(flag.command + Strings{flag.name, value}).exit_code, 2) << flag.name << value;
    const Ran none = vyre(flag.command + Strings{std::string(flag.name) + "="});
    EXPECT_EQ(none.exit_code, 2) << flag.name;
    EXPECT_NE(none.err.find(flag.name), std::string::npos) << none.err;
  }
  for (const char* const value : {"", "-1", "0x10", " 1", "nan", "inf", "1s"})
    EXPECT_EQ(vyre(run + Strings{"--timeout", value}).exit_code, 2) << value;
}

TEST(CliNumbers, ALeadingZeroIsDecimalAndUnitsArePowersOf1024) {
  const Folder folder;
  const std::string file = folder.write("f", std::string(40, '\n'));
  EXPECT_EQ(vyre({"run", kLines, file, "--chunk", "032"}).out,
            file + "@0: 32\n" + file + "@32: 8\n");
  for (const char* const value : {"1024", "1K", "1KB", "1kib", "1 kB", "1024B"}) {
    const Ran ran = vyre({"run", kLines, file, "--chunk", value, "--overlap", "0512"});
    EXPECT_EQ(ran.out, file + "@0: 40\n") << value << ran.err;
  }
}

TEST(CliNumbers, AResultOfWordsHasNoPartOfOne) {
  const Folder folder;
  const std::string program = folder.write("copy.vir", kCopy);
  const std::string file = folder.write("f", "abcdefghij");
  for (const char* const executor : {"cpu", "reference"}) {
    EXPECT_EQ(vyre({"run", program, file, "--format", "raw", "--executor", executor}).out,
              "abcdefgh");
  }
}

// ---- exit codes

TEST(CliExitCodes, OneWrongInputEndsWithOneCodeOnEveryExecutor) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  const std::string refused = folder.write(
      "refused.vir",
      "workgroup 64, 1, 1;\nbuffer o: u32[64] read_write output;\nbuffer w: u32[64] workgroup;\n"
      "region \"r\" { if lid.x < 32 { barrier; } o[gid.x] = w[lid.x]; }\n");
  struct Case {
    Strings arguments;
    int code;
  };
  for (const Case& c :
       {Case{{"run", refused}, 3}, Case{{"run", file}, 3},
        Case{{"run", kLines, folder.path("none")}, 1},
        Case{{"run", folder.path("none.vir"), file}, 4}, Case{{"run", kLines}, 2},
        Case{{"run", kLines, file, "--fuel", "x"}, 2}, Case{{"run", kLines, file}, 0}}) {
    std::string first;
    for (const char* const executor : {"cpu", "reference"}) {
      const Ran ran = vyre(c.arguments + Strings{"--executor", executor});
      EXPECT_EQ(ran.exit_code, c.code) << executor << " " << c.arguments[1] << ": " << ran.err;
      EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), c.code == 0 ? 0 : 1) << ran.err;
      if (first.empty()) first = ran.err;
      EXPECT_EQ(line_of(ran.err), line_of(first));
    }
  }
}

}  // namespace
}  // namespace vyre::test
