#include "split_ops.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <numeric>
#include <utility>
#include <vector>

#include "base/copy_bytes.hpp"
#include "builtin/twins.hpp"
#include "fast_forms.hpp"

namespace vyre::cpu {
namespace {

using builtin::Buffer;
using builtin::Op;

/// A part of a buffer that stays in a second-level cache between two looks at it. A whole number of
/// words, and of patterns of mem.fill.
constexpr std::uint64_t kUnitBytes{std::uint64_t{512} << 10};
constexpr std::uint64_t kMoveUnitBytes{std::uint64_t{4} << 20};  // of mem.copy and mem.fill
/// A copy of so much would only drive out of the caches what others want there.
constexpr std::uint64_t kPastCachesBytes{std::uint64_t{96} << 20};
/// Two rounds of rows of docs/ops.md: what a unit comes to is an element of the third.
constexpr std::uint64_t kFloatUnitBytes{std::uint64_t{1024} * 1024 * 4};

struct Part {
  std::uint64_t begin;
  std::uint64_t bytes;
};
Part part_of(std::uint64_t bytes, std::uint64_t unit_bytes, std::uint64_t unit) {
  const std::uint64_t begin = unit * unit_bytes;
  return {begin, std::min(unit_bytes, bytes - begin)};
}
Buffer whole_words(Buffer buffer) {
  buffer.bytes = buffer.bytes / 4 * 4;
  return buffer;
}
std::uint64_t units_of(std::uint64_t bytes, std::uint64_t unit_bytes) {
  return (bytes + unit_bytes - 1) / unit_bytes;
}

// The plain forms of parts: what the ops refuse was looked at, and a unit is too short to be
// stopped.

ByteSpan bytes_of(const Buffer& buffer, const Part& part) {
  return {buffer.data + part.begin, part.bytes};
}
MutableByteSpan room_of(const Buffer& buffer, const Part& part) {
  return {buffer.data + part.begin, part.bytes};
}
MutableByteSpan room_of(std::uint32_t& word) {
  return {reinterpret_cast<std::uint8_t*>(&word), sizeof word};
}

class Fill final : public SplitOp {
 public:
  Fill(const Buffer& out, std::uint32_t pattern) : out_(out), pattern_(pattern) {}
  std::uint64_t units(std::uint32_t) const noexcept override {
    return units_of(out_.bytes, kMoveUnitBytes);
  }
  void run(std::uint32_t, std::uint64_t unit) noexcept override {
    const Part part = part_of(out_.bytes, kMoveUnitBytes, unit);
    (void)builtin::fill(room_of(out_, part), pattern_, {});
  }

 private:
  const Buffer out_;
  const std::uint32_t pattern_;
};

class Copy final : public SplitOp {
 public:
  Copy(const Buffer& in, const Buffer& out, std::uint64_t bytes)
      : from_(in.data), to_(out.data), bytes_(bytes) {}
  std::uint64_t units(std::uint32_t) const noexcept override {
    return units_of(bytes_, kMoveUnitBytes);
  }
  void run(std::uint32_t, std::uint64_t unit) noexcept override {
    const Part part = part_of(bytes_, kMoveUnitBytes, unit);
    if (bytes_ >= kPastCachesBytes) {
      copy_past_caches(to_ + part.begin, from_ + part.begin, part.bytes);
    } else {
      copy_bytes(to_ + part.begin, from_ + part.begin, part.bytes);
    }
  }

 private:
  const std::uint8_t* const from_;
  std::uint8_t* const to_;
  const std::uint64_t bytes_;
};

/// Ops whose parts come to values of the same kind, over which the op gives the whole: reductions.
class Reduce final : public SplitOp {
 public:
  Reduce(Op op, const Buffer& in, const Buffer& out, std::uint64_t unit_bytes)
      : op_(op),
        in_(in),
        out_(out),
        unit_bytes_(unit_bytes),
        parts_(units_of(in.bytes, unit_bytes)) {}
  std::uint64_t units(std::uint32_t) const noexcept override { return parts_.size(); }
  void run(std::uint32_t, std::uint64_t unit) noexcept override {
    (void)builtin::reduce(op_, bytes_of(in_, part_of(in_.bytes, unit_bytes_, unit)),
                          room_of(parts_[unit]), {});
  }
  void finish() noexcept override {
    const ByteSpan parts{reinterpret_cast<const std::uint8_t*>(parts_.data()), parts_.size() * 4};
    (void)builtin::reduce(op_, parts, {out_.data, out_.bytes}, {});
  }

