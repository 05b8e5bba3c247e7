// Tokens, directives, buffer declarations and types of the text form. Spec: docs/vir0-text.md.
#include <limits>

#include "advice.hpp"
#include "base/message.hpp"
#include "parser.hpp"
#include "vir/text/text.hpp"

namespace vyre::vir {

Result<Program> assemble(std::string_view text, const TextOptions& options, SourceMap* places) {
  if (text.size() > kMaxTextBytes) {
    return fail(Errc::limit_exceeded,
                message("the text has {} bytes; the limit is {}; split the program", text.size(),
                        kMaxTextBytes));
  }
  return text::Parser(text, options).run(places);
}

Result<Program> assemble(std::string_view text, SourceMap* places) {
  return assemble(text, {}, places);
}

}  // namespace vyre::vir

namespace vyre::vir::text {

Parser::Parser(std::string_view source, const TextOptions& options)
    : lexer_(source), options_(options) {
  places_.files[0] = options.name;
  files_[0].open = true;
  take();
  take();
}

Parser::Depth::Depth(Parser& parser) : parser_(parser) {
  if (++parser_.depth_ > kMaxTextDepth) {
    parser_.fail_at(
        parser_.now_,
        message("nesting is deeper than {} levels; give inner expressions names with let",
                kMaxTextDepth),
        Errc::limit_exceeded);
  }
}

Token Parser::take() {
  if (!error_ && step_is_over(options_.interrupt)) {
    error_ = given_up("assembled").value();
    now_ = Token{};
    next_ = Token{};
  }
  if (frame_ != nullptr && ++fn_tokens_ > kMaxFnTokens) {
    fail_at(
        frame_->call,
        message("calls of fns grow to more than {} tokens; call less, or use a loop", kMaxFnTokens),
        Errc::limit_exceeded);
  }
  Token taken = std::move(now_);
  now_ = std::move(next_);
  next_ = error_ ? Token{} : lexer_.next();
  // A bad token is an error when it is reached, not when it is merely next: earlier mistakes come
  // first.
  if (now_.kind == TokenKind::bad) fail_at(now_, std::string(now_.text));
  return taken;
}

bool Parser::at(std::string_view punct) const {
  return now_.kind == TokenKind::punct && now_.text == punct;
}
bool Parser::at_word(std::string_view word) const {
  return now_.kind == TokenKind::word && now_.text == word;
}
bool Parser::ahead(std::string_view punct) const {
  return next_.kind == TokenKind::punct && next_.text == punct;
}

bool Parser::accept(std::string_view punct) {
  if (!at(punct)) return false;
  take();
  return true;
}

bool Parser::accept_word(std::string_view word) {
  if (!at_word(word)) return false;
  take();
  return true;
}

void Parser::expect(std::string_view punct, std::string_view after) {
  if (accept(punct)) return;
  unexpected(message("'{}' {}", punct, after));
}

void Parser::fail_at(const Token& token, std::string message, Errc code) {
  if (error_) return;
  const SourcePlace place = place_of(token);
  message += way_to(token.file);
  if (!places_.files[token.file].empty())
    message = vyre::message("{}: {}", to_string(places_, place), message);
  error_ = Error{code, std::move(message), kNoOffset, token.line, token.column, 0};
  now_ = Token{};
  next_ = Token{};
}

std::string Parser::describe(const Token& token) const {
  constexpr std::size_t kShown{40};
  switch (token.kind) {
    case TokenKind::end:
      return "the end of the text";
    case TokenKind::string:
      return "a string";
    case TokenKind::hex:
      return "hex\"...\"";
    default:
      break;
  }
  return message("'{}{}", token.text.substr(0, kShown), token.text.size() > kShown ? "...'" : "'");
}

void Parser::check_count(const Token& token, std::uint64_t count, std::uint64_t limit,
                         std::string_view what) {
  if (count <= limit) return;
  fail_at(token,
          message("more than {} {}, the limit of the wire format; split the program or name parts "
                  "of it with let",
                  limit, what),
          Errc::limit_exceeded);
}

void Parser::unexpected(std::string_view wanted, std::string hint) {
  if (error_) return;
  if (hint.empty()) hint = advice_for(now_, next_);
  fail_at(now_, message("expected {}, found {}{}", wanted, describe(now_), hint));
}

Symbol Parser::name(std::string_view what) {
  if (const Bound* known = bound(now_)) {
    if (known->value.tag != ExprTag::Var) {
      fail_at(now_, message("the parameter {} is a value here, and {} was expected", describe(now_),
                            what));
      return 0;
    }
    const Symbol symbol = known->value.name;
    take();
    return symbol;
  }
  constexpr std::string_view kBytes{"bytes of a name"};
  if (now_.kind == TokenKind::string) {
    check_count(now_, now_.value.size(), kMaxStringBytes, kBytes);
    return program_.intern(take().value);
  }
  if (now_.kind == TokenKind::word) {
    check_count(now_, now_.text.size(), kMaxStringBytes, kBytes);
    if (!is_reserved(now_.text)) return program_.intern(take().text);
    unexpected(what, "; it is a reserved word: as a name it goes in double quotes");
    return 0;
  }
  unexpected(what);
  return 0;
}

Symbol Parser::new_name(std::string_view what) {
  if (const_of(now_) != nullptr) {
    fail_at(now_,
            message("{} is a const, which nothing changes; choose another name", describe(now_)));
  }
  return name(what);
}

std::string Parser::quoted(std::string_view what) {
  if (now_.kind == TokenKind::string) {
    check_count(now_, now_.value.size(), kMaxStringBytes, "bytes of a string");
    return take().value;
  }
  unexpected(message("{} in double quotes", what));
  return {};
}

std::uint64_t Parser::integer(std::string_view what, std::uint64_t max) {
  if (const Expr* constant = const_of(now_)) {
    if (constant->tag != ExprTag::LitU32) unexpected(what, "; this const is no u32");
    if (constant->bits > max)
      fail_at(now_, message("{} {} is larger than {}", what, constant->bits, max));
    take();
    return constant->bits;
  }
  if (now_.kind != TokenKind::number) {
    unexpected(what);
    return 0;
  }
  const Token token = take();
  std::string_view digits = token.text;
  std::uint64_t base = 10;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) base = 16;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'b' || digits[1] == 'B')) base = 2;
  if (base != 10) digits.remove_prefix(2);
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c == '_') continue;
    std::uint64_t digit = base;
    if (c >= '0' && c <= '9') digit = static_cast<std::uint64_t>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<std::uint64_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') digit = static_cast<std::uint64_t>(c - 'A' + 10);
    if (digit >= base) {
      fail_at(token, message("expected {}, a plain integer without suffix, found {}", what,
                             describe(token)));
      return 0;
    }
    if (value > (max - digit) / base) {
      fail_at(token, message("{} {} is larger than {}", what, describe(token), max));
      return 0;
    }
    value = value * base + digit;
  }
  return value;
}

