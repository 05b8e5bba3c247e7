// Code of the members one behind the other, with registers, constants, buffers and targets
// renumbered. Vector registers below `first_vector_` belong to the fused image: the lane's id, and
// what is handed over. Above them each member has the same ones, because nothing else outlives it.
// Scalars are each member's own, because some hold for a whole run.
#include "vir/lower/fuse.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/message.hpp"
#include "opcode_facts.hpp"
#include "protocol/limits.hpp"

namespace vyre::vir {
namespace {

using core::Image;
using core::Instruction;
using core::kScalarA;
using core::kScalarB;
using core::kScalarC;
using core::Opcode;

/// One instruction of a member may become one for each word of an element, and three for the last.
constexpr std::uint32_t kMostUnpolled{kPollInstructions / 4};

tl::unexpected<Error> refuse(std::string why) {
  return fail(Errc::unsupported, std::move(why));
}

/// What the fused image keeps of one buffer that is handed over.
struct Kept {
  const HandOver* of{nullptr};
  std::uint16_t first{0};  // of `words` registers
  std::uint32_t words{0};
  std::uint32_t stride{0};
  std::optional<std::uint16_t> inside;  // a register: the lane's element is inside the writer's
};

class Fuser {
 public:
  Fuser(std::span<const Image* const> members, std::span<const HandOver> handed)
      : members_(members), handed_(handed) {}

  Result<Image> run() {
    VYRE_TRY(check_members());
    VYRE_TRY(check_handed());
    place_registers();
    VYRE_TRY(check_sizes());
    for (std::size_t m = 0; m < members_.size(); ++m) {
      const Image& from = *members_[m];
      for (std::uint32_t at = 0; at < from.once_count; ++at) emit(moved(m, from.code[at]), 0);
    }
    out_.once_count = static_cast<std::uint32_t>(out_.code.size());
    open_frame();
    for (std::size_t m = 0; m < members_.size(); ++m) {
      member(m);
      settle(m);
      const bool last = m + 1 == members_.size();
      emit({last ? Opcode::end : Opcode::rejoin, 0, 0, 0, 0, 0, 0,
            last ? 0 : static_cast<std::uint32_t>(m)},
           0);
    }
    if (out_.code.size() > kMaxImageInstructions) {
      return refuse(message("together the programs lower to {} instructions; the limit is {}",
                            out_.code.size(), kMaxImageInstructions));
    }
    return std::move(out_);
  }

 private:
  struct Base {  // what is added to a member's numbers
    std::uint32_t constant{0};
    std::uint32_t scalar{0};  // of those behind the constants
    std::uint32_t buffer{0};
  };

  Status check_members() {
    if (members_.empty()) return refuse("no program is given; give at least one");
    for (const Image* const image : members_) {
      facts_.push_back(lane_facts(*image));
      if (!facts_.back().flat)
        return refuse("a program is not flat: its lanes depend on each other");
      if (image->workgroup != members_[0]->workgroup)
        return refuse("the programs have workgroups of different sizes");
    }
    return {};
  }

  Status check_handed() const {
    std::map<std::pair<std::uint32_t, std::uint32_t>, bool> seen;
    for (const HandOver& one : handed_) {
      VYRE_TRY(check_place(one.writer));
      if (!seen.emplace(std::pair{one.writer.member, one.writer.buffer}, true).second)
        return refuse("a buffer is handed over twice");
      const std::uint32_t stride = facts(one.writer).stride;
      const LaneReach writes = reach(one.writer);
      if (writes.loads || writes.elsewhere || stride == 0 || stride > kMaxElementBytes)
        return refuse(
            message("buffer '{}' is handed over, but its writer does more than to store "
                    "the lane's own element",
                    name(one.writer)));
      for (const HandOver::Place& reader : one.readers) {
        VYRE_TRY(check_place(reader));
        if (reader.member <= one.writer.member)
          return refuse(message("buffer '{}' is read before it is written", name(one.writer)));
        if (!seen.emplace(std::pair{reader.member, reader.buffer}, true).second)
          return refuse("a buffer is handed over twice");
        if (facts(reader).stride != stride)
          return refuse(message("buffer '{}' is handed over as elements of {} and of {} bytes",
                                name(one.writer), stride, facts(reader).stride));
        if (reach(reader).stores || reach(reader).elsewhere)
          return refuse(
              message("buffer '{}' is handed over, but its reader does more than to load "
                      "the lane's own element",
                      name(one.writer)));
      }
    }
    return {};
  }