 private:
  const Op op_;
  const Buffer in_;
  const Buffer out_;
  const std::uint64_t unit_bytes_;
  std::vector<std::uint32_t> parts_;
};

class Histogram final : public SplitOp {
 public:
  using Counts = std::array<std::uint32_t, 256>;
  Histogram(const Buffer& in, const Buffer& out)
      : in_(in), out_(out), parts_(units_of(in.bytes, kUnitBytes)) {}
  std::uint64_t units(std::uint32_t) const noexcept override { return parts_.size(); }
  void run(std::uint32_t, std::uint64_t unit) noexcept override {
    const Part part = part_of(in_.bytes, kUnitBytes, unit);
    (void)builtin::histogram(bytes_of(in_, part),
                             {reinterpret_cast<std::uint8_t*>(parts_[unit].data()), sizeof(Counts)},
                             {});
  }
  void finish() noexcept override {
    Counts sum{};
    for (const Counts& part : parts_) {
      for (std::size_t v = 0; v < sum.size(); ++v) sum[v] += part[v];
    }
    std::memcpy(out_.data, sum.data(), sizeof sum);
  }

 private:
  const Buffer in_;
  const Buffer out_;
  std::vector<Counts> parts_;
};

class Crc32c final : public SplitOp {
 public:
  Crc32c(const Buffer& in, const Buffer& out)
      : in_(in), out_(out), parts_(units_of(in.bytes, kUnitBytes)) {}
  std::uint64_t units(std::uint32_t) const noexcept override { return parts_.size(); }
  void run(std::uint32_t, std::uint64_t unit) noexcept override {
    const Part part = part_of(in_.bytes, kUnitBytes, unit);
    parts_[unit] = crc32c(bytes_of(in_, part));
  }
  void finish() noexcept override {
    std::uint32_t whole = parts_[0];
    for (std::uint64_t unit = 1; unit < parts_.size(); ++unit)
      whole = crc32c_of_both(whole, parts_[unit], part_of(in_.bytes, kUnitBytes, unit).bytes);
    std::memcpy(out_.data, &whole, sizeof whole);
  }

 private:
  const Buffer in_;
  const Buffer out_;
  std::vector<std::uint32_t> parts_;
};

/// Three phases: what each unit adds, what is before each, the units.
class Counted : public SplitOp {
 public:
  explicit Counted(std::uint64_t units) : added_(units), before_(units) {}
  std::uint32_t phases() const noexcept final { return 3; }
  std::uint64_t units(std::uint32_t phase) const noexcept final {
    return phase == 1 ? 1 : added_.size();
  }
  void run(std::uint32_t phase, std::uint64_t unit) noexcept final {
    if (phase == 0) {
      added_[unit] = count(unit);
    } else if (phase == 1) {
      std::exclusive_scan(added_.begin(), added_.end(), before_.begin(), std::uint64_t{0});
    } else {
      put(unit, before_[unit], added_[unit]);
    }
  }

 protected:
  virtual std::uint64_t count(std::uint64_t unit) noexcept = 0;
  virtual void put(std::uint64_t unit, std::uint64_t before, std::uint64_t added) noexcept = 0;
  [[nodiscard]] std::uint64_t all() const { return before_.back() + added_.back(); }

 private:
  std::vector<std::uint64_t> added_;
  std::vector<std::uint64_t> before_;
};

class Scan final : public Counted {
 public:
  Scan(Op op, const Buffer& in, const Buffer& out)
      : Counted(units_of(in.bytes, kUnitBytes)), op_(op), in_(in), out_(out) {}

