// Inputs that another process changes while an op reads them: results are unspecified then, but
// nothing is written outside the outputs and nothing is read outside the inputs. The changing bytes
// are a shared memory file, and they change at a known moment: when the op first touches a page.
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "naive.hpp"

namespace vyre::builtin::test {
namespace {

constexpr std::size_t kPage{4'096};

/// Read-only memory that is a file.
class SharedBytes {
 public:
  explicit SharedBytes(const Bytes& bytes) : size_(bytes.size()) {
    file_ = ::memfd_create("changing", MFD_CLOEXEC);
    write(bytes);
    map_ = static_cast<std::uint8_t*>(::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file_, 0));
    EXPECT_NE(static_cast<void*>(map_), MAP_FAILED);
  }
  SharedBytes(const SharedBytes&) = delete;
  SharedBytes& operator=(const SharedBytes&) = delete;
  ~SharedBytes() {
    ::munmap(map_, size_);
    ::close(file_);
  }
  void write(const Bytes& bytes) const {
    EXPECT_EQ(::pwrite(file_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  [[nodiscard]] std::uint8_t* data() const { return map_; }
  [[nodiscard]] int file() const { return file_; }
  [[nodiscard]] Buffer buffer(std::uint32_t handle) const { return {map_, size_, handle, true}; }

 private:
  std::size_t size_;
  int file_;
  std::uint8_t* map_;
};

/// The first access to a page writes other bytes into a file. One at a time.
class Tripwire {
 public:
  Tripwire(std::uint8_t* page, const SharedBytes& file, const Bytes& other) {
    page_ = page;
    descriptor_ = file.file();
    other_ = &other;
    touched_ = false;
    struct sigaction action {};
    action.sa_sigaction = on_touch;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, &before_);
    EXPECT_EQ(::mprotect(page_, kPage, PROT_NONE), 0);
  }
  ~Tripwire() { sigaction(SIGSEGV, &before_, nullptr); }
  Tripwire(const Tripwire&) = delete;
  Tripwire& operator=(const Tripwire&) = delete;
  [[nodiscard]] bool touched() const { return touched_; }

 private:
  static void on_touch(int, siginfo_t* info, void*) {
    const auto* at = static_cast<const std::uint8_t*>(info->si_addr);
    if (touched_ || at < page_ || at >= page_ + kPage) _exit(70);  // an access that is a fault
    touched_ = true;
    if (::pwrite(descriptor_, other_->data(), other_->size(), 0) < 0) _exit(71);
    ::mprotect(page_, kPage, PROT_READ);
  }
  static inline std::uint8_t* page_;
  static inline int descriptor_;
  static inline const Bytes* other_;
  static inline volatile sig_atomic_t touched_;
  struct sigaction before_ {};
};

/// An output between two stretches of known bytes, each as long as itself and then some.
class Fenced {
 public:
  explicit Fenced(std::size_t bytes) : size_(bytes), fence_(bytes + 64) {
    memory_.assign(bytes + 2 * fence_, kFence);
  }
  [[nodiscard]] Buffer buffer(std::uint32_t handle) {
    return {memory_.data() + fence_, size_, handle, false};
  }
  [[nodiscard]] ByteSpan bytes() const { return ByteSpan(memory_).subspan(fence_, size_); }
  [[nodiscard]] bool whole() const {
    const auto clean = [](ByteSpan part) {
      return std::all_of(part.begin(), part.end(), [](std::uint8_t b) { return b == kFence; });
    };
    const ByteSpan all(memory_);
    return clean(all.first(fence_)) && clean(all.last(fence_));
  }

 private:
  static constexpr std::uint8_t kFence{0xD1};
  std::size_t size_;
  std::size_t fence_;
  Bytes memory_;
};

TEST(BuiltinChanging, SortWritesInsideItsOutputsAndSortsWhatItRead) {
  constexpr std::size_t kWords{64 * 1'024};
  const Bytes zeros(kWords * 4, 0);
  const Bytes ones(kWords * 4, 0xFF);
  const SharedBytes keys(zeros);
  std::vector<Fenced> out(2, Fenced(kWords * 4));
  const Buffer in[]{keys.buffer(1)};
  const Buffer to[]{out[0].buffer(100), out[1].buffer(101)};
  // Most keys have been counted as zeros when all of them become ones.
  const Tripwire last(keys.data() + kWords * 4 - kPage, keys, ones);
  ASSERT_EQ(run(static_cast<std::uint32_t>(Op::sort_u32), in, to, 0), FaultCode::none);
  EXPECT_TRUE(last.touched());
  for (const Fenced& output : out) EXPECT_TRUE(output.whole()) << "written outside an output";
  const Words sorted = words_in(out[0].bytes());
  EXPECT_TRUE(std::is_sorted(sorted.begin(), sorted.end()));
  EXPECT_EQ(std::count(sorted.begin(), sorted.end(), 0u), kWords - kPage / 4)
      << "each key is the one that was read first";
}

TEST(BuiltinChanging, LiteralsAreFoundInABlobThatChangesAndOnlyPatternsThatExist) {
  const Bytes he{'h', 'e'};
  const Bytes she{'s', 'h', 'e'};
  const Bytes hers{'h', 'e', 'r', 's'};
  const ByteSpan patterns[]{he, she, hers};
  const Bytes good = compile_literals(patterns).value();
  const auto header = load_le<LiteralsHeader>(good, 0);
  const LiteralsSections at = literals_sections(header);
  for (const std::uint64_t from : {at.classes, at.transitions, at.first, at.outputs, at.lengths}) {
    SCOPED_TRACE(from);
    // All that is behind the header, or behind a section, becomes indices that are far outside.
    Bytes evil = good;
    std::fill(evil.begin() + static_cast<std::ptrdiff_t>(from), evil.end(), 0xFF);
    const SharedBytes blob(good);
    const SharedBytes text(Bytes(16 * kPage, 'h'));
    Fenced out(16 + 16 * 1'000);
    const Buffer in[]{text.buffer(2), blob.buffer(1)};
    const Buffer to[]{out.buffer(100)};
    const Tripwire first(text.data(), blob, evil);  // every rule has been checked by then
    ASSERT_EQ(run(static_cast<std::uint32_t>(Op::match_literals), in, to, 0), FaultCode::none);
    EXPECT_TRUE(first.touched());
    EXPECT_TRUE(out.whole()) << "written outside the output";
    const auto hits = load_le<LiteralHits>(out.bytes(), 0);
    ASSERT_LE(hits.records, hit_capacity(out.bytes().size()));
    for (std::uint64_t i = 0; i < hits.records; ++i) {
      const auto hit = load_le<LiteralHit>(out.bytes(), 16 + i * 16);
      ASSERT_LT(hit.pattern, header.patterns) << "a word from outside the blob";
      ASSERT_LE(hit.length, header.max_length);
    }
  }
}

TEST(BuiltinChanging, HitsBeyondTheRecordsCostNothing) {
  // A blob may list 65,536 patterns for one state; only their number is needed where records end.
  constexpr std::uint32_t kPatterns{kMaxLiterals};
  LiteralsHeader header{};
  header.magic = kLiteralsMagic;
  header.version = kLiteralsVersion;
  header.patterns = kPatterns;
  header.states = 2;
  header.classes = 1;
  header.max_length = 1;
  header.outputs = kPatterns;
  header.bytes = static_cast<std::uint32_t>(literals_sections(header).end);
  Bytes blob;
  append_le(blob, header);
  blob.resize(blob.size() + 256);
  for (int state = 0; state < 2; ++state) append_le(blob, 1u | kLiteralsReports);
  for (const std::uint32_t first : {0u, 0u, kPatterns}) append_le(blob, first);
  for (std::uint32_t p = 0; p < kPatterns; ++p) append_le(blob, p);
  for (std::uint32_t p = 0; p < kPatterns; ++p) append_le(blob, 1u);
  ASSERT_EQ(blob.size(), header.bytes);

  constexpr std::size_t kText{1u << 20};  // one by one these hits would take a minute
  const auto out = outputs_of(Op::match_literals, {Bytes(kText, 'x'), blob}, {16 + 16 * 10})[0];
  const auto hits = load_le<LiteralHits>(out, 0);
  EXPECT_EQ(hits.hits, std::uint64_t{kText} * kPatterns);
  EXPECT_EQ(hits.records, 10u);
}

}  // namespace
}  // namespace vyre::builtin::test
