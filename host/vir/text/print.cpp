// disassemble: prints a program in the text form, so that assemble gives the same program back.
// Host only; walks the tree recursively, as deep as the program is. Spec: docs/vir0-text.md.
#include <bit>
#include <charconv>
#include <cmath>

#include "base/message.hpp"
#include "lexer.hpp"
#include "narrow.hpp"
#include "vir/text/text.hpp"
#include "words.hpp"

namespace vyre::vir {
namespace {

using text::Vocabulary;
using text::word_of;

class Printer {
 public:
  explicit Printer(const Program& program) : p_(program) {
    for (const BufferDecl& buffer : program.buffers) narrow_.declare_buffer(program, buffer);
  }

  std::string run() {
    if (p_.entry_op_id) line("entry_op_id " + quote(*p_.entry_op_id) + ";");
    line("workgroup " + number(p_.workgroup[0]) + ", " + number(p_.workgroup[1]) + ", " +
         number(p_.workgroup[2]) + ";");
    if (p_.non_composable_with_self) line("non_composable;");
    for (const BufferDecl& buffer : p_.buffers) print(buffer);
    if (p_.entry.count != 0) out_ += '\n';
    for (const NodeId id : p_.list(p_.entry)) print(p_.nodes[id]);
    return std::move(out_);
  }

  std::string run(Node head) {
    head.body = head.otherwise = {};
    print(head);
    if (!out_.empty()) out_.pop_back();  // the line's end
    return std::move(out_);
  }

 private:
  static std::string number(std::uint64_t value) { return std::to_string(value); }

  static std::string hex32(std::uint32_t value) {
    char digits[9];
    const auto end = std::to_chars(digits, digits + 8, value, 16).ptr;
    return "0x" + std::string(static_cast<std::size_t>(8 - (end - digits)), '0') +
           std::string(digits, end);
  }

  /// Characters that a reader could not see, or that would reorder the line, are escaped.
  static bool is_visible(std::uint32_t c) {
    return c >= 0x20 && !(c >= 0x7F && c <= 0xA0) && c != 0xAD && !(c >= 0x200B && c <= 0x200F) &&
           !(c >= 0x2028 && c <= 0x202E) && !(c >= 0x2060 && c <= 0x206F) && c != 0xFEFF;
  }

  static std::string quote(std::string_view text) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string quoted = "\"";
    while (!text.empty()) {
      std::uint32_t scalar = 0;
      const std::size_t bytes = text::decode_utf8(text, scalar);
      if (bytes == 0) {
        const auto byte = static_cast<unsigned char>(text[0]);
        quoted += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
        text.remove_prefix(1);
        continue;
      }
      if (scalar == '"' || scalar == '\\') {
        quoted += {'\\', static_cast<char>(scalar)};
      } else if (scalar == '\n') {
        quoted += "\\n";
      } else if (scalar == '\t') {
        quoted += "\\t";
      } else if (is_visible(scalar)) {
        quoted += text.substr(0, bytes);
      } else {
        char digits[8];
        quoted +=
            "\\u{" + std::string(digits, std::to_chars(digits, digits + 8, scalar, 16).ptr) + "}";
      }
      text.remove_prefix(bytes);
    }
    return quoted + "\"";
  }

  std::string name(Symbol symbol) const {
    if (symbol >= p_.names.size()) return quote("");
    const std::string& text = p_.name(symbol);
    bool bare = !text.empty() && text::is_word_start(text[0]) && !text::is_reserved(text);
    for (const char c : text) bare = bare && text::is_word_part(c);
    // `hex"..."` is one token; a name before a string never is, but a reader would stumble too.
    return bare && text != "hex" ? text : quote(text);
  }

  std::string payload(Range range) const { return "hex\"" + to_hex(p_.payload(range)) + "\""; }

  void line(const std::string& text) {
    out_.append(indent_ * 2, ' ');
    out_ += text;
    out_ += '\n';
  }

  std::string dimensions(const std::vector<std::uint32_t>& dims) const {
    std::string text = "[";
    for (const std::uint32_t dim : dims) text += (text.size() > 1 ? ", " : "") + number(dim);
    return text + "]";
  }

