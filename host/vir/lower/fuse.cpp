// Code of the members one behind the other, with registers, constants, buffers and targets
// renumbered. Vector registers below `first_vector_` belong to the fused image: the lane's id, and
// what is handed over. Above them each member has the same ones, because nothing else outlives it.
// Scalars are each member's own, because some hold for a whole run. What an earlier member has done
// for all lanes is left out: the lane's id, its check, and copies of what is handed over.
#include "vir/lower/fuse.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/message.hpp"
#include "fusion_checks.hpp"
#include "member_flow.hpp"
#include "protocol/limits.hpp"
#include "vir/lower/opcode_facts.hpp"

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

/// What the fused image keeps of one buffer that is handed over.
struct Kept {
  const HandOver* of{nullptr};
  std::uint16_t first{0};  // of `words` registers
  std::uint32_t words{0};
  std::uint32_t stride{0};
  std::optional<std::uint16_t> inside;  // a register: the lane's element is inside the writer's
  bool set{false};                      // on every lane that has an element
};

class Fuser {
 public:
  Fuser(std::span<const Image* const> members, std::span<const HandOver> handed)
      : members_(members), handed_(handed) {}

  Result<Image> run() {
    for (const Image* const image : members_) facts_.push_back(lane_facts(*image));
    VYRE_TRY(lowering::check_fusion(members_, handed_, facts_));
    for (const Image* const image : members_) flows_.emplace_back(*image);
    place_registers();
    VYRE_TRY(lowering::check_fused_sizes(out_));
    for (std::size_t m = 0; m < members_.size(); ++m) {
      const Image& from = *members_[m];
      for (std::uint32_t at = 0; at < from.once_count; ++at) emit(moved(m, at), 0);
    }
    out_.once_count = static_cast<std::uint32_t>(out_.code.size());
    open_frame();
    for (std::size_t m = 0; m < members_.size(); ++m) {
      look_for_copies(m);
      member(m);
      settle(m);
      const bool last = m + 1 == members_.size();
      emit({last ? Opcode::end : Opcode::rejoin, 0, 0, 0, 0, 0, 0,
            last ? 0 : static_cast<std::uint32_t>(m)},
           0);
    }
    if (out_.code.size() > kMaxImageInstructions) {
      return fail(Errc::unsupported,
                  message("together the programs lower to {} instructions; the limit is {}",
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
  /// A register of a member that stands for another one of the fused image.
  struct Alias {
    std::uint16_t to{0};
    std::uint32_t until{0};  // the last instruction of the member that may read it
  };

  [[nodiscard]] const core::BufferFacts& facts(const HandOver::Place& place) const {
    return members_[place.member]->buffers[place.buffer];
  }

  std::uint16_t constant(std::uint32_t bits) {
    const auto [found, fresh] =
        constants_.try_emplace(bits, static_cast<std::uint16_t>(out_.constants.size()));
    if (fresh) out_.constants.push_back(bits);
    return found->second;
  }

  /// Members with the same constants have them in common.
  std::uint32_t constants_of(std::size_t m) {
    const std::vector<std::uint32_t>& own = members_[m]->constants;
    for (std::size_t other = 0; other < m; ++other) {
      if (members_[other]->constants == own) return bases_[other].constant;
    }
    const auto first = static_cast<std::uint32_t>(out_.constants.size());
    out_.constants.insert(out_.constants.end(), own.begin(), own.end());
    return first;
  }

  void place_registers() {
    bases_.resize(members_.size());
    for (std::size_t m = 0; m < members_.size(); ++m) {
      const Image& image = *members_[m];
      bases_[m].constant = constants_of(m);
      bases_[m].buffer = static_cast<std::uint32_t>(out_.buffers.size());
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
      kept.set = facts_[one.writer.member].buffers[one.writer.buffer].covers;
      if (!one.all_inside && one.elements <= 0xFFFF'FFFFu) {
        const auto elements = static_cast<std::uint32_t>(one.elements);
        (void)constant(elements);
        const auto [at, fresh] =
            insides_.try_emplace(elements, static_cast<std::uint16_t>(vectors));
        if (fresh) ++vectors;
        kept.inside = at->second;
      }
      if (kept.stride % 4 != 0) (void)constant(last_word(kept));
      written_[{one.writer.member, one.writer.buffer}] = h;
      for (const HandOver::Place& reader : one.readers) read_[{reader.member, reader.buffer}] = h;
    }
    if (!handed_.empty()) (void)constant(0);
    const auto know_their_id =
        std::count_if(flows_.begin(), flows_.end(),
                      [](const lowering::MemberFlow& flow) { return flow.lane_id().has_value(); });
    shares_id_ = !handed_.empty() || know_their_id > 1;
    first_vector_ = shares_id_ ? vectors : 0;
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

  void emit(const Instruction& i, std::uint32_t statement) {
    out_.code.push_back(i);
    out_.statements.push_back(statement);
    const bool looks =
        i.op == Opcode::poll || i.op == Opcode::loop_next_s || i.op == Opcode::loop_next_v;
    unpolled_ = looks ? 0 : unpolled_ + 1;
  }

  /// The instruction of a member with its numbers in the fused image, but for its target.
  [[nodiscard]] Instruction moved(std::size_t m, std::uint32_t at) const {
    Instruction i = members_[m]->code[at];
    const lowering::OpcodeFacts facts = lowering::facts_of(i.op);
    const Base& base = bases_[m];
    const auto own = static_cast<std::uint32_t>(members_[m]->constants.size());
    const auto scalar = [&](std::uint32_t reg) {
      return static_cast<std::uint16_t>(reg + (reg < own ? base.constant : base.scalar));
    };
    const auto vector = [&](std::uint16_t reg) {
      return static_cast<std::uint16_t>(reg + first_vector_);
    };
    const auto source = [&](std::uint16_t& reg, bool is_scalar) {
      const auto alias = is_scalar ? aliases_.end() : aliases_.find(reg);
      const bool other = alias != aliases_.end() && at <= alias->second.until;
      reg = is_scalar ? scalar(reg) : other ? alias->second.to : vector(reg);
    };
    if (facts.sources > 0) source(i.a, (i.form & kScalarA) != 0);
    if (facts.sources > 1) source(i.b, (i.form & kScalarB) != 0);
    if (facts.sources > 2) source(i.c, (i.form & kScalarC) != 0);
    if (i.op == Opcode::fmul_add_chain)
      i.imm = std::uint32_t{scalar(i.imm & 0xFFFFu)} | std::uint32_t{scalar(i.imm >> 16)} << 16;
    if (lowering::has_result(i.op))
      i.dst = (i.form & core::kScalarResult) != 0 ? scalar(i.dst) : vector(i.dst);
    if (facts.shape == lowering::Shape::memory) i.imm += base.buffer;
    return i;
  }

  void open_frame() {
    if (!shares_id_) return;
    emit({Opcode::global_id, 0, 0, kId, 0, 0, 0, 0}, 0);
    for (const auto& [elements, inside] : insides_)
      emit({Opcode::ult, kScalarB, 0, inside, kId, constant(elements), 0, 0}, 0);
    for (const Kept& kept : kept_) {
      for (std::uint32_t k = 0; !kept.set && k < kept.words; ++k)
        emit({Opcode::mov, kScalarA, 0, word(kept, k), constant(0), 0, 0, 0}, 0);
    }
  }

  /// Where a member's values lie in registers of the fused image from the beginning.
  void look_for_copies(std::size_t m) {
    const Image& from = *members_[m];
    const lowering::MemberFlow& flow = flows_[m];
    aliases_.clear();
    if (shares_id_ && flow.lane_id())
      aliases_[*flow.lane_id()] = {kId, static_cast<std::uint32_t>(from.code.size())};
    results_.clear();
    std::map<std::size_t, std::uint32_t> stores;  // of what is handed over
    for (std::uint32_t at = from.once_count; at < from.code.size(); ++at) {
      const auto key = std::pair{static_cast<std::uint32_t>(m), from.code[at].imm};
      if (lowering::is_store(from.code[at].op) && written_.contains(key)) ++stores[written_[key]];
    }
    for (std::uint32_t at = from.once_count; flow.is_straight(at); ++at) {
      const Instruction& i = from.code[at];
      const auto key = std::pair{static_cast<std::uint32_t>(m), i.imm};
      if (i.op != Opcode::store32 || (i.form & kScalarB) != 0 || !written_.contains(key)) continue;
      const std::size_t h = written_[key];
      if (stores[h] != 1 || kept_[h].stride != 4) continue;
      // The word goes where it is kept at once, and is read there.
      const auto set = flow.set_by(at, i.b);
      if (!set || results_.contains(*set)) continue;
      const auto until = flow.last_read(*set, i.b);
      if (until) results_[*set] = {word(kept_[h], 0), *until};
    }
  }

  [[nodiscard]] bool is_handed_load(std::size_t m, const Instruction& i) const {
    return lowering::is_load(i.op) && read_.contains({static_cast<std::uint32_t>(m), i.imm});
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
      if (is_left_out(m, at)) continue;
      if (core::has_target(i.op)) jumps.push_back(static_cast<std::uint32_t>(out_.code.size()));
      const auto key = std::pair{static_cast<std::uint32_t>(m), i.imm};
      Instruction one = moved(m, at);
      if (lowering::is_store(i.op) && written_.contains(key)) {
        store(kept_[written_[key]], one, statement);
      } else if (is_handed_load(m, i)) {
        if (!reads_register(m, at)) load(kept_[read_[key]], one, statement);
      } else {
        if (const auto result = results_.find(at); result != results_.end()) {
          aliases_[i.dst] = result->second;
          one.dst = result->second.to;
        }
        emit(one, statement);
      }
    }
    place[end] = static_cast<std::uint32_t>(out_.code.size());
    for (const std::uint32_t at : jumps) out_.code[at].imm = place[out_.code[at].imm];
  }

  /// What all lanes have had from an earlier member, or from the begin of the frame.
  [[nodiscard]] bool is_left_out(std::size_t m, std::uint32_t at) {
    const Instruction& i = members_[m]->code[at];
    if (shares_id_ && lowering::is_lane_id(i) && i.dst == flows_[m].lane_id()) return true;
    if (i.op != Opcode::id_guard) return false;
    const bool had = (guarded_ >> i.aux & 1u) != 0;
    if (flows_[m].is_straight(at)) guarded_ |= 1u << i.aux;
    return had;
  }

  /// Whether what the load gives is read where it is kept.
  [[nodiscard]] bool reads_register(std::size_t m, std::uint32_t at) {
    const Instruction& i = members_[m]->code[at];
    const Kept& kept = kept_[read_.at({static_cast<std::uint32_t>(m), i.imm})];
    if (kept.words != 1 || from_memory(kept) || (i.form & core::kScalarResult) != 0) return false;
    const auto until = flows_[m].last_read(at, i.dst);
    if (until) aliases_[i.dst] = {word(kept, 0), *until};
    return until.has_value();
  }

  /// What the writer stores, as a load would give it, on the lanes that store.
  void store(const Kept& kept, const Instruction& i, std::uint32_t statement) {
    if (kept.of->stored) emit(i, statement);
    if ((i.form & kScalarB) == 0 && i.b == word(kept, 0)) return;  // it lies there already
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
    if (from_memory(kept)) {
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
      if (kept.of->writer.member != m || !kept.inside || kept.of->longer) continue;
      for (std::uint32_t k = 0; k < kept.words; ++k)
        emit({Opcode::select, kScalarC, 0, word(kept, k), *kept.inside, word(kept, k), constant(0),
              0},
             0);
    }
  }

  /// Whether some lanes read an element that the writer's buffer does not have.
  [[nodiscard]] static bool from_memory(const Kept& kept) {
    return kept.of->longer && !kept.of->all_inside;
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
  std::map<std::uint32_t, std::uint16_t> insides_;    // registers: the lane's id is below
  std::vector<lowering::MemberFlow> flows_;
  std::map<std::uint16_t, Alias> aliases_;  // of the member that is emitted, by its register
  std::map<std::uint32_t, Alias> results_;  // by its instruction, where its result lies
  bool shares_id_{false};                   // kId holds it
  std::uint32_t guarded_{0};                // axes, as bits: each lane passed their id_guard
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