std::int64_t Parser::signed_integer(std::string_view what) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!accept("-")) return static_cast<std::int64_t>(integer(what, kMax));
  return static_cast<std::int64_t>(~integer(what, kMax + 1) + 1);
}

std::uint8_t Parser::word(Vocabulary vocabulary, std::string_view what) {
  if (now_.kind == TokenKind::word) {
    if (const auto value = find_word(vocabulary, now_.text)) {
      take();
      return *value;
    }
    unexpected(what, hint_for(now_.text, texts(vocabulary)));
    return 0;
  }
  unexpected(what);
  return 0;
}

Range Parser::hex_payload() {
  if (now_.kind != TokenKind::hex) {
    unexpected("the payload as hex\"...\"");
    return {};
  }
  const Token token = take();
  check_count(token, token.value.size() / 2, kMaxOpaqueBytes, "bytes of an opaque payload");
  const auto bytes = from_hex(token.value);
  if (!bytes) {
    fail_at(token, bytes.error().message);
    return {};
  }
  return program_.add_payload(*bytes);
}

void Parser::mark(std::vector<SourcePlace>& places, std::uint32_t id, SourcePlace place) const {
  if (!wants_places_ || !ok()) return;
  if (place.call == 0) place.call = call_of(frame_);
  if (id >= places.size()) places.resize(std::size_t{id} + 1);
  if (places[id].line == 0) places[id] = place;
}

Result<Program> Parser::run(SourceMap* places) {
  wants_places_ = places != nullptr;
  const Leaving no_loop(*this, false);
  while (ok() && directive()) {
  }
  std::vector<NodeId> entry;
  list_ = &entry;
  while (ok() && now_.kind != TokenKind::end) {
    // The metadata is a record of its own.
    check_count(now_, entry.size() + 2, kMaxNodes, "records: statements at the top level");
    const NodeId id = node();
    entry.push_back(id);
  }
  list_ = nullptr;
  check_uncalled();
  settle_names();
  if (error_) return tl::unexpected<Error>(std::move(*error_));
  program_.entry = program_.add_list(entry);
  if (places != nullptr) *places = std::move(places_);
  return std::move(program_);
}

