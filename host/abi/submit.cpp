// Submitting items, and running one with outputs made for it. The hot path of this room: items are
// turned into the runtime's in blocks on the stack, in runs of the same flags.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/message.hpp"
#include "batch.hpp"
#include "bound.hpp"
#include "buffer.hpp"
#include "items.hpp"
#include "protocol/fault_causes.hpp"
#include "protocol/fault_names.hpp"
#include "protocol/work_item.hpp"
#include "queue.hpp"
#include "results.hpp"
#include "structures.hpp"

namespace vyre::abi {
namespace {

/// Items of one block: what the runtime publishes between two looks at the clock.
constexpr std::size_t kBlockItems{1'024};

/// One call that submits: where to, what for, and what was accepted so far.
class Submission {
 public:
  Submission(vyre_queue& queue, vyre_ns timeout, vyre_batch* batch, vyre_ticket* tickets)
      : queue_(queue),
        session_(*queue.session),
        waits_(session_.deadline(timeout)),
        batch_(batch == nullptr ? nullptr : batch->engine.get()),
        tickets_(tickets) {}

  /// Goes on where other threads' items came in between.
  Status submit(std::span<const MegakernelWorkItem> items, std::uint8_t flags) {
    while (!items.empty()) {
      auto many = session_.engine.submit_many(items, waits_.soon(), queue_.number, flags, batch_);
      if (tickets_ != nullptr) {
        for (std::uint64_t i = 0; i < many.accepted; ++i) {
          tickets_[accepted_ + i] = ticket_for(session_, queue_.number, many.first.position + i);
        }
      }
      accepted_ += many.accepted;
      items = items.subspan(many.accepted);
      if (!many.stopped_by) continue;
      if (waits_.stopped()) return tl::unexpected<Error>(interrupted());
      if (!waits_.goes_on(*many.stopped_by)) {
        const bool of_the_item = many.stopped_by->code == Errc::invalid_argument;
        return tl::unexpected<Error>(of_the_item ? at_item(std::move(*many.stopped_by), accepted_)
                                                 : std::move(*many.stopped_by));
      }
    }
    return {};
  }
  [[nodiscard]] std::size_t accepted() const noexcept { return accepted_; }

 private:
  vyre_queue& queue_;
  vyre_session& session_;
  const Waits waits_;
  runtime::Batch* const batch_;
  vyre_ticket* const tickets_;
  std::size_t accepted_{0};
};

template <class AnItem>
Status check(const vyre_queue* queue, const AnItem* items, std::size_t count,
             const vyre_batch* batch) {
  VYRE_TRY(usable(queue));
  VYRE_TRY(given_array(items, count, "items"));
  if (batch == nullptr || &*batch->session == &*queue->session) return {};
  return fail(Errc::invalid_argument, message("the batch belongs to session {}, and the queue to "
                                              "session {}; make a batch in the queue's session",
                                              batch->session->tag, queue->session->tag));
}

/// Turns items of a call into the runtime's. Those that touch no buffer are most of what is
/// submitted in bulk, so a group of them is turned at once, without a branch for each.
class Converter {
 public:
  Converter(const vyre_session& session, const unsigned char* items, std::size_t stride)
      : session_(session),
        ops_(Number{session.tag, Kind::op, kOnlyGeneration, 0}.bits()),
        items_(items),
        stride_(stride) {}

  [[nodiscard]] const vyre_item& at(std::size_t i) const noexcept {
    return *reinterpret_cast<const vyre_item*>(items_ + i * stride_);
  }
  /// The items from `first` on, at most `count`, as far as they have these flags and may name what
  /// they name; returns how many.
  [[nodiscard]] std::size_t convert(std::size_t first, std::size_t count, std::uint32_t flags,
                                    MegakernelWorkItem* made) const noexcept {
    std::size_t done = 0;
    while (count - done >= kGroup && convert_group(first + done, flags, made + done))
      done += kGroup;
    while (done < count && convert_one(at(first + done), flags, made[done])) ++done;
    return done;
  }

 private:
  static constexpr std::size_t kGroup{16};

  /// False, and what it wrote means nothing, if one of them is not of the simple kind. Halves of an
  /// item are taken as pairs of 64-bit words, and what differs is gathered and looked at once for
  /// all: 14 instructions an item where fields one by one take 22.
  [[nodiscard]] bool convert_group(std::size_t first, std::uint32_t flags,
                                   MegakernelWorkItem* made) const noexcept {
    using Pair = std::uint64_t __attribute__((vector_size(16)));
    static_assert(std::endian::native == std::endian::little && sizeof(vyre_item) == 32 &&
                  offsetof(vyre_item, output) == 16 && offsetof(vyre_item, flags) == 28 &&
                  sizeof(MegakernelWorkItem) == sizeof(Pair));
    const Pair op_alone{ops_, 0};                           // op, input
    const Pair flags_alone{0, std::uint64_t{flags} << 32};  // output, param and flags
    const Pair index{kMaxIndex, 0};
    Pair differs{};
    Pair differs_behind{};
    const unsigned char* next = items_ + first * stride_;
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kGroup; ++i) {
      Pair half;
      Pair behind;
      std::memcpy(&half, next, sizeof(half));
      std::memcpy(&behind, next + sizeof(half), sizeof(behind));
      next += stride_;
      differs |= half ^ op_alone;
      differs_behind |= behind ^ flags_alone;
      const Pair item = (half & index) | (behind << 32);  // of no output
      std::memcpy(made + i, &item, sizeof(item));
    }
    return ((differs[0] >> kIndexBits) | differs[1] | differs_behind[0] |
            (differs_behind[1] >> 32)) == 0;
  }
  /// False if it has other flags, or a handle is none that it may name; why_refused() says which.
  [[nodiscard]] bool convert_one(const vyre_item& item, std::uint32_t flags,
                                 MegakernelWorkItem& made) const noexcept {
    return item.flags == flags && abi::convert(session_, item, made);
  }

  const vyre_session& session_;
  const std::uint64_t ops_;  // every op of the session but for the index
  const unsigned char* const items_;
  const std::size_t stride_;
};

Status submit_items(const vyre_session& session, const unsigned char* items, std::size_t count,
                    std::size_t stride, Submission& into) {
  std::array<MegakernelWorkItem, kBlockItems> block;
  const Converter converter(session, items, stride);
  for (std::size_t i = 0; i < count;) {
    const std::uint32_t flags = converter.at(i).flags;
    VYRE_TRY(known_flags(flags, i));
    const std::size_t size =
        converter.convert(i, std::min(count - i, block.size()), flags, block.data());
    i += size;
    VYRE_TRY(into.submit(std::span(block).first(size), static_cast<std::uint8_t>(flags)));
    if (size == 0) return tl::unexpected<Error>(at_item(why_refused(session, converter.at(i)), i));
  }
  return {};
}

/// Buffers that a run made; what is left of them at its end is retired.
class Made {
 public:
  /// At most `count`: there is room for them from the beginning.
  Made(vyre_session& session, std::size_t count) : session_(session) { handles_.reserve(count); }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  ~Made() {
    for (const runtime::Handle& handle : handles_) {
      quietly([&] { (void)session_.engine.retire(handle); });
    }
  }
  Status keep(Result<runtime::Handle> made) {
    if (!made) return tl::unexpected<Error>(std::move(made).error());
    handles_.push_back(*made);
    return {};
  }
  [[nodiscard]] const std::vector<runtime::Handle>& handles() const noexcept { return handles_; }
  void let_go() noexcept { handles_.clear(); }

