// Queue: buffers are made and items submitted through it; items of one queue start in the order in
// which they were submitted. Copies name the same queue. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "vyre/api/batch.hpp"
#include "vyre/api/buffer.hpp"
#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/item.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/api/plan.hpp"
#include "vyre/api/stream.hpp"
#include "vyre/api/timeout.hpp"
#include "vyre/api/work_item.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// What a submit of several items came to: a prefix was accepted, and why not all.
struct Submitted {
  std::size_t accepted{0};
  std::optional<Error> stopped_by;
};

class Queue {
 public:
  /// Takes over a reference. The default names no queue; every call refuses it.
  explicit Queue(vyre_queue* owned = nullptr) : queue_(owned) {}

  /// A buffer of zeros.
  [[nodiscard]] Result<Buffer> allocate(std::uint64_t bytes, Timeout timeout = {}) {
    return make([&](vyre_buffer* made) {
      return vyre_buffer_new(get(), bytes, nullptr, timeout.ns(), made);
    });
  }
  /// An output for match.literals, with room for as many hits as the launch policy expects now.
  [[nodiscard]] Result<Buffer> allocate_hits(Timeout timeout = {}) {
    const vyre_option hits{"hits", "1"};
    vyre_buffer_options options = VYRE_INIT(vyre_buffer_options);
    options.options = &hits;
    options.option_count = 1;
    return make(
        [&](vyre_buffer* made) { return vyre_buffer_new(get(), 0, &options, timeout.ns(), made); });
  }
  /// A buffer with these elements.
  template <Element T>
  [[nodiscard]] Result<Buffer> upload(std::span<const T> elements, Timeout timeout = {}) {
    vyre_buffer_options options = VYRE_INIT(vyre_buffer_options);
    options.init = elements.data();
    return make([&](vyre_buffer* made) {
      return vyre_buffer_new(get(), elements.size_bytes(), &options, timeout.ns(), made);
    });
  }
  /// A read-only buffer with these elements. All buffers that a session made of equal bytes in this
  /// way share one memory: the second call sends nothing. What was given back stays for the next
  /// call until its memory is wanted.
  template <Element T>
  [[nodiscard]] Result<Buffer> upload_cached(std::span<const T> elements, Timeout timeout = {}) {
    const vyre_option cache{"cache", "1"};
    vyre_buffer_options options = VYRE_INIT(vyre_buffer_options);
    options.init = elements.data();
    options.options = &cache;
    options.option_count = 1;
    return make([&](vyre_buffer* made) {
      return vyre_buffer_new(get(), elements.size_bytes(), &options, timeout.ns(), made);
    });
  }
  template <std::ranges::contiguous_range Range>
  requires std::ranges::sized_range<Range> && Element<std::ranges::range_value_t<Range>>
  [[nodiscard]] Result<Buffer> upload_cached(const Range& elements, Timeout timeout = {}) {
    return upload_cached(std::span<const std::ranges::range_value_t<Range>>(
                             std::ranges::data(elements), std::ranges::size(elements)),
                         timeout);
  }
  template <std::ranges::contiguous_range Range>
  requires std::ranges::sized_range<Range> && Element<std::ranges::range_value_t<Range>>
  [[nodiscard]] Result<Buffer> upload(const Range& elements, Timeout timeout = {}) {
    return upload(std::span<const std::ranges::range_value_t<Range>>(std::ranges::data(elements),
                                                                     std::ranges::size(elements)),
                  timeout);
  }
  /// A buffer over memory of the caller, which belongs to the library until `done` is called:
  /// once, on any thread, when the buffer was retired and its last item has ended. It must not
  /// throw. `const T`: items only read it.
  template <class T>
  requires Element<std::remove_const_t<T>>
  [[nodiscard]] Result<Buffer> import(std::span<T> elements, std::function<void()> done = {},
                                      Timeout timeout = {}) {
    constexpr std::uint32_t kAccess = std::is_const_v<T> ? VYRE_READ : VYRE_READ_WRITE;
    auto held = std::make_unique<std::function<void()>>(std::move(done));
    const vyre_done call = [](void* context) {
      const std::unique_ptr<std::function<void()>> last(
          static_cast<std::function<void()>*>(context));
      if (*last) (*last)();
    };
    auto made = make([&](vyre_buffer* buffer) {
      return vyre_buffer_import(get(), const_cast<std::remove_const_t<T>*>(elements.data()),
                                elements.size_bytes(), kAccess, call, held.get(), timeout.ns(),
                                buffer);
    });
    if (made) (void)held.release();  // `call` frees it
    return made;
  }
  /// A read-only buffer of a regular file, of the size that it has now.
  [[nodiscard]] Result<Buffer> map_file(const std::string& path, Timeout timeout = {}) {
    return make([&](vyre_buffer* made) {
      return vyre_buffer_map_file(get(), path.c_str(), 0, timeout.ns(), made);
    });
  }
  /// The same; only items of this queue may name it.
  [[nodiscard]] Result<Buffer> map_own_file(const std::string& path, Timeout timeout = {}) {
    return make([&](vyre_buffer* made) {
      return vyre_buffer_map_file(get(), path.c_str(), VYRE_MAP_THIS_QUEUE_ONLY, timeout.ns(),
                                  made);
    });
  }
  /// A buffer with the bytes of a file, read before the call returns.
  [[nodiscard]] Result<Buffer> load_file(const std::string& path, Timeout timeout = {}) {
    return make([&](vyre_buffer* made) {
      return vyre_buffer_load_file(get(), path.c_str(), timeout.ns(), made);
    });
  }
  /// The same, read-only and shared as by upload_cached(). The file is not read again while its
  /// device, inode, size and times stay what they were.
  [[nodiscard]] Result<Buffer> load_cached_file(const std::string& path, Timeout timeout = {}) {
    return make([&](vyre_buffer* made) {
      return vyre_buffer_load_cached_file(get(), path.c_str(), timeout.ns(), made);
    });
  }
  /// An ordered list of buffers under one handle, for ops with several inputs or outputs.
  [[nodiscard]] Result<Buffer> bind(std::span<const BufferRef> buffers, Timeout timeout = {}) {
    return make([&](vyre_buffer* made) {
      return vyre_buffer_bind(get(), detail::c(buffers.data()), buffers.size(), timeout.ns(), made);
    });
  }