bool Parser::directive() {
  if (at_word("buffer")) {
    buffer();
  } else if (at_word("const")) {
    const_directive();
  } else if (at_word("fn")) {
    fn_directive();
  } else if (at_word("include")) {
    include_directive();
  } else if (at_word("workgroup")) {
    places_.workgroup = here();
    take();
    for (std::size_t axis = 0; axis < 3; ++axis) {
      program_.workgroup[axis] = integer32("a workgroup size");
      if (axis < 2) expect(",", "between the three workgroup sizes");
    }
    expect(";", "after the workgroup sizes");
  } else if (accept_word("entry_op_id")) {
    program_.entry_op_id = quoted("the entry op id");
    expect(";", "after the entry op id");
  } else if (accept_word("non_composable")) {
    program_.non_composable_with_self = true;
    expect(";", "after 'non_composable'");
  } else {
    return false;
  }
  return true;
}

void Parser::buffer() {
  check_count(now_, program_.buffers.size() + 1, kMaxBuffers, "buffers");
  if (wants_places_) places_.buffers.push_back(here());
  take();
  BufferDecl buffer;
  buffer.name = new_name("the name of the buffer");
  expect(":", "and the element type of the buffer");
  buffer.element = type();
  expect("[", "and the element count (empty: sized at run time)");
  if (!at("]")) buffer.count = integer32("the element count");
  expect("]", "after the element count");
  buffer.binding = static_cast<std::uint32_t>(program_.buffers.size());
  if (accept("@")) buffer.binding = integer32("the binding number");
  buffer.access = static_cast<Access>(word(
      Vocabulary::access, "the access (read_only, read_write, uniform, workgroup or write_only)"));
  bool kind_given = false;
  while (ok() && !at(";")) buffer_attribute(buffer, kind_given);
  expect(";", "after the buffer");
  if (!kind_given) buffer.kind = default_kind(buffer.access);
  narrow_.declare_buffer(program_, buffer);
  program_.buffers.push_back(std::move(buffer));
}

void Parser::buffer_attribute(BufferDecl& buffer, bool& kind_given) {
  if (now_.kind != TokenKind::word) return unexpected("an attribute of the buffer or ';'");
  if (accept_word("output")) {
    buffer.is_output = true;
  } else if (accept_word("live_out")) {
    buffer.pipeline_live_out = true;
  } else if (accept_word("bytes_extraction")) {
    buffer.bytes_extraction = true;
  } else if (const auto locality = find_word(Vocabulary::locality, now_.text)) {
    take();
    buffer.hints.locality = static_cast<Locality>(*locality);
  } else if (ahead("(")) {
    const Token attribute = take();
    take();
    if (attribute.text == "kind") {
      buffer.kind = static_cast<MemoryKind>(word(Vocabulary::memory_kind, "a memory kind"));
      kind_given = true;
    } else if (attribute.text == "range") {
      ByteRange range;
      range.start = integer("the first byte of the range", ~std::uint64_t{0});
      expect(",", "between start and end of the range");
      range.end = integer("the end of the range", ~std::uint64_t{0});
      buffer.output_byte_range = range;
    } else if (attribute.text == "axis") {
      buffer.hints.coalesce_axis = static_cast<std::uint8_t>(integer("the coalescing axis", 255));
    } else if (attribute.text == "align") {
      buffer.hints.preferred_alignment = integer32("the alignment in bytes");
    } else if (attribute.text == "shape") {
      buffer.shape_predicate = predicate();
    } else if (attribute.text == "linear_type") {
      std::uint8_t found = 0;
      while (found < std::size(kLinearTypes) && !at_word(kLinearTypes[found])) ++found;
      if (found == std::size(kLinearTypes)) {
        unexpected("linear, affine, relevant or unrestricted",
                   did_you_mean(now_.text, {std::begin(kLinearTypes), std::end(kLinearTypes)}));
      }
      take();
      buffer.linear_type = found;
    } else {
      fail_at(attribute, message("unknown buffer attribute {}{}", describe(attribute),
                                 did_you_mean(attribute.text, {"kind", "range", "axis", "align",
                                                               "shape", "linear_type"})));
    }
    expect(")", "after the attribute's value");
  } else {
    unexpected("an attribute of the buffer or ';'",
               did_you_mean(now_.text, {"output", "live_out", "bytes_extraction", "streaming",
                                        "temporal", "random"}));
  }
}

