// The image of a program: typed, fixed-width instructions that both interpreters execute.
// The container is host only; Instruction, BufferFacts and ImageView are plain data that a kernel
// may copy. Made by vir::lower, never changed afterwards. Spec: docs/internals/image.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "core/byte_runs.hpp"

namespace vyre::core {

enum class Opcode : std::uint16_t {
#define VYRE_OPCODE(name, sources, shape) name,
#include "core/opcodes.def"
};

/// Whether lanes see other lanes there: no lane of a workgroup goes beyond it after a fault.
[[nodiscard]] constexpr bool is_meeting(Opcode op) noexcept {
  return op == Opcode::barrier || op == Opcode::ballot || op == Opcode::shuffle ||
         op == Opcode::group_reduce;
}

/// Whether imm is an instruction index.
[[nodiscard]] constexpr bool has_target(Opcode op) noexcept {
  switch (op) {
    case Opcode::if_begin:
    case Opcode::if_id_below:
    case Opcode::else_begin:
    case Opcode::jump:
    case Opcode::jump_if_zero:
    case Opcode::loop_enter_s:
    case Opcode::loop_next_s:
    case Opcode::loop_enter_v:
    case Opcode::loop_next_v:
    case Opcode::leave:
      return true;
    default:
      return false;
  }
}

/// Bits of Instruction::form: which operands name a scalar register (one word a batch) instead of a
/// vector register (one word a lane). kScalarResult: dst does too, and so do all operands.
inline constexpr std::uint8_t kScalarA{1};
inline constexpr std::uint8_t kScalarB{2};
inline constexpr std::uint8_t kScalarC{4};
inline constexpr std::uint8_t kScalarResult{128};
/// Bit of Instruction::form of `atomic`: nothing reads dst, which need not be written.
inline constexpr std::uint8_t kOldUnread{8};

/// Instruction::aux of `atomic`.
enum class AtomicCode : std::uint8_t {
  add,
  bit_or,
  bit_and,
  bit_xor,
  umin,
  umax,
  exchange,
  compare_exchange
};
/// Instruction::aux of `group_reduce`.
enum class GroupCode : std::uint8_t {
  add_u32,
  mul_u32,
  min_u32,
  max_u32,
  and_u32,
  or_u32,
  xor_u32,
  add_f32,
  mul_f32,
  min_f32,
  max_f32
};

/// Instruction::aux of 1- and 4-byte loads and 4-byte stores: the index register holds the global
/// id of axis 0.
inline constexpr std::uint8_t kIndexIsGlobalId{1};
/// The same: it goes up by one from lane to lane, modulo 2^32, where the dispatch is one line.
inline constexpr std::uint8_t kIndexIsRun{2};

struct Instruction {
  Opcode op;
  std::uint8_t form;
  std::uint8_t aux;
  std::uint16_t dst;
  std::uint16_t a;
  std::uint16_t b;
  std::uint16_t c;
  std::uint32_t imm;
};
static_assert(sizeof(Instruction) == 16 && std::is_trivially_copyable_v<Instruction>);
static_assert(std::has_unique_object_representations_v<Instruction>);
static_assert(offsetof(Instruction, dst) == 4 && offsetof(Instruction, imm) == 12);

/// What accesses need to know of a buffer. `stride` 0: unsized elements, every load is empty.
struct BufferFacts {
  std::uint32_t stride;           // bytes between elements of loads and stores
  std::uint32_t length_bits;      // bits of one element for BufLen; 0: count bytes
  std::uint32_t workgroup_bytes;  // > 0: workgroup memory, zeroed for every workgroup
  std::uint32_t is_workgroup;
};

/// A buffer of 4-byte elements that lanes reach by atomics of one kind only, whose old values
/// nothing reads: when during a run they happen is seen by nothing in it.
struct TallyFacts {
  std::uint32_t buffer;
  AtomicCode code;
};

/// What the interpreter reads; pointers into an Image or into a device copy of it.
struct ImageView {
  const Instruction* code;
  const std::uint32_t* statements;  // by instruction: pre-order index of its node
  const std::uint32_t* constants;   // first words of the scalar file
  const BufferFacts* buffers;
  std::uint32_t code_count;
  std::uint32_t constant_count;
  std::uint32_t buffer_count;
  std::uint32_t vector_registers;
  std::uint32_t scalar_registers;  // constants included
  std::uint32_t mask_count;
  std::uint32_t once_count;  // the first instructions: scalar work that holds for a whole run
  std::uint32_t workgroup[3];
  std::uint32_t flat;   // lanes of many workgroups may share a batch
  std::uint32_t loops;  // has a loop or an asynchronous copy: fuel must be counted
};

class Image {
 public:
  std::vector<Instruction> code;
  std::vector<std::uint32_t> statements;
  std::vector<std::uint32_t> constants;
  std::vector<BufferFacts> buffers;
  std::vector<std::string> buffer_names;
  std::vector<TallyFacts> tallies;
  /// Buffers of bytes that are read in places of the lanes' own and never written here; all that
  /// the program writes to, where there is one of these; and how many instructions a workgroup
  /// executes at most that ends before it touches memory (0: none does). For a CPU.
  std::vector<std::uint32_t> read_bytewise;
  std::vector<std::uint32_t> written;
  std::uint32_t idle_instructions{0};
  // For a CPU: `code` where byte runs begin with byte_run. Empty: there are none.
  std::vector<Instruction> byte_code;
  std::vector<ByteRun> byte_runs;
  std::vector<ByteStep> byte_steps;
  /// The instruction that sets the lane's id, if only byte runs read it: those that are executed as
  /// they are written do it first.
  std::uint32_t ids_on_demand{kNoInstruction};
  std::uint32_t vector_registers{0};
  std::uint32_t scalar_registers{0};
  std::uint32_t mask_count{1};
  std::uint32_t once_count{0};
  std::array<std::uint32_t, 3> workgroup{1, 1, 1};
  std::uint64_t workgroup_bytes{0};  // sum over workgroup buffers, each rounded up to 16
  bool flat{true};                   // no workgroup memory, barriers, subgroups or async copies
  bool loops{false};
  bool diverges{false};    // has a loop whose bounds differ between lanes
  bool uses_async{false};  // CPU only

  [[nodiscard]] std::uint32_t lanes() const noexcept {
    return workgroup[0] * workgroup[1] * workgroup[2];
  }
  [[nodiscard]] ImageView view() const noexcept {
    return {code.data(),
            statements.data(),
            constants.data(),
            buffers.data(),
            static_cast<std::uint32_t>(code.size()),
            static_cast<std::uint32_t>(constants.size()),
            static_cast<std::uint32_t>(buffers.size()),
            vector_registers,
            scalar_registers,
            mask_count,
            once_count,
            {workgroup[0], workgroup[1], workgroup[2]},
            flat ? 1u : 0u,
            loops ? 1u : 0u};
  }
};

}  // namespace vyre::core
