// Bytes that a second thread changes, by system calls as another process would, while a built-in op
// or a replay reads them. Whatever they become, nothing is read or written outside (sanitizers see
// to that), and there is an answer. The first byte chooses: even a built-in op, odd a trace.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "builtin/ops.hpp"
#include "fuzz/support.hpp"
#include "trace/format.hpp"
#include "trace/source.hpp"
#include "trace/trace.hpp"

namespace {

using namespace vyre;
using builtin::Op;
using test::require;

/// A memory file that alternates between two contents.
class Changing {
 public:
  Changing(Bytes one, Bytes other) : file_(::memfd_create("changing", MFD_CLOEXEC)) {
    put(one);
    thread_ = std::thread([this, one = std::move(one), other = std::move(other)] {
      for (bool which = true; !over_.load(std::memory_order_relaxed); which = !which)
        put(which ? other : one);
    });
  }
  ~Changing() {
    over_.store(true, std::memory_order_relaxed);
    thread_.join();
    ::close(file_);
  }
  [[nodiscard]] int file() const { return file_; }

 private:
  void put(const Bytes& bytes) const {
    require(::pwrite(file_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
            "memory files can be written");
  }
  int file_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

/// Read-only pages of a memory file.
class Pages {
 public:
  Pages(int file, std::size_t size)
      : size_(size), map_(::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0)) {
    require(map_ != MAP_FAILED, "memory files can be mapped");
  }
  ~Pages() { ::munmap(map_, size_); }
  /// At the end of the last page, so that a byte behind it is a fault.
  [[nodiscard]] builtin::Buffer buffer(std::size_t bytes, std::uint32_t handle) const {
    return {static_cast<std::uint8_t*>(map_) + (size_ - bytes), bytes, handle, true};
  }

 private:
  std::size_t size_;
  void* map_;
};

constexpr std::size_t kPage{4'096};

Bytes behind_padding(ByteSpan bytes, std::size_t size) {
  Bytes padded(size - bytes.size());
  padded.insert(padded.end(), bytes.begin(), bytes.end());
  return padded;
}

/// The larger number of patterns and the larger greatest length of two blobs of one size.
builtin::LiteralsHeader larger(ByteSpan one, ByteSpan other) {
  auto most = load_le<builtin::LiteralsHeader>(one, 0);
  const auto second = load_le<builtin::LiteralsHeader>(other, 0);
  most.patterns = std::max(most.patterns, second.patterns);
  most.max_length = std::max(most.max_length, second.max_length);
  return most;
}

void run_op(std::uint8_t which, ByteSpan data) {
  // Two contents of one length, so that they may alternate: a blob and a changed one, or halves.
  Bytes one;
  Bytes other;
  const bool literals = which % 4 == 0;
  if (literals) {
    const Bytes a{'a'}, ab{'a', 'b'}, bab{'b', 'a', 'b'};
    const ByteSpan patterns[]{a, ab, bab};
    one = builtin::compile_literals(patterns).value();
    other = one;
    for (std::size_t i = 0; i + 2 < data.size(); i += 3)
      other[(data[i] * 256u + data[i + 1]) % other.size()] = data[i + 2];
  } else {
    const std::size_t half = std::min<std::size_t>(data.size() / 2, 2 * kPage);
    one.assign(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(half));
    other.assign(data.begin() + static_cast<std::ptrdiff_t>(half),
                 data.begin() + static_cast<std::ptrdiff_t>(2 * half));
  }
  if (one.empty()) return;
  const std::size_t size = (one.size() + kPage - 1) / kPage * kPage;
  const std::size_t bytes = one.size();
  const Changing changing(behind_padding(one, size), behind_padding(other, size));
  const Pages pages(changing.file(), size);
  Bytes text(2'000, 'a');
  for (std::size_t i = 0; i < text.size(); i += 3) text[i] = 'b';

  std::vector<builtin::Buffer> inputs{pages.buffer(bytes, 1)};
  std::vector<std::size_t> lengths{std::max<std::size_t>(bytes, 8)};
  auto op = static_cast<Op>(which / 4 % 20u);
  if (literals) {
    op = Op::match_literals;
    inputs.insert(inputs.begin(), {text.data(), text.size(), 2, true});
    lengths = {16 + 16 * 50};
  } else if (op == Op::histogram_u8) {
    lengths = {1'024};
  } else if (op == Op::sort_u32) {
    lengths = {bytes, bytes};
  } else if (op == Op::select_u32) {
    inputs.push_back(pages.buffer(bytes, 3));
    lengths = {bytes / 2, 4};
  }
  // The changed blob may be as good as the other: it may name more patterns and longer ones.
  builtin::LiteralsHeader bounds{};
  if (literals) bounds = larger(one, other);
  for (int round = 0; round < 8; ++round) {
    std::vector<std::unique_ptr<std::uint8_t[]>> memory;
    std::vector<builtin::Buffer> outputs;
    for (const std::size_t length : lengths) {
      memory.push_back(std::make_unique<std::uint8_t[]>(length));
      outputs.push_back(
          {memory.back().get(), length, 100 + static_cast<std::uint32_t>(outputs.size()), false});
    }
    const FaultCode ended =
        builtin::run(static_cast<std::uint32_t>(op), inputs, outputs, 0, nullptr);
    require(ended == FaultCode::none || ended == FaultCode::bad_binding ||
                ended == FaultCode::bad_operation || ended == FaultCode::unknown_op,
            "an op ends or is refused");
    if (!literals || ended != FaultCode::none) continue;
    const ByteSpan out(memory[0].get(), lengths[0]);
    const auto hits = load_le<builtin::LiteralHits>(out, 0);
    require(hits.records <= builtin::hit_capacity(out.size()), "as many records as fit");
    for (std::uint64_t i = 0; i < hits.records; ++i) {
      const auto hit = load_le<builtin::LiteralHit>(out, 16 + i * 16);
      require(hit.pattern < bounds.patterns && hit.length <= bounds.max_length,
              "hits name patterns that exist");
    }
  }
}

/// Reads the changing file; what it gives may be one content, the other, or some of each.
class ChangingEvents final : public trace::MemorySource {
 public:
  explicit ChangingEvents(int file) : file_(file) {}
  Result<std::unique_ptr<trace::ByteSource>> events() override {
    return std::make_unique<Pass>(file_);
  }

 private:
  class Pass final : public trace::ByteSource {
   public:
    explicit Pass(int file) : file_(file) {}
    Result<std::size_t> read(MutableByteSpan out) override {
      // Few at a time: a change comes in between.
      const ssize_t n = ::pread(file_, out.data(), std::min<std::size_t>(out.size(), 64),
                                static_cast<off_t>(at_));
      at_ += n > 0 ? static_cast<std::uint64_t>(n) : 0;
      return n > 0 ? static_cast<std::size_t>(n) : 0;
    }

   private:
    int file_;
    std::uint64_t at_{0};
  };
  int file_;
};

void run_trace(ByteSpan data) {
  const std::size_t half = data.size() / 2;
  ByteSpan first = data.first(half);
  ByteSpan second = data.subspan(half);
  Bytes one = test::sealed(first);
  Bytes other = test::sealed(second);
  const std::size_t size = std::max(one.size(), other.size());
  one.resize(size);
  other.resize(size);
  const Changing changing(std::move(one), std::move(other));
  for (int round = 0; round < 4; ++round) {
    ChangingEvents source(changing.file());
    source.any_blob = 1u << 16;
    source.manifest.session.fuel = 1'000;
    trace::ReplayOptions options;
    options.executor = trace::Executor::reference;
    options.compare = round % 2 == 0 ? trace::Compare::expected : trace::Compare::executor;
    options.memory_budget_bytes = 1u << 16;
    (void)trace::replay(source, options);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ByteSpan rest(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    run_op(data[0] / 2, rest);
  } else {
    run_trace(rest);
  }
  return 0;
}