TypeId Parser::type() {
  const Depth depth(*this);
  const Level level(*this, type_levels_, kMaxDecodeDepth, "levels of a type");
  if (!ok()) return 0;
  DataType type;
  type.tag = static_cast<TypeTag>(word(Vocabulary::data_type, "a type"));
  if (ok() && has_parameters(type.tag)) {
    expect("(", "and the parameters of the type");
    type_parameters(type);
    expect(")", "after the parameters of the type");
  }
  return ok() ? program_.add_type(type) : 0;
}

void Parser::type_parameters(DataType& type) {
  switch (type.tag) {
    case TypeTag::Array: {
      const std::uint64_t bytes = integer("the element size in bytes", ~std::uint64_t{0});
      type.a = static_cast<std::uint32_t>(bytes);
      type.b = static_cast<std::uint32_t>(bytes >> 32);
      return;
    }
    case TypeTag::Handle:
    case TypeTag::Opaque:
      type.a = integer32("the id of the type");
      return;
    case TypeTag::DeviceMesh:
      type.dims = dimensions();
      return;
    default:
      break;
  }
  type.element = this->type();
  switch (type.tag) {
    case TypeTag::Vec:
      expect(",", "and the number of lanes");
      type.a = integer32("the number of lanes");
      return;
    case TypeTag::TensorShaped:
      expect(",", "and the dimensions");
      type.dims = dimensions();
      return;
    case TypeTag::SparseBsr:
      expect(",", "and the rows of a block");
      type.a = integer32("the rows of a block");
      expect(",", "and the columns of a block");
      type.b = integer32("the columns of a block");
      return;
    case TypeTag::Quantized:
      expect(",", "and the scale");
      type.scale = quant_param(false);
      expect(",", "and the zero point");
      type.zero_point = quant_param(true);
      return;
    default:
      return;
  }
}

std::vector<std::uint32_t> Parser::dimensions() {
  std::vector<std::uint32_t> dims;
  expect("[", "before the dimensions");
  while (ok() && !at("]")) {
    dims.push_back(integer32("a dimension"));
    if (!accept(",")) break;
  }
  expect("]", "after the dimensions");
  return dims;
}

QuantParam Parser::quant_param(bool zero_point) {
  // The zero point has one more word than the scale, and it comes first.
  std::vector<std::string_view> known{"per_tensor", "per_channel", "per_group"};
  if (zero_point) known.insert(known.begin(), "absent");
  QuantParam param;
  if (accept_word("tag")) {
    expect("(", "and the number of the tag");
    param.tag = static_cast<std::uint8_t>(integer("the number of the tag", 255));
    expect(",", "and its value");
    param.value = integer32("the value");
    expect(")", "after the value");
    return param;
  }
  while (param.tag < known.size() && !at_word(known[param.tag])) ++param.tag;
  if (param.tag == known.size()) {
    unexpected(zero_point ? "absent, per_tensor, per_channel(axis) or per_group(size)"
                          : "per_tensor, per_channel(axis) or per_group(size)",
               now_.kind == TokenKind::word ? did_you_mean(now_.text, known) : std::string());
    return {};
  }
  take();
  if (accept("(")) {
    param.value = integer32("the axis or group size");
    expect(")", "after the axis or group size");
  }
  return param;
}

ShapePredicate Parser::predicate() {
  const Depth depth(*this);
  const Level level(*this, predicate_levels_, kMaxPredicateDepth, "levels of a shape predicate");
  ShapePredicate result;
  if (!ok()) return result;
  while (result.tag < kPredicateWords && !at_word(predicate_word(result.tag).text)) ++result.tag;
  if (result.tag == kPredicateWords) {
    std::vector<std::string_view> known;
    for (std::uint8_t i = 0; i < kPredicateWords; ++i) known.push_back(predicate_word(i).text);
    unexpected("a shape predicate such as at_least(1)",
               now_.kind == TokenKind::word ? did_you_mean(now_.text, known) : std::string());
    return {};
  }
  take();
  const PredicateWord& word = predicate_word(result.tag);
  const std::size_t parameters = std::size_t{word.integers} + word.children;
  if (parameters == 0) return result;
  expect("(", "and the parameters of the predicate");
  for (std::size_t i = 0; i < parameters; ++i) {
    if (i != 0) expect(",", "between the parameters of the predicate");
    if (i < word.integers) {
      // All but the coefficients of affine relations have 32 bits.
      result.values[i] = word.integers > 2 ? signed_integer("an integer") : integer32("an integer");
    } else {
      result.children.push_back(predicate());
    }
  }
  expect(")", "after the parameters of the predicate");
  return result;
}

}  // namespace vyre::vir::text
