// What a stream does not use up whatever flows through it: descriptors, results kept for those who
// come late, and the results that its queue keeps.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "stream_fixture.hpp"
#include "vyre/vir/text.hpp"

namespace vyre::runtime::test {
namespace {

/// This process may open so many descriptors more; as before at the end.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t more) {
    const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (next < 0 || getrlimit(RLIMIT_NOFILE, &before_) != 0) return;
    (void)close(next);
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(next) + more;
    good_ = setrlimit(RLIMIT_NOFILE, &few) == 0;
  }
  ~FewDescriptors() {
    if (good_) (void)setrlimit(RLIMIT_NOFILE, &before_);
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  rlimit before_{};
  bool good_{false};
};

class StreamBounds : public ::testing::Test {
 protected:
  void open() {
    auto opened = Session::open(test_options());
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
    // Its pump has its descriptors before they become few.
    const std::string first = folder_.write("first", Bytes(100));
    auto stream = session_->stream({first}, OpHandle{kCrc32c}, crc_options(4'096));
    ASSERT_OK(stream);
    ASSERT_EQ(run_to_end(*stream).results.size(), 1u);
  }
  Folder folder_;
  std::optional<Session> session_;
};

TEST_F(StreamBounds, GoodFilesDoNotFailForWantOfDescriptorsWhileTheirOwnReadsHoldThem) {
  open();
  std::vector<std::string> files;
  std::vector<Bytes> bytes;
  for (unsigned i = 0; i < 2'000; ++i) {
    bytes.push_back(random_bytes(4'096, test_seed() + i));
    files.push_back(folder_.write(std::to_string(i), bytes.back()));
  }
  for (const rlim_t more : {1u, 2u, 30u, kMaxOpenFiles + 2}) {
    const FewDescriptors few(more);
    ASSERT_TRUE(few.good());
    for (const bool in_order : {true, false}) {
      StreamOptions options = crc_options(std::uint64_t{64} << 10);
      options.in_order = in_order;
      auto stream = session_->stream(files, OpHandle{kCrc32c}, options);
      ASSERT_OK(stream);
      const Ran ran = run_to_end(*stream);
      ASSERT_FALSE(ran.error) << to_string(*ran.error);
      ASSERT_EQ(ran.results.size(), files.size());
      for (const Seen& seen : ran.results) {
        ASSERT_FALSE(seen.error) << to_string(*seen.error);
        ASSERT_EQ(seen.outputs.at(0), words({crc32c(bytes[seen.chunk.file])})) << seen.path;
      }
    }
  }
}

TEST_F(StreamBounds, WhereNothingOfTheStreamHoldsADescriptorTheFileFailsByName) {
  open();
  const std::string file = folder_.write("f", Bytes(10));
  auto stream = session_->stream({file, file}, OpHandle{kCrc32c}, crc_options(4'096));
  ASSERT_OK(stream);
  const FewDescriptors none(0);
  ASSERT_TRUE(none.good());
  const Ran ran = run_to_end(*stream);
  ASSERT_FALSE(ran.error) << to_string(*ran.error);
  ASSERT_EQ(ran.results.size(), 2u);
  for (const Seen& seen : ran.results) {
    ASSERT_TRUE(seen.error.has_value());
    EXPECT_EQ(seen.error->detail, EMFILE);
    EXPECT_NE(seen.error->message.find(file), std::string::npos);
  }
}

}  // namespace
}  // namespace vyre::runtime::test
