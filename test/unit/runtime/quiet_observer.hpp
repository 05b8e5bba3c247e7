// An observer that does nothing: a base for those that look at one kind of event.
#pragma once

#include "runtime/session.hpp"

namespace vyre::runtime::test {

class QuietObserver : public SessionObserver {
 public:
  void on_program(OpHandle, std::string_view, const vir::Program&) override {}
  void on_buffer(Handle, ByteSpan, bool) override {}
  void on_write(Handle, std::uint64_t, ByteSpan) override {}
  void on_bind(Handle, std::span<const Handle>) override {}
  void on_release(Handle) override {}
  void on_submit(const Ticket&, const MegakernelWorkItem&, std::uint8_t,
                 std::chrono::nanoseconds) override {}
  void on_completion(const ItemResult&, std::chrono::nanoseconds) override {}
};

}  // namespace vyre::runtime::test