  static std::string quant(const QuantParam& param, bool zero_point) {
    static constexpr std::string_view kWords[]{"absent", "per_tensor", "per_channel", "per_group"};
    const std::size_t word = std::size_t{param.tag} + (zero_point ? 0 : 1);
    if (word >= std::size(kWords))
      return "tag(" + number(param.tag) + ", " + number(param.value) + ")";
    // The first words take no value; a program that holds one all the same keeps it.
    const bool bare = word <= 1 && param.value == 0;
    return std::string(kWords[word]) + (bare ? "" : "(" + number(param.value) + ")");
  }

  std::string type(TypeId id) const {
    if (id >= p_.types.size()) return "u32";
    const DataType& t = p_.types[id];
    std::string text(word_of(Vocabulary::data_type, t.tag));
    if (!has_parameters(t.tag)) return text;
    text += '(';
    switch (t.tag) {
      case TypeTag::Array:
        text += number(std::uint64_t{t.b} << 32 | t.a);
        break;
      case TypeTag::Handle:
        text += number(t.a);
        break;
      case TypeTag::Opaque:
        text += hex32(t.a);
        break;
      case TypeTag::DeviceMesh:
        text += dimensions(t.dims);
        break;
      default:
        text += type(t.element);
        break;
    }
    if (t.tag == TypeTag::Vec) text += message(", {}", t.a);
    if (t.tag == TypeTag::TensorShaped) text += ", " + dimensions(t.dims);
    if (t.tag == TypeTag::SparseBsr) text += message(", {}, {}", t.a, t.b);
    if (t.tag == TypeTag::Quantized)
      text += ", " + quant(t.scale, false) + ", " + quant(t.zero_point, true);
    return text + ")";
  }

  static std::string predicate(const ShapePredicate& shape) {
    if (shape.tag >= text::kPredicateWords) return "none";
    const text::PredicateWord& word = text::predicate_word(shape.tag);
    std::string text(word.text);
    if (word.integers + word.children == 0) return text;
    text += '(';
    for (std::size_t i = 0; i < word.integers; ++i)
      text += (i != 0 ? ", " : "") + std::to_string(shape.values[i]);
    for (std::size_t i = 0; i < shape.children.size(); ++i)
      text += (i != 0 ? ", " : "") + predicate(shape.children[i]);
    return text + ")";
  }

  void print(const BufferDecl& b) {
    std::string text = message("buffer {}: {}[{}] @{} {}", name(b.name), type(b.element),
                               (b.count != 0 ? number(b.count) : ""), b.binding,
                               word_of(Vocabulary::access, b.access));
    if (b.is_output) text += " output";
    if (b.pipeline_live_out) text += " live_out";
    if (b.kind != text::default_kind(b.access)) {
      text += " kind(" + std::string(word_of(Vocabulary::memory_kind, b.kind)) + ")";
    }
    if (b.output_byte_range) {
      text += message(" range({}, {})", b.output_byte_range->start, b.output_byte_range->end);
    }
    if (b.hints.coalesce_axis) text += message(" axis({})", *b.hints.coalesce_axis);
    if (b.hints.preferred_alignment != 0)
      text += message(" align({})", b.hints.preferred_alignment);
    if (b.hints.locality != Locality::Temporal)
      text += " " + std::string(word_of(Vocabulary::locality, b.hints.locality));
    if (b.linear_type < std::size(text::kLinearTypes) - 1) {
      text += " linear_type(" + std::string(text::kLinearTypes[b.linear_type]) + ")";
    }
    if (b.bytes_extraction) text += " bytes_extraction";
    if (b.shape_predicate.tag != 0) text += " shape(" + predicate(b.shape_predicate) + ")";
    line(text + ";");
  }

  void body(const std::string& head, Range range) {
    if (range.count == 0) return line(head + "{}");
    line(head + "{");
    ++indent_;
    for (const NodeId id : p_.list(range)) print(p_.nodes[id]);
    --indent_;
    line("}");
  }

