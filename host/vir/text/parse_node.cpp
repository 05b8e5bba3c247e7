// Statements of the text form. Spec: docs/vir0-text.md, "Statements".
#include "base/message.hpp"
#include "parser.hpp"

namespace vyre::vir::text {

Range Parser::block() {
  expect("{", "before the statements");
  std::vector<NodeId> nodes;
  while (ok() && !at("}") && now_.kind != TokenKind::end) {
    check_count(now_, nodes.size() + 1, kMaxNodes, "statements in one list");
    nodes.push_back(node());
  }
  expect("}", "after the statements");
  return ok() ? program_.add_list(nodes) : Range{};
}

NodeId Parser::node() {
  const SourcePlace place = here();
  const NodeId id = unmarked_node();
  mark(places_.nodes, id, place);
  return id;
}

NodeId Parser::unmarked_node() {
  const Depth depth(*this);
  const Level level(*this, levels_, kMaxDecodeDepth, kTooManyLevels);
  if (!ok()) return 0;
  if (at("{")) return block_node();
  if (now_.kind == TokenKind::string) return named_node();
  if (now_.kind != TokenKind::word) {
    unexpected("a statement");
    return 0;
  }
  if (now_.text == "let") return let_node();
  if (now_.text == "if") return if_node();
  if (now_.text == "for") return for_node();
  if (now_.text == "region") return region_node();
  if (now_.text == "return") {
    take();
    expect(";", "after 'return'");
    Node node;
    node.tag = NodeTag::Return;
    return program_.add(node);
  }
  if (now_.text == "buffer" || now_.text == "workgroup" || now_.text == "entry_op_id" ||
      now_.text == "non_composable") {
    unexpected("a statement", "; declarations stand before the first statement");
    return 0;
  }
  if (ahead("(") || (now_.text == "barrier" && ahead(";"))) return statement_call();
  return named_node();
}

NodeId Parser::let_node() {
  take();
  Node node;
  node.tag = NodeTag::Let;
  node.name = name("the name of the variable");
  expect("=", "and the value of the variable");
  node.e0 = expr();
  expect(";", "after the value");
  return program_.add(node);
}

NodeId Parser::if_node() {
  take();
  Node node;
  node.tag = NodeTag::If;
  node.e0 = expr();
  node.body = block();
  if (accept_word("else")) {
    if (at_word("if")) {
      const NodeId chained = this->node();
      node.otherwise = program_.add_list({&chained, 1});
    } else {
      node.otherwise = block();
    }
  }
  return program_.add(node);
}

NodeId Parser::for_node() {
  take();
  Node node;
  node.tag = NodeTag::Loop;
  node.name = name("the name of the loop variable");
  if (!accept_word("in")) unexpected("'in' and the bounds of the loop");
  node.e0 = expr();
  expect("..", "between the bounds of the loop");
  node.e1 = expr();
  node.body = block();
  return program_.add(node);
}

NodeId Parser::region_node() {
  take();
  Node node;
  node.tag = NodeTag::Region;
  node.name = name("the name of the region");
  if (accept_word("from")) node.name2 = name("the name of the source region");
  node.body = block();
  return program_.add(node);
}

NodeId Parser::block_node() {
  Node node;
  node.tag = NodeTag::Block;
  node.body = block();
  return program_.add(node);
}

NodeId Parser::named_node() {
  Node node;
  node.tag = NodeTag::Assign;
  const Token first = now_;
  node.name = name("a statement");
  if (accept("[")) {
    node.tag = NodeTag::Store;
    node.e0 = expr();
    expect("]", "after the index");
    expect("=", "and the value to store");
    node.e1 = expr();
  } else if (accept("=")) {
    node.e0 = expr();
  } else {
    unexpected("'=' or '['",
               first.kind == TokenKind::word
                   ? did_you_mean(first.text, {"let", "if", "for", "return", "region", "barrier"})
                   : std::string());
  }
  expect(";", "after the value");
  return program_.add(node);
}

void Parser::async_copy(Node& node) {
  node.name = name("the source buffer");
  expect(",", "and the destination buffer");
  node.name2 = name("the destination buffer");
  expect(",", "and the byte offset");
  node.e0 = expr();
  expect(",", "and the size in bytes");
  node.e1 = expr();
  expect(",", "and the tag");
  node.name3 = name("the tag");
}

void Parser::collective(Node& node) {
  const bool two_buffers = node.tag == NodeTag::AllGather || node.tag == NodeTag::ReduceScatter;
  node.name = name(two_buffers ? "the input buffer" : "the buffer");
  if (two_buffers) {
    expect(",", "and the output buffer");
    node.name2 = name("the output buffer");
  }
  if (node.tag == NodeTag::AllReduce || node.tag == NodeTag::ReduceScatter) {
    expect(",", "and the operator");
    node.collective = static_cast<CollectiveOp>(
        word(Vocabulary::collective_op, "sum, min, max, bit_and, bit_or or bit_xor"));
  }
  if (node.tag == NodeTag::Broadcast) {
    expect(",", "and the root rank");
    node.root = integer32("the root rank");
  }
  expect(",", "and the group");
  node.group = integer32("the group");
}

NodeId Parser::statement_call() {
  struct Row {
    std::string_view text;
    NodeTag tag;
  };
  static constexpr Row kRows[]{
      {"barrier", NodeTag::Barrier},
      {"indirect_dispatch", NodeTag::IndirectDispatch},
      {"async_load", NodeTag::AsyncLoad},
      {"async_store", NodeTag::AsyncStore},
      {"async_wait", NodeTag::AsyncWait},
      {"resume", NodeTag::Resume},
      {"trap", NodeTag::Trap},
      {"all_reduce", NodeTag::AllReduce},
      {"all_gather", NodeTag::AllGather},
      {"reduce_scatter", NodeTag::ReduceScatter},
      {"broadcast", NodeTag::Broadcast},
      {"opaque", NodeTag::Opaque},
  };
  const Token word = take();
  const Row* row = nullptr;
  for (const Row& candidate : kRows) {
    if (candidate.text == word.text) row = &candidate;
  }
  if (row == nullptr) {
    std::vector<std::string_view> known;
    for (const Row& candidate : kRows) known.push_back(candidate.text);
    fail_at(word,
            message("unknown statement {}{}", describe(word), did_you_mean(word.text, known)));
    return 0;
  }
  Node node;
  node.tag = row->tag;
  if (node.tag == NodeTag::Barrier && accept(";")) return program_.add(node);
  expect("(", "after the name of the statement");
  switch (node.tag) {
    case NodeTag::Barrier:
      node.ordering = static_cast<Ordering>(this->word(Vocabulary::ordering, "a memory ordering"));
      break;
    case NodeTag::IndirectDispatch:
      node.name = name("the buffer with the workgroup counts");
      expect(",", "and the byte offset of the counts");
      node.offset = integer("the byte offset of the counts", ~std::uint64_t{0});
      break;
    case NodeTag::AsyncLoad:
    case NodeTag::AsyncStore:
      async_copy(node);
      break;
    case NodeTag::AsyncWait:
    case NodeTag::Resume:
      node.name3 = name("the tag");
      break;
    case NodeTag::Trap:
      node.e0 = expr();
      expect(",", "and the tag");
      node.name3 = name("the tag");
      break;
    case NodeTag::Opaque:
      node.name = name("the kind");
      expect(",", "and the payload");
      node.payload = hex_payload();
      break;
    default:
      collective(node);
      break;
  }
  expect(")", "after the last parameter");
  expect(";", "after the statement");
  return program_.add(node);
}

}  // namespace vyre::vir::text