 protected:
  std::uint64_t count(std::uint64_t unit) noexcept override {
    std::uint32_t sum = 0;
    (void)builtin::reduce(Op::reduce_sum_u32, bytes_of(in_, part_of(in_.bytes, kUnitBytes, unit)),
                          room_of(sum), {});
    return sum;
  }
  void put(std::uint64_t unit, std::uint64_t before, std::uint64_t) noexcept override {
    const Part part = part_of(in_.bytes, kUnitBytes, unit);
    std::uint8_t* const to = out_.data + part.begin;
    (void)builtin::scan(op_ == Op::scan_inclusive_u32, bytes_of(in_, part), room_of(out_, part),
                        {});
    const auto more = static_cast<std::uint32_t>(before);
    for (std::uint64_t k = 0; k < part.bytes / 4; ++k)
      builtin::put_word(to, k, builtin::word_at(to, k) + more);
  }

 private:
  const Op op_;
  const Buffer in_;
  const Buffer out_;
};

class Select final : public Counted {
 public:
  Select(const Buffer& values, const Buffer& mask, const Buffer& kept, const Buffer& count)
      : Counted(units_of(std::min(values.bytes / 4, mask.bytes), kUnitBytes / 4)),
        words_(std::min(values.bytes / 4, mask.bytes)),
        values_(values.data),
        mask_(mask.data),
        kept_(kept),
        count_(count) {}
  void finish() noexcept override {
    const auto found = static_cast<std::uint32_t>(all());
    std::memcpy(count_.data, &found, sizeof found);
  }

 protected:
  std::uint64_t count(std::uint64_t unit) noexcept override {
    const Part part = part_of(words_, kUnitBytes / 4, unit);
    return count_nonzero(mask_ + part.begin, part.bytes);
  }
  void put(std::uint64_t unit, std::uint64_t before, std::uint64_t added) noexcept override {
    const std::uint64_t capacity = kept_.bytes / 4;
    if (before >= capacity) return;
    const Part part = part_of(words_, kUnitBytes / 4, unit);
    // A mask that changes meanwhile has no effect on the places of other units.
    (void)select_words(values_ + part.begin * 4, mask_ + part.begin, part.bytes,
                       kept_.data + before * 4, std::min(added, capacity - before));
  }

 private:
  const std::uint64_t words_;
  const std::uint8_t* const values_;
  const std::uint8_t* const mask_;
  const Buffer kept_;
  const Buffer count_;
};

/// Four stable passes by eight bits, from one output to the other and back. The input is read once,
/// in the first phase: a file may change between a count and the move that relies on it.
class Sort final : public SplitOp {
 public:
  Sort(const Buffer& in, const Buffer& sorted, const Buffer& work)
      : bytes_(in.bytes),
        in_(in.data),
        sorted_(sorted.data),
        work_(work.data),
        next_(units_of(bytes_, kUnitBytes)) {}
  std::uint32_t phases() const noexcept override { return 1 + 4 * 3; }
  std::uint64_t units(std::uint32_t phase) const noexcept override {
    return phase % 3 == 2 ? 1 : next_.size();
  }
  void run(std::uint32_t phase, std::uint64_t unit) noexcept override {
    const Part part = part_of(bytes_, kUnitBytes, unit);
    if (phase == 0) {
      std::memcpy(sorted_ + part.begin, in_ + part.begin, part.bytes);
      return;
    }
    const std::uint32_t pass = (phase - 1) / 3;
    const std::uint8_t* const from = (pass % 2 == 0 ? sorted_ : work_) + part.begin;
    switch (phase % 3) {
      case 1:
        return count(from, part.bytes, pass * 8, next_[unit]);
      case 2:
        return place();
      default:
        return move(from, part.bytes, pass * 8, pass % 2 == 0 ? work_ : sorted_, next_[unit]);
    }
  }

