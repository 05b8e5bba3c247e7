// The example programs give what wc, python3, grep and base64 give, on the CPU and on the
// reference.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "integration/cli/process.hpp"

namespace vyre::test {
namespace {

const std::string kExamples = VYRE_SOURCE_DIR "/docs/examples/";

std::string tool(const std::string& shell_command) {
  const Ran ran = run_process({"sh", "-c", shell_command});
  EXPECT_EQ(ran.exit_code, 0) << shell_command << "\n" << ran.err;
  return ran.out;
}

std::string program(const std::string& executor, const std::string& name,
                    std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"run", kExamples + name, "--executor", executor});
  const Ran ran = vyre(arguments);
  EXPECT_EQ(ran.exit_code, 0) << name << " on " << executor << "\n" << ran.err;
  EXPECT_EQ(ran.err, "") << name;
  return ran.out;
}

std::string quoted(const std::string& path) {
  return "'" + path + "'";
}

class Examples : public testing::TestWithParam<const char*> {
 protected:
  /// Empty, tiny, one past a tile, and longer than a workgroup of CRC chunks on the fast executor.
  std::vector<std::string> files() const {
    const bool fast = std::strcmp(GetParam(), "cpu") == 0;
    return {folder_.write("empty", ""), folder_.write("tiny", "a\n"),
            folder_.write("tile", some_text(257, 1)),
            folder_.write("bigger", some_text(fast ? 300'001 : 20'001, 2))};
  }
  Folder folder_;
};

TEST_P(Examples, LineCountAgreesWithWc) {
  for (const std::string& file : files()) {
    EXPECT_EQ(std::stoul(program(GetParam(), "line_count.vir", {file})),
              std::stoul(tool("wc -l < " + quoted(file))));
  }
}

TEST_P(Examples, CountStatusAgreesWithGrep) {
  std::string log = "\" 5";
  for (int line = 0; line < 400; ++line) {
    const char* const codes[] = {"200", "500", "404", "503", "50", "5000"};
    log += "GET /" + std::string(static_cast<std::size_t>(line % 37), 'a') + "\" " +
           codes[line * line % 6] + " 12\n";
  }
  log += "\" 50";
  const std::string file = folder_.write("log", log);
  EXPECT_EQ(std::stoul(program(GetParam(), "count_status.vir", {file})),
            std::stoul(tool("LC_ALL=C grep -c '\" 5.. ' " + quoted(file))));
}

TEST_P(Examples, ByteHistogramAgreesWithPython) {
  for (const std::string& file : files()) {
    EXPECT_EQ(program(GetParam(), "byte_histogram.vir", {file}),
              tool("python3 -c \"d = open('" + file +
                   "', 'rb').read()\nfor b in range(256): print(d.count(bytes([b])))\""));
  }
}

TEST_P(Examples, Crc32AgreesWithZlib) {
  for (const std::string& file : files()) {
    EXPECT_EQ(program(GetParam(), "crc32.vir", {file, "--format", "hex32"}),
              tool("python3 -c \"import zlib; print('%08x' % zlib.crc32(open('" + file +
                   "', 'rb').read()))\""));
  }
}

TEST_P(Examples, LiteralCountAgreesWithGrep) {
  for (const std::string& file : files()) {
    EXPECT_EQ(std::stoul(program(GetParam(), "literal_count.vir",
                                 {file, "--bind", "pattern=text:needle", "--bind", "seen=@seen"})),
              std::stoul(tool("LC_ALL=C grep -a -o -F needle " + quoted(file) + " | wc -l")));
  }
}

TEST_P(Examples, Base64DecodeAgreesWithBase64) {
  for (const std::string& file : files()) {
    for (const char* const wrap : {"76", "0", "5"}) {
      const std::string encoded = folder_.path("encoded");
      tool("base64 -w " + std::string(wrap) + " " + quoted(file) + " > " + quoted(encoded));
      EXPECT_EQ(program(GetParam(), "base64_decode.vir",
                        {encoded, "--count", "words=len(text) * 3 / 16 + 1", "--trim",
                         "words=length", "--output", "words", "--format", "raw"}),
                tool("base64 -d " + quoted(encoded)));
    }
  }
}

