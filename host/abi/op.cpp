// Ops: adding, finding and describing them.
#include <algorithm>
#include <string>

#include "base/message.hpp"
#include "bound.hpp"
#include "builtin/catalogue.hpp"
#include "program.hpp"
#include "protocol/limits.hpp"
#include "runtime/op_options.hpp"
#include "session.hpp"
#include "structures.hpp"

namespace vyre::abi {
namespace {

vyre_op public_op(const vyre_session& session, std::uint32_t number) {
  return Number{session.tag, Kind::op, kOnlyGeneration, number}.bits();
}

std::uint32_t element_of(builtin::Holds holds) {
  switch (holds) {
    case builtin::Holds::u32:
      return VYRE_ELEMENT_U32;
    case builtin::Holds::i32:
      return VYRE_ELEMENT_I32;
    case builtin::Holds::f32:
      return VYRE_ELEMENT_F32;
    case builtin::Holds::u64:
      return VYRE_ELEMENT_U64;
    case builtin::Holds::bytes:
      break;
  }
  return VYRE_ELEMENT_U8;
}

}  // namespace
}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_op_add(vyre_session* session, const char* name, const vyre_program* program,
                        const vyre_op_options* options, vyre_ns timeout, vyre_op* op) {
  return guarded("vyre_op_add", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(name, "name"));
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(op, "op"));
    VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_op_options"));
    VYRE_TRY(read_named(wanted.options, wanted.option_count, {}, {"jit", "plan"}));
    VYRE_ASSIGN(auto rules, read_strings(wanted.rules, wanted.rule_count, "rules"));
    VYRE_ASSIGN(const runtime::OpHandle added,
                placed(*program, session->engine.register_program(
                                     name, program->program, session->deadline(timeout),
                                     {std::move(rules)}, asked_by_this_thread())));
    if (auto places = program->statements()) session->ops.keep_places(added.id, std::move(places));
    *op = public_op(*session, added.id);
    return {};
  });
}

vyre_error* vyre_op_find(vyre_session* session, const char* name, vyre_op* op) {
  return guarded("vyre_op_find", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(name, "name"));
    VYRE_TRY(given(op, "op"));
    VYRE_ASSIGN(const runtime::OpHandle found, session->engine.find_op(name));
    *op = public_op(*session, found.id);
    return {};
  });
}

vyre_error* vyre_session_ops(vyre_session* session, vyre_op* ops, size_t capacity, size_t* count) {
  return guarded("vyre_session_ops", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given_array(ops, capacity, "ops"));
    VYRE_TRY(given(count, "count"));
    // Numbers have no gaps: of built-in ops from 0, of programs from kFirstUserOp.
    std::size_t found = 0;
    for (const std::uint32_t first : {std::uint32_t{0}, kFirstUserOp}) {
      for (std::uint32_t id = first; session->engine.op_info(runtime::OpHandle{id}); ++id) {
        if (found < capacity) ops[found] = public_op(*session, id);
        ++found;
      }
    }
    *count = found;
    return {};
  });
}

vyre_error* vyre_op_number(vyre_session* session, vyre_op op, uint32_t* number) {
  return guarded("vyre_op_number", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(number, "number"));
    VYRE_ASSIGN(*number, op_number(*session, op));
    return {};
  });
}

vyre_error* vyre_op_describe(vyre_session* session, vyre_op op, vyre_op_info* info) {
  return guarded("vyre_op_describe", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(info, "info"));
    VYRE_TRY(check_output(info, "vyre_op_info"));
    VYRE_ASSIGN(const std::uint32_t number, op_number(*session, op));
    VYRE_ASSIGN(const runtime::OpInfo* known, session->ops.describe(session->engine, number));
    vyre_op_info out{};
    out.builtin = known->builtin ? 1 : 0;
    out.name = known->name.c_str();
    const builtin::OpText* const text = builtin::text_of(number);
    out.meaning = text != nullptr ? text->meaning : "";
    out.param = text != nullptr ? text->param : "";
    out.input_count = static_cast<std::uint32_t>(known->signature.inputs.size());
    out.output_count = static_cast<std::uint32_t>(known->signature.outputs.size());
    if (known->fingerprint) {
      std::copy(known->fingerprint->bytes.begin(), known->fingerprint->bytes.end(),
                out.fingerprint);
    }
    write_output(info, out);
    return {};
  });
}

vyre_error* vyre_op_describe_buffer(vyre_session* session, vyre_op op, uint32_t side,
                                    uint32_t index, vyre_op_buffer* buffer) {
  return guarded("vyre_op_describe_buffer", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(buffer, "buffer"));
    VYRE_TRY(check_output(buffer, "vyre_op_buffer"));
    if (side != VYRE_INPUT && side != VYRE_OUTPUT) {
      return fail(Errc::invalid_argument,
                  message("side is {}: use VYRE_INPUT or VYRE_OUTPUT", side));
    }
    VYRE_ASSIGN(const std::uint32_t number, op_number(*session, op));
    VYRE_ASSIGN(const runtime::OpInfo* known, session->ops.describe(session->engine, number));
    const auto& all = side == VYRE_INPUT ? known->signature.inputs : known->signature.outputs;
    if (index >= all.size()) {
      return fail(Errc::invalid_argument,
                  message("op '{}' has {} {}; there is no number {}", known->name, all.size(),
                          side == VYRE_INPUT ? "inputs" : "outputs", index));
    }
    const runtime::OpSignature::Buffer& slot = all[index];
    vyre_op_buffer out{};
    out.read_write = slot.read_write ? 1 : 0;
    out.name = slot.name.c_str();
    if (const builtin::OpText* const text = builtin::text_of(number); text != nullptr) {
      out.element = element_of((side == VYRE_INPUT ? text->inputs : text->outputs)[index].holds);
    }
    out.least_bytes = slot.min_bytes;
    if (slot.output_byte_range) {
      out.result_begin = slot.output_byte_range->start;
      out.result_end = slot.output_byte_range->end;
    }
    write_output(buffer, out);
    return {};
  });
}
