#include "support/ptx/machine.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/message.hpp"
#include "core/compiled.hpp"
#include "core/f32_transcendental.hpp"
#include "support/ptx/values.hpp"

namespace vyre::test::ptx {
namespace {

constexpr std::uint32_t kThreads{32};
/// What a register holds that nothing has written.
constexpr std::uint64_t kGarbage{0xDEADBEEFDEADBEEF};

using Table = std::map<std::string, float (*)(float), std::less<>>;
const Table& linked_functions() {
  namespace f32 = core::f32;
  static const Table table{
      {"vyre_f32_sin", f32::sin},   {"vyre_f32_cos", f32::cos},   {"vyre_f32_tan", f32::tan},
      {"vyre_f32_asin", f32::asin}, {"vyre_f32_acos", f32::acos}, {"vyre_f32_atan", f32::atan},
      {"vyre_f32_sinh", f32::sinh}, {"vyre_f32_cosh", f32::cosh}, {"vyre_f32_tanh", f32::tanh},
      {"vyre_f32_exp", f32::exp},   {"vyre_f32_exp2", f32::exp2}, {"vyre_f32_log", f32::log},
      {"vyre_f32_log2", f32::log2}};
  return table;
}

struct Thread {
  std::vector<std::uint64_t> cells;
  std::size_t pc{0};
  bool waits{false};
  bool done{false};
};

class Warp {
 public:
  Warp(const Function& function, const Unit& unit)
      : function_(function),
        unit_(unit),
        scratch_(unit.scratch_bytes / 8 + 1, kGarbage),
        table_(unit.buffers.size()) {
    for (std::size_t b = 0; b < table_.size(); ++b)
      table_[b] = core::bind_buffer(unit.buffers[b], {});
  }

  Result<std::uint32_t> run() {
    start();
    while (!error_ && !over()) {
      for (Thread& thread : threads_) {
        while (!error_ && !thread.waits && !thread.done) step(thread);
      }
      if (!error_ && !over()) meet();
    }
    if (error_) return tl::unexpected<Error>(*error_);
    std::uint32_t answer = 0;
    for (Thread& thread : threads_)
      answer = std::max(answer, static_cast<std::uint32_t>(thread.cells[cell("p_answer")]));
    return answer;
  }

 private:
  [[nodiscard]] bool over() const {
    return std::all_of(threads_.begin(), threads_.end(), [](const Thread& t) { return t.done; });
  }
  [[nodiscard]] std::uint32_t cell(std::string_view name) const {
    return function_.cells.find(name)->second;
  }
  void start() {
    const auto address = [](const void* p) { return std::bit_cast<std::uint64_t>(p); };
    for (std::uint32_t t = 0; t < kThreads; ++t) {
      Thread& thread = threads_[t];
      thread.cells.assign(function_.cells.size(), kGarbage);
      const auto set = [&](std::string_view name, std::uint64_t value) {
        const auto found = function_.cells.find(name);
        if (found != function_.cells.end()) thread.cells[found->second] = value;
      };
      set("p_buffers", address(table_.data()));
      set("p_scratch", address(scratch_.data()));
      set("p_first", unit_.first);
      set("p_count", unit_.count);
      set("p_grid_x", unit_.grid[0]);
      set("p_grid_y", unit_.grid[1]);
      set("p_grid_z", unit_.grid[2]);
      set("p_fuel", unit_.fuel);
      set("p_stop", address(&unit_.stop));
      set("%laneid", t);
    }
  }
  void fail_at(const Instruction& i, const std::string& why) {
    if (!error_)
      error_ = Error{Errc::internal, message("line {}: {}", i.line, why), kNoOffset, 0, 0, 0};
  }