  /// Accepted or refused, never half.
  [[nodiscard]] Result<Ticket> submit(const Item& item, Timeout timeout = {}) {
    Ticket ticket;
    const detail::Failed failed{vyre_submit(get(), detail::c(&item), 1, sizeof(Item), timeout.ns(),
                                            nullptr, detail::c(&ticket), nullptr)};
    if (failed) return failed.error();
    return ticket;
  }
  /// Accepts a prefix; `tickets`, if it is not empty, has as many elements as `items` and gets
  /// theirs. `batch`, if it is not null, counts them.
  [[nodiscard]] Submitted submit(std::span<const Item> items, std::span<Ticket> tickets = {},
                                 Timeout timeout = {}, Batch* batch = nullptr) {
    Submitted result;
    if (auto error = mismatched(items.size(), tickets)) return {0, std::move(error)};
    const detail::Failed failed{vyre_submit(
        get(), detail::c(items.data()), items.size(), sizeof(Item), timeout.ns(),
        batch == nullptr ? nullptr : batch->get(), detail::c(tickets.data()), &result.accepted)};
    if (failed) result.stopped_by = failed.error();
    return result;
  }
  [[nodiscard]] Submitted submit(std::span<const Item> items, Batch& batch, Timeout timeout = {}) {
    return submit(items, {}, timeout, &batch);
  }
  /// Items by bare number (vyre_op_number, vyre_buffer_number).
  [[nodiscard]] Submitted submit(std::span<const MegakernelWorkItem> items,
                                 Order order = Order::none, std::span<Ticket> tickets = {},
                                 Timeout timeout = {}, Batch* batch = nullptr) {
    static_assert(sizeof(MegakernelWorkItem) == sizeof(vyre_work_item));
    Submitted result;
    if (auto error = mismatched(items.size(), tickets)) return {0, std::move(error)};
    const detail::Failed failed{vyre_submit_work_items(
        get(), reinterpret_cast<const vyre_work_item*>(items.data()), items.size(),
        static_cast<std::uint32_t>(order), timeout.ns(), batch == nullptr ? nullptr : batch->get(),
        detail::c(tickets.data()), &result.accepted)};
    if (failed) result.stopped_by = failed.error();
    return result;
  }
  /// Looks at items and submits none: which need not run, and which run as one.
  [[nodiscard]] Result<Plan> plan(std::span<const Item> items, const PlanOptions& options = {}) {
    vyre_plan_options c = VYRE_INIT(vyre_plan_options);
    c.flags = (options.dedupe ? 0u : std::uint32_t{VYRE_PLAN_NO_DEDUPE}) |
              (options.fuse ? 0u : std::uint32_t{VYRE_PLAN_NO_FUSION}) |
              (options.lineage ? std::uint32_t{VYRE_PLAN_LINEAGE} : 0u);
    c.scratch = detail::c(options.scratch.data());
    c.scratch_count = options.scratch.size();
    vyre_plan* made = nullptr;
    const detail::Failed failed{
        vyre_plan_new(get(), detail::c(items.data()), items.size(), sizeof(Item), &c, &made)};
    if (failed) return failed.error();
    return Plan(made, items.size());
  }
  /// Submits a plan of this queue; the results are those of submitting its items one by one.
  /// `tickets`, if it is not empty, has an element for each item and gets its ticket: equal ones
  /// for items that stand for each other, Ticket{} for those that were not accepted.
  [[nodiscard]] Submitted submit(const Plan& plan, std::span<Ticket> tickets = {},
                                 Timeout timeout = {}) {
    Submitted result;
    if (auto error = mismatched(plan.items(), tickets)) return {0, std::move(error)};
    const detail::Failed failed{vyre_plan_submit(get(), plan.get(), timeout.ns(),
                                                 detail::c(tickets.data()), &result.accepted)};
    if (failed) result.stopped_by = failed.error();
    return result;
  }
  /// Makes the outputs of an op, runs one item, and gives the outputs in declaration order. A
  /// fault is Code::faulted.
  [[nodiscard]] Result<std::vector<Buffer>> run(Op op, std::span<const BufferRef> inputs = {},
                                                std::uint32_t param = 0, Timeout timeout = {}) {
    vyre_op_info info = VYRE_INIT(vyre_op_info);
    if (const detail::Failed failed{
            vyre_op_describe(vyre_queue_session(get()), op.handle, &info)}) {
      return failed.error();
    }
    std::vector<vyre_buffer> handles(info.output_count);
    std::vector<Buffer> outputs;
    outputs.reserve(handles.size());
    if (const detail::Failed failed{vyre_run(get(), op.handle, detail::c(inputs.data()),
                                             inputs.size(), param, timeout.ns(), handles.data(),
                                             handles.size(), nullptr)}) {
      return failed.error();
    }
    for (const vyre_buffer handle : handles) {
      outputs.push_back(Buffer::adopt(vyre_queue_session(get()), handle));
    }
    return outputs;
  }

