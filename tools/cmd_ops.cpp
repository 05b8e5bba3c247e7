// vyre ops: the built-in ops, what each reads and writes, and a command that runs it.
#include <memory>
#include <string>
#include <vector>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "op_catalogue.hpp"
#include "run_target.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::vector<std::string> names;  // none: all ops
};

/// How an output's size follows from the inputs.
struct OutputText {
  v0::OutputSize least;  // of empty inputs
  bool grows{false};     // with the first input
};

Result<std::vector<OutputText>> outputs_of(const OpCatalogue& catalogue, const BuiltinOp& op) {
  constexpr std::uint64_t kSomeBytes{4'096};
  std::vector<std::uint64_t> inputs(op.info.inputs.size());
  VYRE_ASSIGN(const auto least, catalogue.output_sizes(op, inputs, 0));
  inputs.assign(inputs.size(), kSomeBytes);
  VYRE_ASSIGN(const auto more, catalogue.output_sizes(op, inputs, 0));
  std::vector<OutputText> outputs;
  for (std::size_t i = 0; i < least.size(); ++i)
    outputs.push_back({least[i], least[i].bytes != more[i].bytes});
  return outputs;
}

std::string_view kind_name(v0::OutputSize::Kind kind) {
  return kind == v0::OutputSize::Kind::exact     ? "exact"
         : kind == v0::OutputSize::Kind::at_most ? "at_most"
                                                 : "at_least";
}

std::string size_text(const BuiltinOp& op, const OutputText& output) {
  using Kind = v0::OutputSize::Kind;
  if (output.grows) {
    return message("{}one for each element of '{}'",
                   output.least.kind == Kind::at_most ? "at most " : "", op.info.inputs[0].name);
  }
  if (output.least.kind == Kind::unknown)
    return output.least.bytes == 0 ? "any size" : message("{} bytes or more", output.least.bytes);
  return message("{} bytes", output.least.bytes);
}

/// How the outputs for chunks of a file become that for the file.
std::string_view chunks_name(const BuiltinOp& op, std::size_t output) {
  return reduce_name(default_reduce(op.info.name, op.info.outputs[output].name, 0, 0));
}

/// A command that runs the op; the other inputs of one with several are bound.
std::string example(const BuiltinOp& op) {
  std::string text = message("vyre run {}", op.info.name);
  const auto& inputs = op.info.inputs;
  if (!inputs.empty()) text += " FILE";
  for (std::size_t i = 1; i < inputs.size(); ++i)
    text += message(" --bind {}={}", inputs[i].name,
                    op.info.name == "match.literals" ? "text:needle" : "FILE");
  if (op.info.name == "mem.fill") text += " --param 170 --count target=64";
  if (op.info.name.starts_with("hash.crc")) text += " --format hex32";
  if (op.info.name.starts_with("hash.xxh")) text += " --format hex64";
  return text;
}

Result<std::string> for_people(const OpCatalogue& catalogue,
                               const std::vector<const BuiltinOp*>& ops) {
  std::string text;
  for (const BuiltinOp* const op : ops) {
    VYRE_ASSIGN(const auto outputs, outputs_of(catalogue, *op));
    text += message("{}{}: {}\n", text.empty() ? "" : "\n", op->info.name, op->info.meaning);
    for (const v0::OpBuffer& input : op->info.inputs)
      text += message("  reads {}: {}\n", input.name, element_name(input.element));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const v0::OpBuffer& output = op->info.outputs[i];
      const std::string_view chunks = chunks_name(*op, i);
      text += message("  writes {}: {}, {}{}\n", output.name, element_name(output.element),
                      size_text(*op, outputs[i]),
                      chunks == "none" ? "" : message("; --chunk: {}", chunks));
    }
    if (!op->info.param.empty()) text += message("  --param: {}\n", op->info.param);
    text += message("  $ {}\n", example(*op));
  }
  return text;
}

void write_op(JsonWriter& json, const BuiltinOp& op, const std::vector<OutputText>& outputs) {
  json.begin_object()
      .member("name", op.info.name)
      .member("op_handle", op.number)
      .member("meaning", op.info.meaning)
      .key("param");
  if (op.info.param.empty()) {
    json.value(nullptr);
  } else {
    json.value(op.info.param);
  }
  json.key("inputs").begin_array();
  for (const v0::OpBuffer& input : op.info.inputs) {
    json.begin_object()
        .member("name", input.name)
        .member("element", element_name(input.element))
        .end_object();
  }
  json.end_array().key("outputs").begin_array();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    json.begin_object()
        .member("name", op.info.outputs[i].name)
        .member("element", element_name(op.info.outputs[i].element))
        .member("size", kind_name(outputs[i].least.kind))
        .member("least_bytes", outputs[i].least.bytes)
        .member("grows_with_input", outputs[i].grows)
        .member("chunks", chunks_name(op, i))
        .end_object();
  }
  json.end_array().member("example", example(op)).end_object();
}

Result<std::string> json_of(const OpCatalogue& catalogue,
                            const std::vector<const BuiltinOp*>& ops) {
  JsonWriter json(kJsonIndent);
  json.begin_object().member("command", "ops").key("ops").begin_array();
  for (const BuiltinOp* const op : ops) {
    VYRE_ASSIGN(const auto outputs, outputs_of(catalogue, *op));
    write_op(json, *op, outputs);
  }
  return json.end_array().end_object().text() + "\n";
}

Outcome run(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const auto catalogue, OpCatalogue::open());
  std::vector<const BuiltinOp*> chosen;
  for (const std::string& name : options.names) {
    const BuiltinOp* const op = catalogue->find(name);
    if (op == nullptr) {
      const std::string near = catalogue->names_near(name);
      return fail(Errc::not_found, message("there is no built-in op '{}'{}", shown(name),
                                           near.empty() ? "" : message("; near: {}", near)));
    }
    chosen.push_back(op);
  }
  if (options.names.empty()) {
    for (const BuiltinOp& op : catalogue->ops()) chosen.push_back(&op);
  }
  VYRE_ASSIGN(const std::string text,
              shell.json ? json_of(*catalogue, chosen) : for_people(*catalogue, chosen));
  Output out;
  VYRE_TRY(out.write(text));
  VYRE_TRY(out.flush());
  return kExitOk;
}

}  // namespace

void add_ops(CommandLine& line) {
  auto options = std::make_shared<Options>();
  const Command sub = line.command("ops", "list the built-in ops and how to run each");
  sub.option("name", options->names, "ops to show (default: all)")
      .type_name("NAME")
      .may_be(op_names);
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli
