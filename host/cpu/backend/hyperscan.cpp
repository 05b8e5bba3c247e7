// CompiledLiterals over Hyperscan's C interface, by dlopen: the library is 10 MB, and most
// processes never search enough to want it. Semantics of its matches: Hyperscan 5.4, "Developer's
// Reference", "Scanning for Patterns" (matches come by end; those of one end in any order).
#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "builtin/literals_layout.hpp"
#include "literal_search.hpp"

#ifdef VYRE_HAVE_HYPERSCAN

#include <dlfcn.h>
#include <hs.h>

namespace vyre::cpu {
namespace {

/// Bytes between two looks at the stop word, some milliseconds.
constexpr std::uint64_t kPieceBytes{std::uint64_t{8} << 20};
/// Hits between two looks; in the worst text each byte ends thousands.
constexpr std::uint64_t kHitsBetweenLooks{std::uint64_t{1} << 19};

struct Library {
  decltype(&::hs_compile_lit_multi) compile{nullptr};
  decltype(&::hs_free_compile_error) free_error{nullptr};
  decltype(&::hs_free_database) free_database{nullptr};
  decltype(&::hs_alloc_scratch) alloc_scratch{nullptr};
  decltype(&::hs_free_scratch) free_scratch{nullptr};
  decltype(&::hs_scan) scan{nullptr};

  [[nodiscard]] bool open() {
    void* const library = ::dlopen("libhs.so.5", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return false;
    const auto find = [library](auto& function, const char* name) {
      function =
          reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
      return function != nullptr;
    };
    decltype(&::hs_valid_platform) valid_platform = nullptr;
    return find(valid_platform, "hs_valid_platform") && valid_platform() == HS_SUCCESS &&
           find(compile, "hs_compile_lit_multi") && find(free_error, "hs_free_compile_error") &&
           find(free_database, "hs_free_database") && find(alloc_scratch, "hs_alloc_scratch") &&
           find(free_scratch, "hs_free_scratch") && find(scan, "hs_scan");
  }
};

/// Null: not here, too old, or not for this processor. Stays open.
const Library* library() {
  static const std::optional<Library> kLibrary = [] {
    Library opened;
    return opened.open() ? std::optional(opened) : std::nullopt;
  }();
  return kLibrary ? &*kLibrary : nullptr;
}

using Database = std::unique_ptr<hs_database_t, decltype(&::hs_free_database)>;
using Scratch = std::unique_ptr<hs_scratch_t, decltype(&::hs_free_scratch)>;

class Hyperscan final : public CompiledLiterals {
 public:
  Hyperscan(const Library& library, Database database, const LiteralPatterns& patterns)
      : library_(library), database_(std::move(database)) {
    for (const Bytes& pattern : patterns.patterns) {
      lengths_.push_back(static_cast<std::uint32_t>(pattern.size()));
      longest_ = std::max<std::uint64_t>(longest_, pattern.size());
    }
  }

  std::optional<FaultCode> match(ByteSpan text, MutableByteSpan out,
                                 const builtin::StopWord& stop) noexcept override {
    try {
      std::optional<Memory> memory = take();
      if (!memory) return std::nullopt;
      const auto answer = search(text, out, stop, *memory);
      give(std::move(*memory));
      return answer;
    } catch (const std::exception&) {
      return std::nullopt;
    }
  }

 private:
  /// What a thread needs while it searches.
  struct Memory {
    Scratch scratch;
    std::vector<std::uint32_t> same_end;  // patterns
  };

  /// Puts the hits of a text down in the order of docs/ops.md.
  struct Hits {
    const std::vector<std::uint32_t>& lengths;
    const builtin::StopWord& stop;
    std::vector<std::uint32_t>& same_end;
    MutableByteSpan out;
    std::uint64_t capacity;
    std::uint64_t base{0};      // of the piece in the text
    std::uint64_t found_to{0};  // hits up to here were found in the piece before
    std::uint64_t end{0};
    builtin::LiteralHits total{0, 0};
    std::uint64_t look_at{kHitsBetweenLooks};
    bool disordered{false};
    bool stopped{false};