TEST_P(Examples, Base64DecodeTakesPaddingInsideAndStopsWhereBase64Stops) {
  const std::string many = folder_.path("many");
  const std::string tile = files()[2];
  tool("for i in 1 2 3 4 5 6 7; do head -c $((i * 100)) " + quoted(tile) +
       " | base64 -w 0; done > " + quoted(many));
  std::vector<std::string> encoded{many};
  for (const char* const text :
       {"SQ==QU0=", "QQ==\nQQ==\n", "SGk=SGk=", "SGVsbG8", "SGVsbG", "SGVsb", "SGVs\r\nbG8=\r\n",
        "QQ=QQUI=", "QQ=", "Q===", "=QUI", "QUI==QUI", "QUJD====QUJD", "Q=Q=QUJD", "QR==QS=="}) {
    encoded.push_back(folder_.write("case" + std::to_string(encoded.size()), text));
  }
  encoded.push_back(folder_.write("zero", std::string("SGVs\0bG8=", 9)));
  // A group that lies across tiles, and a wrong one far behind the first tile.
  encoded.push_back(folder_.write("across", std::string(254, 'A') + "QQ==" + std::string(300, 'B') +
                                                "QQ==QUI=" + std::string(600, 'C') +
                                                "Q=" + std::string(600, 'D')));
  for (const std::string& file : encoded) {
    EXPECT_EQ(program(GetParam(), "base64_decode.vir",
                      {file, "--count", "words=len(text) * 3 / 16 + 1", "--trim", "words=length",
                       "--output", "words", "--format", "raw"}),
              tool("base64 -d -i " + quoted(file) + " 2>/dev/null || true"))
        << read_all(file);
  }
}

TEST_P(Examples, PolynomialsAgreeWithPythonRoundingEachStep) {
  for (const std::string order : {"1", "5", "10"}) {
    const std::string x = folder_.path("x" + order);
    const std::string c = folder_.path("c" + order);
    tool("python3 -c \"\nimport struct, random\nrandom.seed(" + order +
         ")\nx = [random.uniform(-4, 4) for _ in range(1000)]\n" +
         "c = [random.uniform(-2, 2) for _ in range(" + order + " + 1)]\n" + "open('" + x +
         "', 'wb').write(struct.pack('<1000f', *x))\nopen('" + c +
         "', 'wb').write(struct.pack('<%df' % len(c), *c))\"");
    // A product of two f32 is exact in f64 and a sum rounds twice without harm, so pack() rounds as
    // the format does.
    const std::string expected = tool(
        "python3 -c \"\nimport struct\nr = lambda v: struct.unpack('<f', struct.pack('<f', v))[0]\n"
        "x = struct.unpack('<1000f', open('" +
        x + "', 'rb').read())\nc = open('" + c +
        "', 'rb').read()\n"
        "c = struct.unpack('<%df' % (len(c) // 4), c)\nfor v in x:\n    s = c[-1]\n    for k in "
        "reversed(c[:-1]): s = r(r(s * v) + k)\n"
        "    print('%08x' % struct.unpack('<I', struct.pack('<f', s))[0])\"");
    EXPECT_EQ(program(GetParam(), "polynomial_" + order + ".vir",
                      {x, "--bind", "c=" + c, "--format", "hex32"}),
              expected);
  }
}

TEST_P(Examples, PrefixSumAgreesWithPythonModulo32Bits) {
  for (const std::string& file : files()) {
    EXPECT_EQ(program(GetParam(), "prefix_sum.vir",
                      {file, "--format", "raw", "-o", folder_.path("sums")}),
              "");
    EXPECT_EQ(read_all(folder_.path("sums")),
              tool("python3 -c \"\nimport array, sys\nd = open('" + file +
                   "', 'rb').read()\n"
                   "w = array.array('I', d[:len(d) // 4 * 4])\ns = 0\nfor i, x in enumerate(w):\n  "
                   "  s = (s + x) & 0xffffffff\n    w[i] = s\n"
                   "sys.stdout.buffer.write(w.tobytes())\""));
  }
}

INSTANTIATE_TEST_SUITE_P(On, Examples, testing::Values("cpu", "reference"),
                         [](const auto& parameter) { return std::string(parameter.param); });

}  // namespace
}  // namespace vyre::test
