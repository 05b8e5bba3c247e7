// Plain values: what names a buffer or an op, what an item is, what it became. They own nothing and
// have the layout of their counterparts in vyre.h, so that spans of them cross without a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// Names a buffer, a mapped file or a binding set without owning it; the default names none.
struct BufferRef {
  vyre_buffer handle{0};
  friend bool operator==(BufferRef, BufferRef) = default;
};

/// An op of a session; it lasts as long as the session.
struct Op {
  vyre_op handle{0};
  friend bool operator==(Op, Op) = default;
};
static_assert(sizeof(Op) == sizeof(vyre_op));

enum class Order : std::uint32_t {
  none = 0,
  after_previous = VYRE_AFTER_PREVIOUS,  // when the item before it in its queue has ended
  after_all = VYRE_AFTER_ALL,            // when every earlier item of its queue has ended
};

struct Item {
  Op op;
  BufferRef input{};
  BufferRef output{};
  std::uint32_t param{0};
  Order flags{Order::none};
};
static_assert(sizeof(Item) == sizeof(vyre_item) && std::is_trivially_copyable_v<Item>);
static_assert(offsetof(Item, output) == offsetof(vyre_item, output));
static_assert(offsetof(Item, flags) == offsetof(vyre_item, flags));

struct Ticket {
  std::uint64_t where{0};
  std::uint64_t position{0};
  friend bool operator==(Ticket, Ticket) = default;
};
static_assert(sizeof(Ticket) == sizeof(vyre_ticket) && std::is_trivially_copyable_v<Ticket>);

enum class ItemStatus : std::uint32_t {
  done = VYRE_ITEM_DONE,
  faulted = VYRE_ITEM_FAULTED,
  cancelled = VYRE_ITEM_CANCELLED,
  pending = VYRE_ITEM_PENDING,
};

/// How an item ended, and if it is not done, why and where.
struct ItemResult {
  Ticket ticket;
  ItemStatus status{ItemStatus::pending};
  std::uint32_t code{VYRE_FAULT_NONE};
  std::uint64_t workgroup{0};  // linear
  std::uint32_t lane{0};       // linear in the workgroup
  std::uint32_t statement{0};  // of the program, in pre-order, from 0

  [[nodiscard]] bool done() const { return status == ItemStatus::done; }
  /// "fuel_exhausted"
  [[nodiscard]] const char* code_name() const { return vyre_fault_name(code); }
};
static_assert(sizeof(ItemResult) == sizeof(vyre_result) &&
              std::is_trivially_copyable_v<ItemResult>);
static_assert(offsetof(ItemResult, statement) == offsetof(vyre_result, statement));

/// What items of a session or a batch came to.
struct Totals {
  std::uint64_t accepted{0};
  std::uint64_t done{0};
  std::uint64_t faulted{0};
  std::uint64_t cancelled{0};
  std::uint64_t unasked{0};  // of faulted and cancelled: no caller has asked for the result

  [[nodiscard]] static Totals from(const vyre_totals& totals) {
    return {totals.accepted, totals.done, totals.faulted, totals.cancelled, totals.unasked};
  }
};

namespace detail {

[[nodiscard]] inline const vyre_item* c(const Item* items) {
  return reinterpret_cast<const vyre_item*>(items);
}
[[nodiscard]] inline vyre_op* c(Op* ops) {
  return reinterpret_cast<vyre_op*>(ops);
}
[[nodiscard]] inline const vyre_ticket* c(const Ticket* tickets) {
  return reinterpret_cast<const vyre_ticket*>(tickets);
}
[[nodiscard]] inline vyre_ticket* c(Ticket* tickets) {
  return reinterpret_cast<vyre_ticket*>(tickets);
}
[[nodiscard]] inline vyre_result* c(ItemResult* results) {
  return reinterpret_cast<vyre_result*>(results);
}
[[nodiscard]] inline const vyre_buffer* c(const BufferRef* buffers) {
  return reinterpret_cast<const vyre_buffer*>(buffers);
}

}  // namespace detail

}  // namespace vyre::VYRE_V0