    void put_down() {
      std::sort(same_end.begin(), same_end.end());
      for (const std::uint32_t pattern : same_end) {
        ++total.hits;
        if (total.records == capacity) continue;
        const builtin::LiteralHit hit{end, pattern, lengths[pattern]};
        std::memcpy(out.data() + sizeof total + total.records++ * sizeof hit, &hit, sizeof hit);
      }
      same_end.clear();
      if (total.hits < look_at) return;
      look_at = total.hits + kHitsBetweenLooks;
      stopped = stop.asked();
    }
    /// Not 0: no more.
    int add(std::uint32_t pattern, std::uint64_t to) {
      to += base;
      if (to <= found_to) return 0;
      if (to != end) {
        put_down();
        disordered = disordered || to < end;
        end = to;
      }
      same_end.push_back(pattern);
      return disordered || stopped ? 1 : 0;
    }
  };

  [[nodiscard]] std::optional<FaultCode> search(ByteSpan text, MutableByteSpan out,
                                                const builtin::StopWord& stop, Memory& memory) {
    memory.same_end.clear();
    Hits hits{lengths_, stop, memory.same_end, out, builtin::hit_capacity(out.size())};
    for (std::uint64_t begin = 0; begin < text.size(); begin += kPieceBytes) {
      if (stop.asked()) return FaultCode::shutdown;
      const std::uint64_t end = std::min<std::uint64_t>(text.size(), begin + kPieceBytes);
      hits.base = begin - std::min(begin, longest_ - 1);
      hits.found_to = begin;
      const auto* const bytes = reinterpret_cast<const char*>(text.data() + hits.base);
      const hs_error_t answer = library_.scan(
          database_.get(), bytes, static_cast<unsigned int>(end - hits.base), 0,
          memory.scratch.get(),
          [](unsigned int pattern, unsigned long long, unsigned long long to, unsigned int,
             void* into) { return static_cast<Hits*>(into)->add(pattern, to); },
          &hits);
      if (hits.stopped) return FaultCode::shutdown;
      if (answer != HS_SUCCESS || hits.disordered) return std::nullopt;
    }
    hits.put_down();
    std::memcpy(out.data(), &hits.total, sizeof hits.total);
    return FaultCode::none;
  }

  [[nodiscard]] std::optional<Memory> take() {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      Memory memory = std::move(idle_.back());
      idle_.pop_back();
      return memory;
    }
    hs_scratch_t* scratch = nullptr;
    if (library_.alloc_scratch(database_.get(), &scratch) != HS_SUCCESS) return std::nullopt;
    return Memory{Scratch(scratch, library_.free_scratch), {}};
  }
  void give(Memory memory) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(memory));
  }

  const Library& library_;
  const Database database_;
  std::vector<std::uint32_t> lengths_;
  std::uint64_t longest_{1};
  std::mutex mutex_;
  std::vector<Memory> idle_;
};

}  // namespace

std::unique_ptr<CompiledLiterals> CompiledLiterals::make(const LiteralPatterns& patterns) {
  const Library* const opened = library();
  if (opened == nullptr) return nullptr;
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  std::vector<unsigned int> numbers;
  for (const Bytes& pattern : patterns.patterns) {
    numbers.push_back(static_cast<unsigned int>(numbers.size()));
    texts.push_back(reinterpret_cast<const char*>(pattern.data()));
    lengths.push_back(pattern.size());
  }
  const std::vector<unsigned int> flags(texts.size(),
                                        patterns.ignore_ascii_case ? HS_FLAG_CASELESS : 0u);
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  const hs_error_t answer = opened->compile(texts.data(), flags.data(), numbers.data(),
                                            lengths.data(), static_cast<unsigned int>(texts.size()),
                                            HS_MODE_BLOCK, nullptr, &database, &error);
  if (error != nullptr) opened->free_error(error);
  if (answer != HS_SUCCESS) return nullptr;
  return std::make_unique<Hyperscan>(*opened, Database(database, opened->free_database), patterns);
}

}  // namespace vyre::cpu

#else

namespace vyre::cpu {

std::unique_ptr<CompiledLiterals> CompiledLiterals::make(const LiteralPatterns&) {
  return nullptr;
}

}  // namespace vyre::cpu

#endif
