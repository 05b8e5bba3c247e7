// Finds byte runs in a finished image (core/byte_runs.hpp): straight code whose values are known to
// fit in bytes or to go up by one from lane to lane. Host only, private to lowering.
#include "byte_runs.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "byte_steps.hpp"
#include "protocol/limits.hpp"
#include "vir/lower/opcode_facts.hpp"

namespace vyre::vir::lowering {
namespace {

using core::ByteCode;
using core::ByteRun;
using core::ByteStep;
using core::Image;
using core::Instruction;
using core::kNoScalar;
using core::kScalarA;
using core::kScalarB;
using core::kScalarResult;
using core::Opcode;

/// Beyond it every register counts as live.
constexpr std::size_t kMostFacts{std::size_t{1} << 17};

/// Vector registers that an instruction reads.
template <class F>
void each_read(const Instruction& i, const F& f) {
  if ((i.form & kScalarResult) != 0) return;
  const OpcodeFacts facts = facts_of(i.op);
  const std::uint16_t sources[3] = {i.a, i.b, i.c};
  for (unsigned k = 0; k < facts.sources; ++k) {
    if ((i.form >> k & 1) != 0) continue;
    for (std::uint32_t w = 0; w < operand_words(i, k); ++w) f(sources[k] + w);
  }
}

/// By instruction: which vector registers are read later on before they are written.
class Liveness {
 public:
  explicit Liveness(const Image& image)
      : registers_(image.vector_registers),
        all_(image.code.size() * image.vector_registers > kMostFacts) {
    if (all_) return;
    const auto count = image.code.size();
    before_.assign(count + 1, std::vector<bool>(registers_, false));
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t at = count; at-- > 0;) {
        const Instruction& i = image.code[at];
        std::vector<bool> live = before_[at + 1];
        if (core::has_target(i.op)) join(live, before_[i.imm]);
        if (writes_all(i)) live[i.dst] = false;
        each_read(i, [&](std::uint32_t r) {
          if (r < registers_) live[r] = true;
        });
        if (live == before_[at]) continue;
        before_[at] = std::move(live);
        changed = true;
      }
    }
  }
  [[nodiscard]] bool before(std::size_t at, std::uint32_t r) const {
    return all_ || before_[at][r];
  }

 private:
  static void join(std::vector<bool>& into, const std::vector<bool>& from) {
    for (std::size_t r = 0; r < into.size(); ++r) into[r] = into[r] || from[r];
  }

  std::size_t registers_;
  bool all_;
  std::vector<std::vector<bool>> before_;
};

enum class What : std::uint8_t { nothing, bytes, id, from_id };
/// What is known of a register: a row of bytes, the lane's id plus a scalar, or a scalar minus it.
struct Known {
  What what{What::nothing};
  std::uint16_t of{0};  // slot, or scalar
};

class Finder {
 public:
  explicit Finder(Image& image)
      : image_(image), target_(image.code.size() + 1, false), known_(image.vector_registers) {
    for (std::uint32_t at = 0; at < image.code.size(); ++at) {
      const Instruction& i = image.code[at];
      if (core::has_target(i.op)) target_[i.imm] = true;
      if (!is_lane_id(i)) continue;
      id_ = i.dst;
      id_set_at_ = at;
    }
  }

  /// The instruction that sets the lane's id, which all runs go by.
  std::uint32_t id_set_at() const { return id_set_at_; }
  void run() {
    if (!id_) return;
    for (std::size_t at = image_.once_count; at < image_.code.size();) at = open(at);
  }

 private:
  /// Makes a run that begins at `at`, if one is worth it; gives back where to look next.
  std::size_t open(std::size_t at) {
    forget();
    known_[*id_] = {What::id, kNoScalar};
    steps_.clear();
    scalars_read_.clear();
    slots_ = 0;
    loads_ = 0;
    last_ = false;
    branch_ = false;
    std::size_t next = at;
    while (next < image_.code.size() && !last_ && (next == at || !target_[next]) &&
           slots_ < core::kByteSlots - 1 && take(next)) {
      ++next;
    }
    if (next - at < 2) return at + 1;
    if (loads_ != 0) close(at, next);
    return next;
  }

  /// Only what the run before has learned: images have many registers and many runs.
  void forget() {
    for (const std::uint16_t r : learned_) known_[r] = {};
    learned_.clear();
  }
  void learn(std::uint16_t r, Known what) {
    known_[r] = what;
    learned_.push_back(r);
  }