  /// Files in chunks, an item of `op` for each.
  [[nodiscard]] Result<Stream> stream(const std::vector<std::string>& files, Op op,
                                      const StreamOptions& options = {}) {
    const std::vector<const char*> paths = detail::c_strings(files);
    const vyre_stream_options c = c_options(options);
    vyre_stream* made = nullptr;
    const detail::Failed failed{
        vyre_stream_open(get(), paths.data(), paths.size(), op.handle, &c, &made)};
    if (failed) return failed.error();
    return Stream(made, nullptr);
  }
  [[nodiscard]] Result<Stream> stream(PathSource source, Op op, const StreamOptions& options = {}) {
    auto paths = std::make_unique<Stream::Paths>(Stream::Paths{std::move(source), {}, nullptr});
    const vyre_stream_options c = c_options(options);
    vyre_stream* made = nullptr;
    const detail::Failed failed{
        vyre_stream_open_paths(get(), &Stream::next_path, paths.get(), op.handle, &c, &made)};
    if (failed) return failed.error();
    return Stream(made, std::move(paths));
  }

  /// As reports and traces name it.
  [[nodiscard]] std::uint32_t number() const noexcept { return vyre_queue_number(get()); }
  [[nodiscard]] vyre_queue* get() const noexcept { return queue_.get(); }

 private:
  template <class Call>
  [[nodiscard]] Result<Buffer> make(const Call& call) {
    vyre_buffer made = 0;
    if (const detail::Failed failed{call(&made)}) return failed.error();
    return Buffer::adopt(vyre_queue_session(get()), made);
  }
  [[nodiscard]] static std::optional<Error> mismatched(std::size_t items,
                                                       std::span<Ticket> tickets) {
    if (tickets.empty() || tickets.size() == items) return std::nullopt;
    return Error::of(Code::invalid_argument, std::to_string(items) + " items and room for " +
                                                 std::to_string(tickets.size()) +
                                                 " tickets; give none or one for each item");
  }
  [[nodiscard]] static vyre_stream_options c_options(const StreamOptions& options) {
    vyre_stream_options c = VYRE_INIT(vyre_stream_options);
    c.flags = (options.in_order ? 0u : std::uint32_t{VYRE_STREAM_AS_THEY_COME}) |
              (options.keep_bytes ? std::uint32_t{VYRE_STREAM_KEEP_BYTES} : 0u);
    c.chunk_bytes = options.chunk_bytes;
    c.overlap_bytes = options.overlap_bytes;
    c.param = options.param;
    c.max_in_flight = options.max_in_flight;
    c.max_ahead = options.max_ahead;
    c.inputs = detail::c(options.inputs.data());
    c.input_count = options.inputs.size();
    c.outputs = reinterpret_cast<const vyre_stream_output*>(options.outputs.data());
    c.output_count = options.outputs.size();
    c.place = static_cast<std::uint32_t>(options.place);
    return c;
  }

  detail::SharedQueue queue_;
};

}  // namespace vyre::VYRE_V0
