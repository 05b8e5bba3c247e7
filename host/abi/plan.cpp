// Plans: items that a queue looks at before they are submitted. Host only; any thread.
#include <optional>
#include <vector>

#include "base/message.hpp"
#include "blob.hpp"
#include "buffer.hpp"
#include "guard.hpp"
#include "items.hpp"
#include "queue.hpp"
#include "results.hpp"
#include "runtime/plan.hpp"
#include "structures.hpp"

struct vyre_plan {
  vyre_plan(const vyre::abi::SessionReference& of, std::uint32_t its_queue,
            vyre::runtime::Plan made)
      : session(of), queue(its_queue), engine(std::move(made)) {}

  vyre::abi::SessionReference session;
  const std::uint32_t queue;
  const vyre::runtime::Plan engine;
};

namespace vyre::abi {
namespace {

struct PlanItems {
  std::vector<MegakernelWorkItem> items;
  std::vector<std::uint8_t> flags;
};

Result<PlanItems> items_of(const vyre_session& session, const vyre_item* items, std::size_t count,
                           std::size_t stride) {
  VYRE_TRY(runtime::check_plan_size(count));
  PlanItems made;
  made.items.resize(count);
  made.flags.resize(count);
  const auto* bytes = reinterpret_cast<const unsigned char*>(items);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& item = *reinterpret_cast<const vyre_item*>(bytes + i * stride);
    VYRE_TRY(known_flags(item.flags, i));
    made.flags[i] = static_cast<std::uint8_t>(item.flags);
    if (!convert(session, item, made.items[i]))
      return tl::unexpected<Error>(at_item(why_refused(session, item), i));
  }
  return made;
}

Status made_by(const vyre_queue& queue, const vyre_plan& plan) {
  if (&*queue.session == &*plan.session && queue.number == plan.queue) return {};
  return fail(
      Errc::invalid_argument,
      message("the plan was made by queue {} of session {}, and this is queue {} of session "
              "{}; submit it to the one that made it",
              plan.queue, plan.session->tag, queue.number, queue.session->tag));
}

}  // namespace
}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_plan_new(vyre_queue* queue, const vyre_item* items, size_t count, size_t stride,
                          const vyre_plan_options* options, vyre_plan** plan) {
  return guarded("vyre_plan_new", [&]() -> Status {
    VYRE_TRY(usable(queue));
    VYRE_TRY(given_array(items, count, "items"));
    VYRE_TRY(given(plan, "plan"));
    VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_plan_options"));
    VYRE_ASSIGN(const std::size_t step, checked_stride(stride, sizeof(vyre_item)));
    constexpr std::uint32_t kKnown{VYRE_PLAN_NO_DEDUPE | VYRE_PLAN_NO_FUSION | VYRE_PLAN_LINEAGE};
    if ((wanted.flags & ~kKnown) != 0) {
      return fail(Errc::invalid_argument,
                  message("plan flags {} are not all known: VYRE_PLAN_NO_DEDUPE, "
                          "VYRE_PLAN_NO_FUSION and VYRE_PLAN_LINEAGE are",
                          wanted.flags));
    }
    VYRE_TRY(given_array(wanted.scratch, wanted.scratch_count, "vyre_plan_options.scratch"));
    VYRE_ASSIGN(const auto scratch,
                handles_of(*queue->session, wanted.scratch, wanted.scratch_count));
    VYRE_ASSIGN(const PlanItems made, items_of(*queue->session, items, count, step));
    VYRE_ASSIGN(runtime::Plan planned,
                queue->session->engine.plan(made.items,
                                            {.queue = queue->number,
                                             .dedupe = (wanted.flags & VYRE_PLAN_NO_DEDUPE) == 0,
                                             .fuse = (wanted.flags & VYRE_PLAN_NO_FUSION) == 0,
                                             .lineage = (wanted.flags & VYRE_PLAN_LINEAGE) != 0,
                                             .scratch = scratch,
                                             .flags = made.flags}));
    *plan = new vyre_plan(queue->session, queue->number, std::move(planned));
    return {};
  });
}

vyre_error* vyre_plan_describe(const vyre_plan* plan, int32_t json, vyre_blob** text) {
  return guarded("vyre_plan_describe", [&]() -> Status {
    VYRE_TRY(given(plan, "plan"));
    VYRE_TRY(given(text, "text"));
    *text = make_blob(json != 0 ? plan->engine.describe_json() : plan->engine.describe());
    return {};
  });
}

vyre_error* vyre_plan_submit(vyre_queue* queue, const vyre_plan* plan, vyre_ns timeout,
                             vyre_ticket* tickets, size_t* accepted) {
  return guarded("vyre_plan_submit", [&]() -> Status {
    VYRE_TRY(usable(queue));
    VYRE_TRY(given(plan, "plan"));
    VYRE_TRY(made_by(*queue, *plan));
    vyre_session& session = *queue->session;
    auto submitted = session.engine.submit(plan->engine, session.deadline(timeout));
    for (std::size_t i = 0; tickets != nullptr && i < plan->engine.items(); ++i) {
      const bool has_one = submitted && submitted->tickets[i].session != 0;
      const runtime::Ticket one = has_one ? submitted->tickets[i] : runtime::Ticket{};
      tickets[i] =
          has_one ? ticket_for(session, one.queue, one.position, one.member) : vyre_ticket{0, 0};
    }
    if (accepted != nullptr) *accepted = submitted ? submitted->accepted : 0;
    if (!submitted) return tl::unexpected<Error>(std::move(submitted).error());
    if (submitted->stopped_by) return tl::unexpected<Error>(std::move(*submitted->stopped_by));
    return {};
  });
}

void vyre_plan_free(vyre_plan* plan) {
  quietly([plan] { delete plan; });
}
