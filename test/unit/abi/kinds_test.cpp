// Numbers of one kind where another is needed: refused, and the answer says what they are.
#include <string>

#include "fixture.hpp"

namespace vyre::test {
namespace {

using Kinds = OnASession;

TEST_F(Kinds, ANumberOfAnotherKindIsRefusedAndSaysWhatItIs) {
  const Op nop = session_.find("nop").value();
  auto buffer = up<std::uint32_t>({1});
  const Ticket ticket = session_.main().submit(Item{nop}).value();
  const vyre_buffer of_op = nop.handle;
  const vyre_op of_buffer = buffer.ref().handle;
  const std::string here = "session " + std::to_string(vyre_session_tag(session_.get()));
  const auto refused = [&](vyre_error* error, std::string_view is, std::string_view needed) {
    const detail::Failed failed{error};
    ASSERT_TRUE(failed) << is;
    const std::string text = failed.error().text;
    EXPECT_EQ(failed.error().code, Code::invalid_argument) << text;
    EXPECT_TRUE(contains(text, is)) << text;
    EXPECT_TRUE(contains(text, std::string(" of ") + here + " was given where " +
                                   std::string(needed) + " of " + here + " is needed"))
        << text;
  };
  vyre_session* s = session_.get();
  vyre_queue* q = session_.main().get();
  std::uint32_t word = 77;
  std::uint64_t bytes = 0;
  vyre_buffer set = 0;
  vyre_op_info info = VYRE_INIT(vyre_op_info);
  vyre_ticket false_ticket{of_op, 0};
  refused(vyre_buffer_read(s, of_op, 0, &word, sizeof word, 0), "op ", "a buffer");
  refused(vyre_buffer_write(s, of_op, 0, &word, sizeof word, 0), "op ", "a buffer");
  refused(vyre_buffer_size(s, of_op, &bytes), "op ", "a buffer");
  refused(vyre_buffer_number(s, of_op, &word), "op ", "a buffer");
  refused(vyre_buffer_retire(s, of_op), "op ", "a buffer");
  refused(vyre_buffer_bind(q, &of_op, 1, 0, &set), "op ", "a buffer");
  refused(vyre_buffer_tag(s, of_op, nullptr, 0), "op ", "a buffer");
  refused(vyre_op_describe(s, of_buffer, &info), "buffer ", "an op");
  refused(vyre_op_number(s, of_buffer, &word), "buffer ", "an op");
  refused(vyre_wait(s, &false_ticket, 1, 1, 0, nullptr, 0, nullptr), "op ",
          "a queue of the ticket");
  false_ticket.where = of_buffer;
  refused(vyre_wait(s, &false_ticket, 1, 1, 0, nullptr, 0, nullptr), "buffer ",
          "a queue of the ticket");
  refused(vyre_cancel(s, &false_ticket, 1, nullptr), "buffer ", "a queue of the ticket");
  refused(vyre_buffer_read(s, ticket.where, 0, &word, sizeof word, 0), "queue of the ticket ",
          "a buffer");
  EXPECT_EQ(word, 77u);
  EXPECT_TRUE(session_.wait(ticket).value().done());

  const auto item = session_.main().submit(Item{nop, {}, BufferRef{of_op}});
  ASSERT_FALSE(item);
  EXPECT_TRUE(contains(item.error().text, "item 0: its output: op ")) << item.error().text;
  const auto op = session_.main().submit(Item{Op{of_buffer}});
  ASSERT_FALSE(op);
  EXPECT_TRUE(contains(op.error().text, "item 0: buffer ")) << op.error().text;
  EXPECT_EQ(buffer.read<std::uint32_t>().value()[0], 1u);
}

}  // namespace
}  // namespace vyre::test