  void print_if(const Node& n, const std::string& head) {
    const std::string condition = operand(n, n.e0, 0);
    if (n.otherwise.count == 0) return body(head + "if " + condition + " ", n.body);
    line(head + "if " + condition + " {");
    ++indent_;
    for (const NodeId id : p_.list(n.body)) print(p_.nodes[id]);
    --indent_;
    const Node& first = p_.nodes[p_.list(n.otherwise)[0]];
    if (n.otherwise.count == 1 && first.tag == NodeTag::If) {
      print_if(first, "} else ");
    } else {
      body("} else ", n.otherwise);
    }
  }

  void print_loop(const Node& n) {
    const std::string from = operand(n, n.e0, 0);
    const std::string to = operand(n, n.e1, 1);
    narrow_.declare_variable(n.name, false);
    body("for " + name(n.name) + " in " + from + ".." + to + " ", n.body);
  }

  std::string arguments(const Node& n) const {
    const std::string op(word_of(Vocabulary::collective_op, n.collective));
    switch (n.tag) {
      case NodeTag::Barrier:
        return std::string(word_of(Vocabulary::ordering, n.ordering));
      case NodeTag::IndirectDispatch:
        return name(n.name) + ", " + number(n.offset);
      case NodeTag::AsyncLoad:
      case NodeTag::AsyncStore:
        return name(n.name) + ", " + name(n.name2) + ", " + expr(n.e0) + ", " + expr(n.e1) + ", " +
               name(n.name3);
      case NodeTag::AsyncWait:
      case NodeTag::Resume:
        return name(n.name3);
      case NodeTag::Trap:
        return expr(n.e0) + ", " + name(n.name3);
      case NodeTag::AllReduce:
        return name(n.name) + ", " + op + ", " + number(n.group);
      case NodeTag::AllGather:
        return name(n.name) + ", " + name(n.name2) + ", " + number(n.group);
      case NodeTag::ReduceScatter:
        return name(n.name) + ", " + name(n.name2) + ", " + op + ", " + number(n.group);
      case NodeTag::Broadcast:
        return name(n.name) + ", " + number(n.root) + ", " + number(n.group);
      case NodeTag::Opaque:
        return name(n.name) + ", " + payload(n.payload);
      default:
        return {};
    }
  }

  static std::string_view statement(NodeTag tag) {
#define VYRE_NODE(name, tag, text) \
  case NodeTag::name:              \
    return text;
    switch (tag) {
#include "vir/program/vocabulary.def"
      case NodeTag::Opaque:
        break;
    }
    return "opaque";
  }

  void print(const Node& n) {
    switch (n.tag) {
      case NodeTag::Let:
        line("let " + name(n.name) + " = " + expr(n.e0) + ";");
        return narrow_.declare_variable(n.name, narrow_.is_narrow(p_.exprs[n.e0]));
      case NodeTag::Assign:
        return line(name(n.name) + " = " + expr(n.e0) + ";");
      case NodeTag::Store:
        return line(name(n.name) + "[" + operand(n, n.e0, 0) + "] = " + operand(n, n.e1, 1) + ";");
      case NodeTag::If:
        return print_if(n, "");
      case NodeTag::Loop:
        return print_loop(n);
      case NodeTag::Return:
        return line("return;");
      case NodeTag::Block:
        return body("", n.body);
      case NodeTag::Region:
        return body("region " + quote(p_.name(n.name)) +
                        (n.name2 == kNone ? " " : " from " + quote(p_.name(n.name2)) + " "),
                    n.body);
      case NodeTag::Barrier:
        if (n.ordering == Ordering::SeqCst) return line("barrier;");
        [[fallthrough]];
      default:
        return line(std::string(statement(n.tag)) + "(" + arguments(n) + ");");
    }
  }

