// The parser of the text form: recursive descent, precedence climbing for infix operators, one
// token ahead plus one. Private to host/vir/text; parse_*.cpp share it. The first error ends the
// parse: it is kept and the input is cut off there, so every loop below ends. Forms that the
// program has no node for become nodes that it has. Spec: docs/vir0-text.md.
#pragma once

#include <deque>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lexer.hpp"
#include "narrow.hpp"
#include "protocol/limits.hpp"
#include "vir/program/given_up.hpp"
#include "vir/program/program.hpp"
#include "vir/text/text.hpp"
#include "words.hpp"

namespace vyre::vir::text {

class Parser {
 public:
  Parser(std::string_view source, const TextOptions& options);
  /// `places`, if not null, is set on success.
  Result<Program> run(SourceMap* places);

 private:
  // Tokens (parse_program.cpp).
  Token take();
  [[nodiscard]] bool at(std::string_view punct) const;
  [[nodiscard]] bool at_word(std::string_view word) const;
  [[nodiscard]] bool ahead(std::string_view punct) const;
  bool accept(std::string_view punct);
  bool accept_word(std::string_view word);
  void expect(std::string_view punct, std::string_view after);
  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  void fail_at(const Token& token, std::string message, Errc code = Errc::malformed);
  void unexpected(std::string_view wanted, std::string hint = {});
  std::string describe(const Token& token) const;