  void close(std::size_t at, std::size_t next) {
    if (!live_) live_.emplace(image_);
    std::vector<ByteStep> out;
    std::sort(learned_.begin(), learned_.end());
    learned_.erase(std::unique(learned_.begin(), learned_.end()), learned_.end());
    for (const std::uint16_t r : learned_) {
      const Known& k = known_[r];
      if (k.what == What::id && k.of == kNoScalar && r == *id_) continue;
      const bool live =
          live_->before(next, r) || (branch_ && live_->before(image_.code[next - 1].imm, r));
      if (!live) continue;
      ByteStep step{};
      step.code = k.what == What::bytes
                      ? ByteCode::widen
                      : (k.what == What::id ? ByteCode::put_id : ByteCode::put_from_id);
      step.dst = r;
      step.a = k.of;
      out.push_back(step);
    }
    join_comparisons(steps_, out, slots_);
    steps_.insert(steps_.end() - (last_ ? 1 : 0), out.begin(), out.end());
    image_.byte_runs.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(next),
                                static_cast<std::uint32_t>(image_.byte_steps.size()),
                                static_cast<std::uint32_t>(steps_.size())});
    image_.byte_steps.insert(image_.byte_steps.end(), steps_.begin(), steps_.end());
  }

  void read_scalar(std::uint16_t s) { scalars_read_.insert(s); }

  static std::uint16_t source(const Instruction& i, unsigned k) {
    return k == 0 ? i.a : k == 1 ? i.b : i.c;
  }
  static bool is_scalar(const Instruction& i, unsigned k) { return (i.form >> k & 1) != 0; }
  /// Of operand k; nothing of a scalar.
  Known known(const Instruction& i, unsigned k) const {
    return is_scalar(i, k) ? Known{} : known_[source(i, k)];
  }
  std::uint16_t operand(const Instruction& i, unsigned k, ByteStep& step) {
    const std::uint16_t from = source(i, k);
    if (!is_scalar(i, k)) return known_[from].of;
    step.scalars |= static_cast<std::uint8_t>(1u << k);
    read_scalar(from);
    return from;
  }
  bool put(ByteCode code, const Instruction& i, ByteStep step) {
    step.code = code;
    step.dst = slots_++;
    steps_.push_back(step);
    learn(i.dst, {What::bytes, step.dst});
    return true;
  }
  /// Of the first `count` operands, which are all rows of bytes or scalars.
  bool put_of(ByteCode code, const Instruction& i, unsigned count) {
    for (unsigned k = 0; k < count; ++k) {
      if (!is_scalar(i, k) && known(i, k).what != What::bytes) return false;
    }
    ByteStep step{};
    std::uint16_t* const to[3] = {&step.a, &step.b, &step.c};
    for (unsigned k = 0; k < count; ++k) *to[k] = operand(i, k, step);
    return put(code, i, step);
  }

  /// False: the instruction is not of the run.
  bool take(std::size_t at) {
    const Instruction& i = image_.code[at];
    if ((i.form & kScalarResult) != 0) return take_scalar(i, at);
    switch (i.op) {
      case Opcode::load8: {
        const Known index = known(i, 0);
        if (index.what != What::id) return false;
        ByteStep step{};
        step.a = index.of;
        step.imm = i.imm;
        ++loads_;
        return put(ByteCode::load, i, step);
      }
      case Opcode::add: {
        const bool first = (i.form & 3u) == kScalarB;
        if ((i.form & 3u) != kScalarA && !first) return false;
        const Known id = known(i, first ? 0 : 1);
        if (id.what != What::id || id.of != kNoScalar) return false;
        const std::uint16_t by = first ? i.b : i.a;
        read_scalar(by);
        learn(i.dst, {What::id, by});
        return true;
      }
      case Opcode::sub: {
        const Known id = known(i, 1);
        if ((i.form & 3u) != kScalarA || id.what != What::id || id.of != kNoScalar) return false;
        read_scalar(i.a);
        learn(i.dst, {What::from_id, i.a});
        return true;
      }
      case Opcode::eq:
        return put_of(ByteCode::eq, i, 2);
      case Opcode::ne:
        return put_of(ByteCode::ne, i, 2);
      case Opcode::ult:
      case Opcode::ule:
        return take_below(i);
      case Opcode::bit_and:
        return put_of(ByteCode::bit_and, i, 2) || take_and_word(i);
      case Opcode::bit_or:
        return put_of(ByteCode::bit_or, i, 2);
      case Opcode::bit_xor:
        return put_of(ByteCode::bit_xor, i, 2);
      case Opcode::umin:
        return put_of(ByteCode::umin, i, 2);
      case Opcode::umax:
        return put_of(ByteCode::umax, i, 2);
      case Opcode::lnot:
        return put_of(ByteCode::lnot, i, 1);
      case Opcode::truth:
        return put_of(ByteCode::truth, i, 1);
      case Opcode::select:
        return put_of(ByteCode::select, i, 3);
      case Opcode::mov:
        if (is_scalar(i, 0)) return put_of(ByteCode::fill, i, 1);
        if (known(i, 0).what == What::nothing) return false;
        learn(i.dst, known(i, 0));
        return true;
      case Opcode::if_begin: {
        const Known condition = known(i, 0);
        if (condition.what != What::bytes) return false;
        ByteStep step{};
        step.code = ByteCode::branch;
        step.a = condition.of;
        step.scalars = i.aux;
        step.imm = i.imm;
        step.b = !target_[at + 1] && guards_atomic(image_, at) ? 1 : 0;
        steps_.push_back(step);
        last_ = branch_ = true;
        return true;
      }
      default:
        return false;
    }
  }

  /// A register of words that a row cuts down. It ends the run, so that what it has written is
  /// never read again by the same run.
  bool take_and_word(const Instruction& i) {
    if ((i.form & 3u) != 0) return false;
    const bool left = known(i, 0).what == What::bytes;
    const std::uint16_t row = left ? i.a : i.b;
    const std::uint16_t word = left ? i.b : i.a;
    if (known_[row].what != What::bytes || known_[word].what != What::nothing) return false;
    ByteStep step{};
    step.code = ByteCode::and_word;
    step.dst = i.dst;
    step.a = known_[row].of;
    step.b = word;
    steps_.push_back(step);
    known_[i.dst] = {};  // it has its value
    last_ = true;
    return true;
  }

  /// A run that is given up is executed again from its beginning: a scalar that was read before it
  /// is written would be another one then.
  bool take_scalar(const Instruction& i, std::size_t at) {
    const Shape shape = facts_of(i.op).shape;
    if (shape != Shape::pure && i.op != Opcode::mov && !is_load(i.op)) return false;
    if (i.op == Opcode::load_n || i.op == Opcode::fmul_add_chain) return false;
    const std::uint16_t sources[3] = {i.a, i.b, i.c};
    for (unsigned k = 0; k < facts_of(i.op).sources; ++k) read_scalar(sources[k]);
    if (scalars_read_.count(i.dst) != 0) return false;
    ByteStep step{};
    step.code = ByteCode::scalar;
    step.imm = static_cast<std::uint32_t>(at);
    steps_.push_back(step);
    return true;
  }

  /// Comparisons of rows, of the id with a scalar, and of a scalar with what lies behind the id.
  bool take_below(const Instruction& i) {
    const bool strict = i.op == Opcode::ult;
    const std::uint8_t scalars = i.form & 3u;
    const Known left = known(i, 0);
    const Known right = known(i, 1);
    if (scalars == kScalarB && left.what == What::id && left.of == kNoScalar) {
      if (!strict) return false;
      ByteStep step{};
      step.b = i.b;
      read_scalar(i.b);
      return put(ByteCode::id_below, i, step);
    }
    if (scalars == kScalarA && right.what == What::from_id) {
      ByteStep step{};
      step.a = i.a;
      step.b = right.of;
      step.scalars = strict ? 1 : 0;
      read_scalar(i.a);
      return put(ByteCode::below_from_id, i, step);
    }
    return put_of(strict ? ByteCode::ult : ByteCode::ule, i, 2);
  }

  Image& image_;
  std::optional<Liveness> live_;  // once a run is worth it
  std::vector<bool> target_;
  std::optional<std::uint16_t> id_;
  std::uint32_t id_set_at_{0};
  std::vector<Known> known_;            // by register
  std::vector<std::uint16_t> learned_;  // registers of which something is known
  std::vector<ByteStep> steps_;
  std::set<std::uint16_t> scalars_read_;
  std::uint16_t slots_{0};
  std::uint32_t loads_{0};
  bool last_{false};    // nothing goes behind the step that was taken last
  bool branch_{false};  // it is a branch
};

/// `at`, which sets the lane's id, if nothing but runs reads that; or none.
std::uint32_t if_only_runs_read(const Image& image, std::uint32_t at) {
  std::size_t run = 0;
  bool outside = false;
  for (std::uint32_t k = 0; k < image.code.size(); ++k) {
    while (run < image.byte_runs.size() && image.byte_runs[run].next <= k) ++run;
    if (run < image.byte_runs.size() && image.byte_runs[run].first <= k) continue;
    each_read(image.code[k], [&](std::uint32_t r) { outside |= r == image.code[at].dst; });
  }
  return outside ? core::kNoInstruction : at;
}

}  // namespace

void find_byte_runs(Image& image) {
  const bool loads = std::any_of(image.code.begin(), image.code.end(), [](const Instruction& i) {
    return i.op == Opcode::load8 && (i.form & kScalarResult) == 0;
  });
  const bool line = image.workgroup[1] == 1 && image.workgroup[2] == 1;
  if (!loads || !line) return;
  static_assert(kMaxVectorRegisters <= 0xFFFF);  // learned_
  Finder finder(image);
  finder.run();
  if (image.byte_runs.empty()) return;
  image.byte_code = image.code;
  image.ids_on_demand = if_only_runs_read(image, finder.id_set_at());
  if (image.ids_on_demand != core::kNoInstruction) {
    image.byte_code[image.ids_on_demand] = {Opcode::jump,           0, 0, 0, 0, 0, 0,
                                            image.ids_on_demand + 1};
  }
  for (std::size_t k = 0; k < image.byte_runs.size(); ++k) {
    image.byte_code[image.byte_runs[k].first] = {
        Opcode::byte_run, 0, 0, 0, 0, 0, 0, static_cast<std::uint32_t>(k)};
  }
}

}  // namespace vyre::vir::lowering