  static std::string float_text(std::uint32_t bits) {
    const float value = std::bit_cast<float>(bits);
    if (!std::isfinite(value)) return "f32:" + hex32(bits);
    char digits[64];
    std::string text(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text + "f";
  }

  // Expressions are appended where they belong: a string a level would copy each operand as often
  // as it lies deep.

  std::string expr(ExprId id) const {
    std::string text;
    add(text, id);
    return text;
  }

  /// A value that the parser would widen here is written as the raw one that it is.
  std::string operand(const Node& n, ExprId id, unsigned position) const {
    const bool is_value = n.tag == NodeTag::Store && position == 1;
    const bool widens = is_value ? narrow_.stored_as(n.name).has_value()
                                 : (text::widened_operands(n.tag) >> position & 1u) != 0;
    return widens && narrow_.is_narrow(p_.exprs[id]) ? "raw(" + expr(id) + ")" : expr(id);
  }
  void add_operand(std::string& to, const Expr& e, std::size_t position,
                   int loosest = text::kLoosest) const {
    const ExprId id = e.child[position];
    const bool widens = (text::widened_operands(e.tag) >> position & 1u) != 0;
    if (!widens || !narrow_.is_narrow(p_.exprs[id])) return add(to, id, loosest);
    to += "raw(";
    add(to, id);
    to += ')';
  }

  /// The operands and the closing parenthesis.
  void add_operands(std::string& to, const Expr& e, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) {
      if (i != 0) to += ", ";
      add_operand(to, e, i);
    }
    to += ')';
  }

  void add_function(std::string& to, std::string_view word, const Expr& e,
                    std::size_t count) const {
    to += word;
    to += '(';
    add_operands(to, e, count);
  }

  std::string axis(const Expr& e, std::string_view id) const {
    static constexpr std::string_view kAxes[]{"x", "y", "z"};
    return std::string(id) + "." + (e.op < 3 ? std::string(kAxes[e.op]) : number(e.op));
  }

  void add_bin_op(std::string& to, const Expr& e, int loosest) const {
    if (e.op == 0x80) {
      to += "bin_op_ext(" + hex32(e.bits) + ", ";
      return add_operands(to, e, 2);
    }
    const text::Infix* infix = text::find_infix(static_cast<BinOp>(e.op));
    if (infix == nullptr) return add_function(to, word_of(Vocabulary::bin_op, e.op), e, 2);
    const bool parenthesise = infix->precedence < loosest;
    if (parenthesise) to += '(';
    add_operand(to, e, 0, infix->chains ? infix->precedence : infix->precedence + 1);
    to += ' ';
    to += infix->sign;
    to += ' ';
    add_operand(to, e, 1, infix->precedence + 1);
    if (parenthesise) to += ')';
  }

  /// Whether the printed form begins with a digit or a minus.
  bool begins_like_a_number(ExprId id) const {
    const Expr& e = p_.exprs[id];
    switch (e.tag) {
      case ExprTag::LitU32:
      case ExprTag::LitI32:
        return true;
      case ExprTag::LitF32:
        return std::isfinite(std::bit_cast<float>(e.bits));
      case ExprTag::UnOp:
        return e.op == static_cast<std::uint8_t>(UnOp::Negate);
      default:
        return false;
    }
  }

  void add_un_op(std::string& to, const Expr& e) const {
    if (e.op == 0x80) {
      to += "un_op_ext(" + hex32(e.bits) + ", ";
      return add_operands(to, e, 1);
    }
    char sign = 0;
    if (e.op == static_cast<std::uint8_t>(UnOp::Negate)) sign = '-';
    if (e.op == static_cast<std::uint8_t>(UnOp::BitNot)) sign = '~';
    if (e.op == static_cast<std::uint8_t>(UnOp::LogicalNot)) sign = '!';
    if (sign == 0) return add_function(to, word_of(Vocabulary::un_op, e.op), e, 1);
    // `-1i` is a literal, so the negation of a literal keeps its parentheses.
    const bool parenthesise = sign == '-' && begins_like_a_number(e.child[0]);
    to += sign;
    if (parenthesise) to += '(';
    add_operand(to, e, 0, kTightest);
    if (parenthesise) to += ')';
  }