 private:
  using Digits = std::array<std::uint64_t, 256>;  // how often, then where the next one goes

  static void count(const std::uint8_t* from, std::uint64_t bytes, std::uint32_t shift,
                    Digits& digits) {
    digits.fill(0);
    for (std::uint64_t at = 0; at < bytes; at += 4)
      ++digits[builtin::word_at(from, at / 4) >> shift & 0xFFu];
  }
  /// Equal digits keep the order of their units.
  void place() {
    std::uint64_t at = 0;
    for (std::size_t digit = 0; digit < 256; ++digit) {
      for (Digits& unit : next_) at += std::exchange(unit[digit], at);
    }
  }
  void move(const std::uint8_t* from, std::uint64_t bytes, std::uint32_t shift, std::uint8_t* to,
            Digits& next) const {
    for (std::uint64_t at = 0; at < bytes; at += 4) {
      const std::uint32_t key = builtin::word_at(from, at / 4);
      const std::uint64_t place = next[key >> shift & 0xFFu]++;
      // Behind the end: a key is no longer the one that was counted.
      if (place < bytes_ / 4) std::memcpy(to + place * 4, &key, sizeof key);
    }
  }

  const std::uint64_t bytes_;
  const std::uint8_t* const in_;
  std::uint8_t* const sorted_;
  std::uint8_t* const work_;
  std::vector<Digits> next_;  // by unit
};

}  // namespace

std::unique_ptr<SplitOp> split(Op op, std::span<const Buffer> inputs,
                               std::span<const Buffer> outputs, std::uint32_t param,
                               std::uint32_t workers) noexcept {
  const std::uint64_t first =
      inputs.empty() ? outputs.empty() ? 0 : outputs[0].bytes : inputs[0].bytes;
  const bool counts = op == Op::scan_inclusive_u32 || op == Op::scan_exclusive_u32 ||
                      op == Op::select_u32 || op == Op::sort_u32;
  if (first < kSplitBytes || (counts && workers == 1)) return nullptr;
  try {
    switch (op) {
      case Op::mem_fill:
        return std::make_unique<Fill>(outputs[0], param);
      case Op::mem_copy: {
        const std::uint64_t most = param == 0 ? inputs[0].bytes : param;
        const std::uint64_t bytes = std::min({inputs[0].bytes, outputs[0].bytes, most});
        return std::make_unique<Copy>(inputs[0], outputs[0], bytes);
      }
      case Op::reduce_sum_u32:
      case Op::reduce_min_u32:
      case Op::reduce_max_u32:
      case Op::reduce_sum_i32:
      case Op::reduce_min_i32:
      case Op::reduce_max_i32:
        return std::make_unique<Reduce>(op, whole_words(inputs[0]), outputs[0], kUnitBytes);
      case Op::reduce_sum_f32:
      case Op::reduce_min_f32:
      case Op::reduce_max_f32:
        return std::make_unique<Reduce>(op, whole_words(inputs[0]), outputs[0], kFloatUnitBytes);
      case Op::scan_inclusive_u32:
      case Op::scan_exclusive_u32:
        return std::make_unique<Scan>(op, whole_words(inputs[0]), outputs[0]);
      case Op::histogram_u8:
        return std::make_unique<Histogram>(inputs[0], outputs[0]);
      case Op::select_u32:
        if (std::min(inputs[0].bytes / 4, inputs[1].bytes) == 0) return nullptr;
        return std::make_unique<Select>(inputs[0], inputs[1], outputs[0], outputs[1]);
      case Op::hash_crc32c:
        return std::make_unique<Crc32c>(inputs[0], outputs[0]);
      case Op::sort_u32:
        return std::make_unique<Sort>(whole_words(inputs[0]), outputs[0], outputs[1]);
      case Op::nop:
      case Op::hash_xxh64:  // a chain of multiplications
      case Op::match_literals:
        break;
    }
  } catch (const std::bad_alloc&) {
    // The plain form needs no memory.
  }
  return nullptr;
}

}  // namespace vyre::cpu