  /// A bare or quoted name.
  Symbol name(std::string_view what);
  /// The same of something that is declared here: no const has the name.
  Symbol new_name(std::string_view what);
  std::string quoted(std::string_view what);
  std::uint64_t integer(std::string_view what, std::uint64_t max);
  std::uint32_t integer32(std::string_view what) {
    return static_cast<std::uint32_t>(integer(what, 0xFFFF'FFFFu));
  }
  std::int64_t signed_integer(std::string_view what);
  std::uint8_t word(Vocabulary vocabulary, std::string_view what);
  Range hex_payload();
  class Depth;  // one level of nesting for the life of the object
  class Level;  // one level of the program, as the wire counts them
  class Into;   // where statements go that an expression needs before it
  /// Refuses one more than the wire format takes, so that what was parsed can be written.
  void check_count(const Token& token, std::uint64_t count, std::uint64_t limit,
                   std::string_view what);

  [[nodiscard]] static SourcePlace place_of(const Token& token) {
    return {token.line, token.column, token.file};
  }
  [[nodiscard]] SourcePlace here() const { return place_of(now_); }
  /// Notes where what `id` names begins. A second mark does nothing: parentheses are not part of
  /// what they hold.
  void mark(std::vector<SourcePlace>& places, std::uint32_t id, SourcePlace place) const;

  // Names that the text does not have (parse_sugar.cpp). Each is one symbol beyond those of the
  // program until the end, when it becomes a name that nothing else has.
  Symbol made_name(std::string_view like);
  void settle_names();

  // Files (parse_include.cpp).
  /// Where the parser reads.
  struct Cursor {
    Lexer lexer{{}};
    Token now;
    Token next;
  };
  struct File {
    std::string path;  // from the folder on; empty: the text itself
    SourcePlace from;  // the include
    bool open{false};  // it is read now
  };
  void move_to(const Cursor& cursor);
  void include_directive();
  [[nodiscard]] std::string way_to(std::uint32_t file) const;

  // Functions (parse_fn.cpp).
  struct Function {
    Token name;
    std::vector<std::string> parameters;
    Cursor body;
    std::uint64_t calls{0};
    bool active{false};  // its body is read now
  };
  /// What a name means in the body of a fn; `either` where no call has said it.
  struct Bound {
    enum class Kind : std::uint8_t { value, buffer, either, variable };
    std::string name;
    Kind kind;
    Expr value;  // of a buffer a Var of its name
  };
  struct Frame {
    const Function* function;
    Token call;
    std::uint32_t number;  // as SourcePlace::call
    Frame* outer;
    std::vector<Bound> names{};  // in the order in which they were bound
    std::unordered_map<std::string, std::vector<std::size_t>> places{};  // of each in `names`

    void bind(Bound bound);
    void forget_from(std::size_t count);  // all names behind the first so many
    [[nodiscard]] const Bound* find(std::string_view name) const;
  };
  [[nodiscard]] static std::uint32_t call_of(const Frame* frame) {
    return frame == nullptr ? 0 : frame->number;
  }
  [[nodiscard]] Frame called(const Function& function, const Token& call);
  void fn_directive();
  [[nodiscard]] Function* function_of(std::string_view word);
  [[nodiscard]] const Bound* bound(const Token& token) const;
  Symbol local_name(std::string_view what);
  [[nodiscard]] bool names_buffer(const Token& token) const;
  Bound argument(const std::string& parameter);
  Symbol kept(std::string_view like, ExprId value, SourcePlace place);
  ExprId expand(Function& function, const Token& call);
  ExprId body_of(Function& function, Frame& frame);
  NodeId fn_node(Function& function);
  ExprId fn_value(Function& function, const Token& call);
  void check_uncalled();

  // Constants (parse_const.cpp).
  void const_directive();
  [[nodiscard]] const Expr* const_of(const Token& token) const;
  Expr folded(ExprId id, const Token& at);

  // Declarations and types (parse_program.cpp).
  bool directive();
  void buffer();
  void buffer_attribute(BufferDecl& buffer, bool& kind_given);
  TypeId type();
  void type_parameters(DataType& type);
  std::vector<std::uint32_t> dimensions();
  QuantParam quant_param(bool zero_point);
  ShapePredicate predicate();

  // Loops that end early (parse_loops.cpp).
  class Leaving;
  NodeId while_node();
  NodeId leave_node();
  /// What follows a statement that may have left the loop, for lanes that have not.
  NodeId guarded_rest();
  /// The loop, whose body follows, with what its break and continue need. `condition` of a while.
  NodeId loop(Node node, SourcePlace place, ExprId condition = kNone);
  ExprId variable(Symbol symbol);
  NodeId set_flag(NodeTag tag, Symbol flag, bool value);

  // Statements (parse_node.cpp).
  Range block();
  std::vector<NodeId> statements();
  NodeId node();
  NodeId unmarked_node();
  NodeId let_node();
  NodeId if_node();
  Range chained();
  bool may_assign();
  std::string hint_of_statement(const Token& first) const;
  NodeId for_node();
  NodeId region_node();
  NodeId block_node();
  NodeId named_node();  // assignment, store, or a statement that looks like a call
  NodeId statement_call();
  NodeId atomic_node();
  NodeId write_node();
  [[nodiscard]] static bool is_statement_word(std::string_view word);
  void async_copy(Node& node);
  void collective(Node& node);

  // Expressions (parse_expr.cpp).
  ExprId expr();
  ExprId infix(int loosest);
  ExprId prefix();
  ExprId unmarked_prefix();
  ExprId primary();
  ExprId number(bool negative);
  ExprId float_bits();
  ExprId builtin_id(ExprTag tag);
  ExprId function();
  ExprId special_function(std::string_view word, bool& known);
  ExprId atomic(std::uint8_t op, std::uint32_t extension);
  ExprId call();
  ExprId leaf(ExprTag tag, std::uint32_t bits);

  // Forms that stand for others (parse_sugar.cpp).
  /// The operator of an assignment such as `+=`, and its token taken.
  std::optional<BinOp> assigning_operator();
  ExprId binary(BinOp op, ExprId left, ExprId right);
  /// `buffer[index] op value`, whose value follows, as the element is stored.
  ExprId changed_element(Symbol buffer, ExprId index, BinOp op, const Token& at);
  /// Bytes of a text that stand or go at an index of a buffer.
  struct TextLiteral {
    Token where;
    Symbol buffer{kNone};
    ExprId at{kNone};
    std::string bytes;
  };
  TextLiteral text_literal(std::string_view function);
  ExprId index_of_byte(ExprId at, std::size_t i, const Token& where);
  ExprId matches();
  /// The same tree once more. One with an effect is refused at `at`, for `why`.
  ExprId copy(ExprId id, const Token& at, std::string_view why);
  /// A narrow value as a number, beside `other` if it is an operand; any other value as it is.
  ExprId widened(ExprId id, ExprId other = kNone);
  ExprId cast(TypeTag to, ExprId value);
  ExprId as_number(ExprId id, TypeTag to);
  void widen_operands(Expr& expr);
  ExprId raw();
  ExprId children(Expr expr, std::size_t count);
  /// Adds to the pool and enforces kMaxDecodeDepth on the tree and the statements around it.
  ExprId add(const Expr& expr);

  Lexer lexer_;
  const TextOptions& options_;
  Token now_;
  Token next_;
  Program program_;
  std::vector<std::uint8_t> heights_;  // by ExprId
  NarrowNames narrow_;
  std::unordered_set<ExprId> raw_;  // those that stay as they are where they are operands
  std::map<std::string, Expr, std::less<>> consts_;
  std::vector<std::string> made_names_;  // what each is like
  Leaving* leaving_{nullptr};            // of the loop around here
  std::vector<File> files_{1};           // as places_.files
  std::deque<std::string> texts_;        // of included files
  std::uint64_t included_bytes_{0};
  std::map<std::string, Function, std::less<>> functions_;
  Frame* frame_{nullptr};               // of the call whose body is read
  std::vector<NodeId>* list_{nullptr};  // the statements around here, so far
  std::uint32_t list_levels_{0};        // levels_ outside of its statements
  std::uint64_t fn_tokens_{0};
  SourceMap places_;
  bool wants_places_{false};
  std::uint32_t depth_{0};
  std::uint32_t levels_{0};  // statements around here, this one included
  std::uint32_t type_levels_{0};
  std::uint32_t predicate_levels_{0};
  std::optional<Error> error_;
};

class Parser::Depth {
 public:
  explicit Depth(Parser& parser);
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;
  ~Depth() { --parser_.depth_; }

 private:
  Parser& parser_;
};

class Parser::Level {
 public:
  Level(Parser& parser, std::uint32_t& count, std::uint32_t limit, std::string_view what)
      : count_(count) {
    parser.check_count(parser.now_, ++count_, limit, what);
  }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  ~Level() { --count_; }

 private:
  std::uint32_t& count_;
};

/// Statements that are made on the way, for the life of the object, go to this list. None: no fn
/// may be called.
class Parser::Into {
 public:
  Into(Parser& parser, std::vector<NodeId>* list)
      : parser_(parser),
        list_(std::exchange(parser.list_, list)),
        levels_(std::exchange(parser.list_levels_, parser.levels_)) {}
  Into(const Into&) = delete;
  Into& operator=(const Into&) = delete;
  ~Into() {
    parser_.list_ = list_;
    parser_.list_levels_ = levels_;
  }

 private:
  Parser& parser_;
  std::vector<NodeId>* const list_;
  const std::uint32_t levels_;
};

/// The loop around a statement, and what the statements so far in its body may do with it.
class Parser::Leaving {
 public:
  explicit Leaving(Parser& parser, bool in_loop = true)
      : parser_(parser), outer_(parser.leaving_), in_loop_(in_loop) {
    parser.leaving_ = this;
  }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;
  ~Leaving() { parser_.leaving_ = outer_; }

  [[nodiscard]] bool in_loop() const { return in_loop_; }
  Symbol going{kNone};  // set to false by a break; kNone: there was none
  Symbol rest{kNone};   // set to false by a continue
  bool broke{false};    // the statement that was parsed last may break
  bool continued{false};

 private:
  Parser& parser_;
  Leaving* outer_;
  bool in_loop_;
};

/// Bytes that one matches() compares, or one write() stores.
inline constexpr std::size_t kMaxTextLiteral{64};
/// Symbols from here on are made_names_.
inline constexpr Symbol kFirstMadeName{0xC000'0000u};

inline constexpr std::string_view kTooManyLevels{"levels of statements and expressions"};

}  // namespace vyre::vir::text
