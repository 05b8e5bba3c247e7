// The host's layout against the committed one. A difference is a change of the protocol: kernels,
// traces and rings of another build would no longer fit. Run with VYRE_PRINT_LAYOUT=1 to see the
// new text.
#include "protocol/layout.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>

#include "protocol/fault_names.hpp"

namespace vyre {
namespace {

/// One line a fact: what a kernel's printf sink writes too.
class TextSink {
 public:
  void type(const char* name, std::uint64_t size, std::uint64_t alignment) {
    out_ << "type " << name << " size " << size << " align " << alignment << '\n';
    end_ = 0;
    size_ = size;
  }
  void field(const char* type, const char* name, std::uint64_t offset, std::uint64_t size) {
    out_ << "field " << type << '.' << name << " offset " << offset << " size " << size << '\n';
    EXPECT_EQ(offset, end_) << type << '.' << name << ": a hole, or a field that the walk forgets";
    end_ = offset + size;
    EXPECT_LE(end_, size_);
  }
  void constant(const char* name, std::uint64_t value) {
    out_ << "constant " << name << ' ' << value << '\n';
  }
  [[nodiscard]] std::string text() const { return out_.str(); }
  [[nodiscard]] bool last_type_complete() const { return end_ == size_; }

 private:
  std::ostringstream out_;
  std::uint64_t end_{0};
  std::uint64_t size_{0};
};

TEST(Layout, EveryProtocolStructureHasTheCommittedLayout) {
  TextSink sink;
  describe_layout(sink);
  if (std::getenv("VYRE_PRINT_LAYOUT") != nullptr) std::cout << sink.text();
  std::ifstream file{VYRE_SOURCE_DIR "/test/golden/layout.txt"};
  ASSERT_TRUE(file);
  std::ostringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(sink.text(), golden.str());
  EXPECT_TRUE(sink.last_type_complete());
}

TEST(Layout, EveryFaultCodeHasOneNameAndTheNextNumberHasNone) {
  struct Counter {
    int codes{0};
    void type(const char*, std::uint64_t, std::uint64_t) {}
    void field(const char*, const char*, std::uint64_t, std::uint64_t) {}
    void constant(const char* name, std::uint64_t value) {
      const std::string text{name};
      if (text.rfind("FaultCode::", 0) != 0) return;
      ++codes;
      EXPECT_EQ(fault_name(static_cast<FaultCode>(value)), text.substr(11));
    }
  } counter;
  describe_layout(counter);
  std::set<std::string_view> names;
  for (int code = 0; code < counter.codes; ++code)
    names.insert(fault_name(static_cast<FaultCode>(code)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(counter.codes));
  EXPECT_EQ(names.count("unknown"), 0u);
  EXPECT_EQ(fault_name(static_cast<FaultCode>(counter.codes)), "unknown")
      << "a code that the walk forgets";
}

}  // namespace
}  // namespace vyre