 private:
  vyre_session& session_;
  std::vector<runtime::Handle> handles_;
};

/// One handle for a list of buffers, as items name them; `sets` keeps a set that was made.
Result<std::uint32_t> one_handle(vyre_session& session, const std::vector<runtime::Handle>& list,
                                 Deadline deadline, Made& sets) {
  if (list.empty()) return 0;
  if (list.size() == 1) return list.front().id;
  VYRE_TRY(sets.keep(session.engine.bind(list, deadline, asked_by_this_thread())));
  return sets.handles().back().id;
}

Error not_done(const vyre_session& session, const runtime::OpInfo& op,
               const runtime::ItemResult& result) {
  const Fault& fault = result.fault;
  const bool cancelled = result.status == CompletionStatus::cancelled;
  std::string text = message("op '{}' {}: {}", op.name, cancelled ? "was cancelled" : "faulted",
                             fault_name(fault.code));
  const std::string_view cause = fault_cause(fault.code, op.builtin);
  const bool of_lane = !cancelled && cause.empty() && !op.builtin;
  if (of_lane) {
    text += message(" in workgroup {}, lane {}, statement {}", fault.workgroup, fault.lane,
                    fault.statement);
  } else if (!cause.empty()) {
    text += message(": {}", cause);
  }
  Error error{cancelled ? Errc::cancelled : Errc::faulted, text};
  const auto places = of_lane ? session.ops.places(op.handle.id) : nullptr;
  if (places == nullptr) return error;
  const vir::SourcePlace place = places->of(fault.statement);
  error.line = place.line;
  error.column = place.column;
  error.message = behind(places->map, place, std::move(error.message));
  return error;
}

/// What becomes of an item whose caller waits no longer: it does not start any more; what runs goes
/// on. A result where it has one by now.
Result<runtime::ItemResult> left_alone(vyre_session& session, const runtime::Ticket& ticket,
                                       Error why) {
  const auto kept = session.engine.cancel({&ticket, 1});
  const auto now = session.engine.wait(ticket, Clock::now());
  if (now && now->status != CompletionStatus::cancelled) return now;
  // A device does not tell which items it has started.
  const bool known = session.engine.backend_name() == "cpu";
  if (now || (known && kept && *kept == 1)) {
    why.message += "; the item was cancelled before it started";
  } else if (known) {
    why.message +=
        "; the item has started, and goes on until it ends by itself or the session "
        "closes";
  } else {
    why.message +=
        "; the item is cancelled if it has not started, and else goes on until it ends "
        "by itself or the session closes";
  }
  return tl::unexpected<Error>(std::move(why));
}

/// The outputs of an op for inputs of these sizes.
Status make_outputs(vyre_session& session, const runtime::OpInfo& op,
                    const std::vector<runtime::Handle>& inputs, std::uint32_t param,
                    Deadline deadline, Made& outputs) {
  std::vector<std::uint64_t> input_bytes;
  for (const runtime::Handle& input : inputs) {
    VYRE_ASSIGN(const std::uint64_t bytes, session.engine.buffer_bytes(input));
    input_bytes.push_back(bytes);
  }
  VYRE_ASSIGN(const auto sizes, session.engine.output_bytes(op.handle, input_bytes, param));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i].kind == runtime::OutputSize::Kind::unknown) {
      return fail(Errc::unsupported,
                  message("output {} of op '{}' has the size that its caller wants: make a buffer "
                          "and submit an item that names it",
                          i, op.name));
    }
    VYRE_TRY(
        outputs.keep(session.engine.allocate(sizes[i].bytes, deadline, asked_by_this_thread())));
  }
  return {};
}

}  // namespace
}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_submit(vyre_queue* queue, const vyre_item* items, size_t count, size_t stride,
                        vyre_ns timeout, vyre_batch* batch, vyre_ticket* tickets,
                        size_t* accepted) {
  return guarded("vyre_submit", [&]() -> Status {
    VYRE_TRY(check(queue, items, count, batch));
    VYRE_ASSIGN(const std::size_t step, checked_stride(stride, sizeof(vyre_item)));
    Submission submission(*queue, timeout, batch, tickets);
    Status done = submit_items(*queue->session, reinterpret_cast<const unsigned char*>(items),
                               count, step, submission);
    if (accepted != nullptr) *accepted = submission.accepted();
    return done;
  });
}