  void add_atomic(std::string& to, const Expr& e) const {
    to += e.op == 0x80 ? "atomic_ext(" + hex32(e.bits) + ", "
                       : "atomic_" + std::string(word_of(Vocabulary::atomic_op, e.op)) + "(";
    to += name(e.name) + "[";
    add_operand(to, e, 0);
    to += "], ";
    add_operand(to, e, 1);
    if (e.child[2] != kNone) {
      to += ", expected: ";
      add_operand(to, e, 2);
    }
    if (e.ordering != Ordering::SeqCst)
      to += ", order: " + std::string(word_of(Vocabulary::ordering, e.ordering));
    to += ')';
  }

  void add_cast(std::string& to, const Expr& e) const {
    const std::string type_text = type(e.bits);
    const bool simple = e.bits < p_.types.size() && !has_parameters(p_.types[e.bits].tag);
    if (simple) return add_function(to, type_text, e, 1);
    to += "cast(" + type_text + ", ";
    add_operands(to, e, 1);
  }

  void add_call(std::string& to, const Expr& e) const {
    to += "call " + quote(p_.name(e.name)) + "(";
    bool first = true;
    for (const ExprId id : p_.args(e.args)) {
      if (!std::exchange(first, false)) to += ", ";
      add(to, id);
    }
    to += ')';
  }

  void add(std::string& to, ExprId id, int loosest = text::kLoosest) const {
    const Expr& e = p_.exprs[id];
    switch (e.tag) {
      case ExprTag::LitU32:
        to += number(e.bits) + "u";
        return;
      case ExprTag::LitI32:
        to += std::to_string(static_cast<std::int32_t>(e.bits)) + "i";
        return;
      case ExprTag::LitBool:
        to += e.bits != 0 ? "true" : "false";
        return;
      case ExprTag::LitF32:
        to += float_text(e.bits);
        return;
      case ExprTag::Var:
        to += name(e.name);
        return;
      case ExprTag::Load:
        to += name(e.name) + "[";
        add_operand(to, e, 0);
        to += ']';
        return;
      case ExprTag::BufLen:
        to += "len(" + name(e.name) + ")";
        return;
      case ExprTag::BufferRef:
        to += "buffer_ref(" + name(e.name) + ")";
        return;
      case ExprTag::InvocationId:
        to += axis(e, "gid");
        return;
      case ExprTag::WorkgroupId:
        to += axis(e, "wid");
        return;
      case ExprTag::LocalId:
        to += axis(e, "lid");
        return;
      case ExprTag::BinOp:
        return add_bin_op(to, e, loosest);
      case ExprTag::UnOp:
        return add_un_op(to, e);
      case ExprTag::Call:
        return add_call(to, e);
      case ExprTag::Select:
        return add_function(to, "select", e, 3);
      case ExprTag::Fma:
        return add_function(to, "fma", e, 3);
      case ExprTag::Cast:
        return add_cast(to, e);
      case ExprTag::Atomic:
        return add_atomic(to, e);
      case ExprTag::SubgroupAdd:
        return add_function(to, "subgroup_" + std::string(word_of(Vocabulary::reduce_op, e.op)), e,
                            1);
      case ExprTag::SubgroupShuffle:
        return add_function(to, "subgroup_shuffle", e, 2);
      case ExprTag::SubgroupBallot:
        return add_function(to, "subgroup_ballot", e, 1);
      case ExprTag::SubgroupLocalId:
        to += "subgroup_local_id()";
        return;
      case ExprTag::SubgroupSize:
        to += "subgroup_size()";
        return;
      case ExprTag::Opaque:
        to += "opaque(" + name(e.name) + ", " + payload(e.args) + ")";
        return;
    }
  }

  static constexpr int kTightest{100};  // above every infix operator: operands of a prefix

  const Program& p_;
  text::NarrowNames narrow_;
  std::string out_;
  std::size_t indent_{0};
};

}  // namespace

std::string disassemble(const Program& program) {
  return Printer(program).run();
}

std::string disassemble_statement(const Program& program, NodeId id) {
  return Printer(program).run(program.nodes[id]);
}

}  // namespace vyre::vir