  // ---- memory
  [[nodiscard]] bool inside(std::uint64_t at, std::uint64_t bytes) const {
    const auto in = [&](const void* begin, std::uint64_t size) {
      const auto first = std::bit_cast<std::uint64_t>(begin);
      return at >= first && at + bytes <= first + size;
    };
    if (in(scratch_.data(), unit_.scratch_bytes) || in(&unit_.stop, 4) ||
        in(table_.data(), table_.size() * sizeof(core::BoundBuffer)))
      return true;
    return std::any_of(table_.begin(), table_.end(), [&](const core::BoundBuffer& buffer) {
      return in(buffer.data, buffer.bytes);
    });
  }
  /// Null and an error where it may not go.
  std::uint8_t* place(const Thread& thread, const Instruction& i, const Operand& operand) {
    const std::uint64_t at = thread.cells[operand.cell] + operand.number;
    const std::uint64_t bytes = bits_of(i.type) / 8;
    if (inside(at, bytes) && at % bytes == 0) return std::bit_cast<std::uint8_t*>(at);
    fail_at(i, "an access outside of the buffers, or not aligned");
    return nullptr;
  }

  // ---- one thread
  std::uint64_t read(const Thread& thread, const Operand& operand) const {
    if (operand.kind == Operand::Kind::number) return operand.number;
    if (operand.kind == Operand::Kind::pair)
      return (thread.cells[operand.cell] & 0xFFFFFFFFu) | thread.cells[operand.other] << 32;
    return thread.cells[operand.cell];
  }
  static void write(Thread& thread, const Operand& operand, std::uint64_t value) {
    if (operand.kind == Operand::Kind::pair) {
      thread.cells[operand.cell] = value & 0xFFFFFFFFu;
      thread.cells[operand.other] = value >> 32;
    } else {
      thread.cells[operand.cell] = value;
    }
  }

  void step(Thread& thread) {
    if (thread.pc >= function_.code.size()) {
      thread.done = true;
      return;
    }
    const Instruction& i = function_.code[thread.pc];
    if (++steps_ > unit_.most_steps) return fail_at(i, "the unit does not end");
    if (i.guard != Instruction::kNoCell && (thread.cells[i.guard] != 0) == i.guard_negated) {
      ++thread.pc;
      return;
    }
    ++thread.pc;
    switch (i.op) {
      case Op::bra:
        thread.pc = i.operands[0].number;
        return;
      case Op::ret:
        thread.done = true;
        return;
      case Op::vote:
      case Op::shfl:
      case Op::redux:
      case Op::barrier:
        --thread.pc;
        thread.waits = true;
        return;
      case Op::ld:
        return load(thread, i);
      case Op::st:
        return store(thread, i);
      case Op::atom:
      case Op::red:
        return atomic(thread, i);
      case Op::call: {
        const auto found = linked_functions().find(i.function);
        if (found == linked_functions().end()) return fail_at(i, "no such function");
        const float x =
            std::bit_cast<float>(static_cast<std::uint32_t>(thread.cells[i.operands[1].cell]));
        write(thread, i.operands[0], std::bit_cast<std::uint32_t>(found->second(x)));
        return;
      }
      default: {
        std::array<std::uint64_t, 3> in{};
        for (std::size_t k = 1; k < i.operands.size(); ++k) in[k - 1] = read(thread, i.operands[k]);
        write(thread, i.operands[0], compute(i, in));
        return;
      }
    }
  }
  void load(Thread& thread, const Instruction& i) {
    const Operand& from = i.operands[1];
    if (is_parameter(from)) return write(thread, i.operands[0], thread.cells[from.cell]);
    const std::uint8_t* const at = place(thread, i, from);
    if (at == nullptr) return;
    std::uint64_t value = 0;
    std::memcpy(&value, at, bits_of(i.type) / 8);
    write(thread, i.operands[0], value);
  }
  void store(Thread& thread, const Instruction& i) {
    const Operand& to = i.operands[0];
    const std::uint64_t value = read(thread, i.operands[1]);
    if (is_parameter(to)) {
      thread.cells[to.cell] = value;
      return;
    }
    std::uint8_t* const at = place(thread, i, to);
    if (at != nullptr) std::memcpy(at, &value, bits_of(i.type) / 8);
  }
  /// Parameters have names without %, and accesses to them are by name.
  [[nodiscard]] bool is_parameter(const Operand& operand) const {
    if (parameters_.empty()) {
      parameters_.assign(function_.cells.size(), false);
      for (const auto& [name, index] : function_.cells) parameters_[index] = name[0] != '%';
    }
    return parameters_[operand.cell];
  }
  void atomic(Thread& thread, const Instruction& i) {
    const std::size_t first = i.op == Op::atom ? 1 : 0;
    std::uint8_t* const at = place(thread, i, i.operands[first]);
    if (at == nullptr) return;
    std::uint32_t old = 0;
    std::memcpy(&old, at, 4);
    auto value = static_cast<std::uint32_t>(read(thread, i.operands[first + 1]));
    if (i.inner == Op::cas) {
      const bool same = old == value;
      value = same ? static_cast<std::uint32_t>(read(thread, i.operands[first + 2])) : old;
    } else {
      value = combine(i.inner, old, value);
    }
    std::memcpy(at, &value, 4);
    if (i.op == Op::atom) write(thread, i.operands[0], old);
  }

  // ---- threads together
  std::uint32_t members(const Thread& thread) const {
    return static_cast<std::uint32_t>(read(thread, function_.code[thread.pc].operands.back()));
  }
  /// Lets those go on who are all there.
  void meet() {
    bool any = false;
    for (std::uint32_t t = 0; t < kThreads && !error_; ++t) {
      if (!threads_[t].waits) continue;
      const Instruction& i = function_.code[threads_[t].pc];
      const std::uint32_t mask = members(threads_[t]);
      if ((mask >> t & 1) == 0) return fail_at(i, "a thread is not in its own member mask");
      bool all = true;
      for (std::uint32_t k = 0; k < kThreads; ++k) {
        const Thread& other = threads_[k];
        if ((mask >> k & 1) == 0) continue;
        all = all && other.waits && other.pc == threads_[t].pc && members(other) == mask;
      }
      if (!all) continue;
      any = true;
      together(i, mask);
    }
    if (!any && !error_) {
      const auto waiting = std::find_if(threads_.begin(), threads_.end(),
                                        [](const Thread& thread) { return thread.waits; });
      fail_at(function_.code[waiting->pc], "threads wait for others that never come");
    }
  }
  void together(const Instruction& i, std::uint32_t mask) {
    std::array<std::uint64_t, kThreads> in{};
    std::uint32_t votes = 0;
    std::optional<std::uint32_t> sum;
    for (std::uint32_t k = 0; k < kThreads; ++k) {
      if ((mask >> k & 1) == 0 || i.op == Op::barrier) continue;
      in[k] = read(threads_[k], i.operands[1]);
      votes |= (in[k] != 0 ? 1u : 0u) << k;
      const auto word = static_cast<std::uint32_t>(in[k]);
      if (i.op == Op::redux) sum = sum ? combine(i.inner, *sum, word) : word;
    }
    std::array<std::uint64_t, kThreads> out{};
    for (std::uint32_t k = 0; k < kThreads; ++k) {
      if ((mask >> k & 1) == 0) continue;
      if (i.op == Op::vote) out[k] = i.inner == Op::ballot ? votes : (votes != 0 ? 1 : 0);
      if (i.op == Op::redux) out[k] = *sum;
      if (i.op != Op::shfl) continue;
      const std::uint64_t from = read(threads_[k], i.operands[2]) & 31;
      // What a thread that takes no part has is not known.
      out[k] = (mask >> from & 1) != 0 ? in[from] : kGarbage & 0xFFFFFFFFu;
    }
    for (std::uint32_t k = 0; k < kThreads; ++k) {
      if ((mask >> k & 1) == 0) continue;
      if (i.op != Op::barrier) write(threads_[k], i.operands[0], out[k]);
      threads_[k].waits = false;
      ++threads_[k].pc;
    }
  }

  const Function& function_;
  const Unit& unit_;
  std::vector<std::uint64_t> scratch_;
  std::vector<core::BoundBuffer> table_;
  std::array<Thread, kThreads> threads_;
  std::uint64_t steps_{0};
  mutable std::vector<bool> parameters_;  // by cell
  std::optional<Error> error_;
};

}  // namespace

Result<std::uint32_t> run_unit(const Function& function, const Unit& unit) {
  return Warp(function, unit).run();
}

}  // namespace vyre::test::ptx