vyre_error* vyre_submit_work_items(vyre_queue* queue, const vyre_work_item* items, size_t count,
                                   uint32_t flags, vyre_ns timeout, vyre_batch* batch,
                                   vyre_ticket* tickets, size_t* accepted) {
  static_assert(sizeof(vyre_work_item) == sizeof(MegakernelWorkItem));
  static_assert(offsetof(vyre_work_item, param) == offsetof(MegakernelWorkItem, param));
  return guarded("vyre_submit_work_items", [&]() -> Status {
    VYRE_TRY(check(queue, items, count, batch));
    if (flags > 0xFF) {
      return fail(Errc::invalid_argument, message("flags {} are not known", flags));
    }
    Submission submission(*queue, timeout, batch, tickets);
    Status done = submission.submit({reinterpret_cast<const MegakernelWorkItem*>(items), count},
                                    static_cast<std::uint8_t>(flags));
    if (accepted != nullptr) *accepted = submission.accepted();
    return done;
  });
}

vyre_error* vyre_run(vyre_queue* queue, vyre_op op, const vyre_buffer* inputs, size_t input_count,
                     uint32_t param, vyre_ns timeout, vyre_buffer* outputs, size_t capacity,
                     size_t* count) {
  return guarded("vyre_run", [&]() -> Status {
    VYRE_TRY(usable(queue));
    VYRE_TRY(given_array(inputs, input_count, "inputs"));
    VYRE_TRY(given_array(outputs, capacity, "outputs"));
    vyre_session& session = *queue->session;
    VYRE_ASSIGN(const std::uint32_t number, op_number(session, op));
    VYRE_ASSIGN(const runtime::OpInfo* info, session.ops.describe(session.engine, number));
    const std::size_t wanted = info->signature.outputs.size();
    if (capacity < wanted) {
      return fail(Errc::invalid_argument, message("op '{}' has {} outputs, and capacity is {}",
                                                  info->name, wanted, capacity));
    }
    const Deadline deadline = session.deadline(timeout);
    VYRE_ASSIGN(const auto bound, members_of(session, inputs, input_count));
    Made made(session, wanted);
    VYRE_TRY(make_outputs(session, *info, bound, param, deadline, made));
    Made sets(session, 2);
    MegakernelWorkItem item{number, 0, 0, param};
    VYRE_ASSIGN(item.input_handle, one_handle(session, bound, deadline, sets));
    VYRE_ASSIGN(item.output_handle, one_handle(session, made.handles(), deadline, sets));
    const Waits waits(deadline);
    VYRE_ASSIGN(const runtime::Ticket ticket, waits.run([&](Deadline until) {
      return session.engine.submit(item, until, queue->number);
    }));
    auto waited = waits.run([&](Deadline until) { return session.engine.wait(ticket, until); });
    if (!waited) waited = left_alone(session, ticket, std::move(waited).error());
    VYRE_ASSIGN(const runtime::ItemResult result, std::move(waited));
    if (result.status != CompletionStatus::done) {
      return tl::unexpected<Error>(not_done(session, *info, result));
    }
    std::vector<vyre_buffer> numbers;
    numbers.reserve(wanted);
    for (const runtime::Handle& handle : made.handles()) {
      VYRE_ASSIGN(const vyre_buffer given_out, give_out(session, handle));
      numbers.push_back(given_out);
    }
    std::copy(numbers.begin(), numbers.end(), outputs);
    made.let_go();
    if (count != nullptr) *count = wanted;
    return {};
  });
}

vyre_error* vyre_op_output_sizes(vyre_session* session, vyre_op op, const uint64_t* input_bytes,
                                 size_t input_count, uint32_t param, uint64_t* bytes,
                                 uint32_t* kinds, size_t capacity) {
  return guarded("vyre_op_output_sizes", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given_array(input_bytes, input_count, "input_bytes"));
    VYRE_TRY(given_array(bytes, capacity, "bytes"));
    VYRE_ASSIGN(const std::uint32_t number, op_number(*session, op));
    VYRE_ASSIGN(const auto sizes, session->engine.output_bytes(runtime::OpHandle{number},
                                                               {input_bytes, input_count}, param));
    if (capacity < sizes.size()) {
      return fail(Errc::invalid_argument,
                  message("the op has {} outputs, and capacity is {}", sizes.size(), capacity));
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      bytes[i] = sizes[i].bytes;
      if (kinds != nullptr) kinds[i] = static_cast<std::uint32_t>(sizes[i].kind);
    }
    return {};
  });
}