  Status check_place(const HandOver::Place& place) const {
    if (place.member < members_.size() && place.buffer < members_[place.member]->buffers.size())
      return {};
    return refuse(message("buffer {} of program {} is handed over, and there is none", place.buffer,
                          place.member));
  }

  [[nodiscard]] const core::BufferFacts& facts(const HandOver::Place& place) const {
    return members_[place.member]->buffers[place.buffer];
  }
  [[nodiscard]] LaneReach reach(const HandOver::Place& place) const {
    return facts_[place.member].buffers[place.buffer];
  }
  [[nodiscard]] const std::string& name(const HandOver::Place& place) const {
    return members_[place.member]->buffer_names[place.buffer];
  }

  std::uint16_t constant(std::uint32_t bits) {
    const auto [found, fresh] =
        constants_.try_emplace(bits, static_cast<std::uint16_t>(out_.constants.size()));
    if (fresh) out_.constants.push_back(bits);
    return found->second;
  }

  void place_registers() {
    bases_.resize(members_.size());
    for (std::size_t m = 0; m < members_.size(); ++m) {
      const Image& image = *members_[m];
      bases_[m].constant = static_cast<std::uint32_t>(out_.constants.size());
      bases_[m].buffer = static_cast<std::uint32_t>(out_.buffers.size());
      out_.constants.insert(out_.constants.end(), image.constants.begin(), image.constants.end());
      out_.buffers.insert(out_.buffers.end(), image.buffers.begin(), image.buffers.end());
      for (const std::string& buffer : image.buffer_names)
        out_.buffer_names.push_back(message("{}.{}", m, buffer));
    }
    std::uint32_t vectors = 2;  // the lane's id, and one in between
    kept_.resize(handed_.size());
    for (std::size_t h = 0; h < handed_.size(); ++h) {
      const HandOver& one = handed_[h];
      Kept& kept = kept_[h];
      kept.of = &one;
      kept.stride = facts(one.writer).stride;
      kept.words = (kept.stride + 3) / 4;
      kept.first = static_cast<std::uint16_t>(vectors);
      vectors += kept.words;
      if (one.longer && one.elements <= 0xFFFF'FFFFu)
        kept.inside = static_cast<std::uint16_t>(vectors++);
      if (one.elements <= 0xFFFF'FFFFu) (void)constant(static_cast<std::uint32_t>(one.elements));
      if (kept.stride % 4 != 0) (void)constant(last_word(kept));
      written_[{one.writer.member, one.writer.buffer}] = h;
      for (const HandOver::Place& reader : one.readers) read_[{reader.member, reader.buffer}] = h;
    }
    if (!handed_.empty()) (void)constant(0);
    first_vector_ = handed_.empty() ? 0 : vectors;
    std::uint32_t scalars = static_cast<std::uint32_t>(out_.constants.size());
    std::uint32_t widest = 0;
    for (std::size_t m = 0; m < members_.size(); ++m) {
      const Image& image = *members_[m];
      const auto own = static_cast<std::uint32_t>(image.constants.size());
      bases_[m].scalar = scalars - own;  // a member numbers its scalars behind its constants
      scalars += image.scalar_registers - own;
      widest = std::max(widest, image.vector_registers);
      out_.mask_count = std::max(out_.mask_count, image.mask_count);
      out_.loops = out_.loops || image.loops;
      out_.diverges = out_.diverges || image.diverges;
    }
    out_.scalar_registers = scalars;
    out_.vector_registers = first_vector_ + widest;
    out_.workgroup = members_[0]->workgroup;
  }

  Status check_sizes() const {
    const auto beyond = [](const char* what, std::uint64_t value, std::uint64_t limit) {
      return refuse(
          message("together the programs need {} {}; the limit is {}", value, what, limit));
    };
    if (out_.vector_registers > kMaxVectorRegisters)
      return beyond("vector registers", out_.vector_registers, kMaxVectorRegisters);
    if (out_.constants.size() > kMaxImageConstants)
      return beyond("constants", out_.constants.size(), kMaxImageConstants);
    if (out_.scalar_registers - out_.constants.size() > kMaxScalarRegisters)
      return beyond("scalar registers", out_.scalar_registers - out_.constants.size(),
                    kMaxScalarRegisters);
    if (out_.buffers.size() > kMaxBuffers)
      return beyond("buffers", out_.buffers.size(), kMaxBuffers);
    return {};
  }

  void emit(const Instruction& i, std::uint32_t statement) {
    out_.code.push_back(i);
    out_.statements.push_back(statement);
    const bool looks =
        i.op == Opcode::poll || i.op == Opcode::loop_next_s || i.op == Opcode::loop_next_v;
    unpolled_ = looks ? 0 : unpolled_ + 1;
  }

  /// The instruction of a member with its numbers in the fused image, but for its target.
  [[nodiscard]] Instruction moved(std::size_t m, Instruction i) const {
    const lowering::OpcodeFacts facts = lowering::facts_of(i.op);
    const Base& base = bases_[m];
    const auto own = static_cast<std::uint32_t>(members_[m]->constants.size());
    const auto scalar = [&](std::uint32_t reg) {
      return static_cast<std::uint16_t>(reg + (reg < own ? base.constant : base.scalar));
    };
    const auto number = [&](std::uint16_t& reg, bool is_scalar) {
      reg = is_scalar ? scalar(reg) : static_cast<std::uint16_t>(reg + first_vector_);
    };
    if (facts.sources > 0) number(i.a, (i.form & kScalarA) != 0);
    if (facts.sources > 1) number(i.b, (i.form & kScalarB) != 0);
    if (facts.sources > 2) number(i.c, (i.form & kScalarC) != 0);
    if (i.op == Opcode::fmul_add_chain)
      i.imm = std::uint32_t{scalar(i.imm & 0xFFFFu)} | std::uint32_t{scalar(i.imm >> 16)} << 16;
    if (lowering::has_result(i.op)) number(i.dst, (i.form & core::kScalarResult) != 0);
    if (facts.shape == lowering::Shape::memory) i.imm += base.buffer;
    return i;
  }

  void open_frame() {
    if (handed_.empty()) return;
    emit({Opcode::global_id, 0, 0, kId, 0, 0, 0, 0}, 0);
    for (const Kept& kept : kept_) {
      for (std::uint32_t k = 0; k < kept.words; ++k)
        emit({Opcode::mov, kScalarA, 0, word(kept, k), constant(0), 0, 0, 0}, 0);
    }
  }

  void member(std::size_t m) {
    const Image& from = *members_[m];
    const auto end = static_cast<std::uint32_t>(from.code.size() - 1);  // `end`
    std::vector<std::uint32_t> place(from.code.size(), 0);
    std::vector<std::uint32_t> jumps;
    for (std::uint32_t at = from.once_count; at < end; ++at) {
      const std::uint32_t statement = from.statements[at];
      place[at] = static_cast<std::uint32_t>(out_.code.size());
      if (unpolled_ >= kMostUnpolled) emit({Opcode::poll, 0, 0, 0, 0, 0, 0, 0}, statement);
      const Instruction& i = from.code[at];
      if (core::has_target(i.op)) jumps.push_back(static_cast<std::uint32_t>(out_.code.size()));
      const auto key = std::pair{static_cast<std::uint32_t>(m), i.imm};
      if (lowering::is_store(i.op) && written_.contains(key)) {
        store(kept_[written_[key]], moved(m, i), statement);
      } else if (lowering::is_load(i.op) && read_.contains(key)) {
        load(kept_[read_[key]], moved(m, i), statement);
      } else {
        emit(moved(m, i), statement);
      }
    }
    place[end] = static_cast<std::uint32_t>(out_.code.size());
    for (const std::uint32_t at : jumps) out_.code[at].imm = place[out_.code[at].imm];
  }

  /// What the writer stores, as a load would give it, on the lanes that store.
  void store(const Kept& kept, const Instruction& i, std::uint32_t statement) {
    if (kept.of->stored) emit(i, statement);
    const std::uint8_t scalar = (i.form & kScalarB) != 0 ? kScalarA : std::uint8_t{0};
    const std::uint32_t given = i.op == Opcode::store_n ? i.c : 1;
    for (std::uint32_t k = 0; k < kept.words; ++k) {
      Instruction assign{Opcode::assign, kScalarA, 1, word(kept, k), constant(0), 0, 0, 0};
      if (k < given) {
        assign.a = static_cast<std::uint16_t>(i.b + k);
        assign.form = scalar;
        const bool partly = k + 1 == kept.words && kept.stride % 4 != 0;
        if (partly || i.op == Opcode::store_f32) {
          // Neither instruction mixes a scalar operand with a vector result.
          emit({Opcode::mov, scalar, 0, kBetween, assign.a, 0, 0, 0}, statement);
          if (partly)
            emit(
                {Opcode::bit_and, kScalarB, 0, kBetween, kBetween, constant(last_word(kept)), 0, 0},
                statement);
          else
            emit({Opcode::fcanon, 0, 0, kBetween, kBetween, 0, 0, 0}, statement);
          assign.a = kBetween;
          assign.form = 0;
        }
      }
      emit(assign, statement);
    }
  }

  void load(const Kept& kept, const Instruction& i, std::uint32_t statement) {
    if (kept.of->longer) {
      emit(i, statement);
      if (!kept.inside) return keep_all(kept, i.dst, statement);
      for (std::uint32_t k = 0; k < kept.words; ++k) {
        const auto to = static_cast<std::uint16_t>(i.dst + k);
        emit({Opcode::select, 0, 0, to, *kept.inside, word(kept, k), to, 0}, statement);
      }
      return;
    }
    keep_all(kept, i.dst, statement);
  }

  void keep_all(const Kept& kept, std::uint16_t to, std::uint32_t statement) {
    for (std::uint32_t k = 0; k < kept.words; ++k)
      emit({Opcode::mov, 0, 0, static_cast<std::uint16_t>(to + k), word(kept, k), 0, 0, 0},
           statement);
  }

  /// Behind a writer: lanes whose element lies beyond its buffer have stored nothing.
  void settle(std::size_t m) {
    for (const Kept& kept : kept_) {
      if (kept.of->writer.member != m || kept.of->elements > 0xFFFF'FFFFu) continue;
      const std::uint16_t elements = constant(static_cast<std::uint32_t>(kept.of->elements));
      const std::uint16_t inside = kept.inside.value_or(kBetween);
      emit({Opcode::ult, kScalarB, 0, inside, kId, elements, 0, 0}, 0);
      for (std::uint32_t k = 0; !kept.inside && k < kept.words; ++k)
        emit({Opcode::select, kScalarC, 0, word(kept, k), inside, word(kept, k), constant(0), 0},
             0);
    }
  }

  [[nodiscard]] static std::uint16_t word(const Kept& kept, std::uint32_t k) {
    return static_cast<std::uint16_t>(kept.first + k);
  }
  /// The bits of an element's last word that belong to it.
  [[nodiscard]] static std::uint32_t last_word(const Kept& kept) {
    return (std::uint32_t{1} << kept.stride % 4 * 8) - 1;
  }

  static constexpr std::uint16_t kId{0};
  static constexpr std::uint16_t kBetween{1};

  std::span<const Image* const> members_;
  std::span<const HandOver> handed_;
  std::vector<LaneFacts> facts_;
  std::vector<Base> bases_;
  std::vector<Kept> kept_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> written_;  // by (member, buffer)
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> read_;
  std::map<std::uint32_t, std::uint16_t> constants_;  // of the fused image's own instructions
  std::uint32_t first_vector_{0};
  std::uint32_t unpolled_{0};  // instructions since the last look at the stop word
  Image out_;
};

}  // namespace

Result<core::Image> fuse(std::span<const core::Image* const> members,
                         std::span<const HandOver> handed) {
  return Fuser(members, handed).run();
}

}  // namespace vyre::vir
