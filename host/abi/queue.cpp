// Queues: giving out and taking back. See queue.hpp.
#include "queue.hpp"

#include <memory>

#include "structures.hpp"

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_queue_main(vyre_session* session, vyre_queue** queue) {
  return guarded("vyre_queue_main", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(queue, "queue"));
    *queue = new vyre_queue(SessionReference(*session), 0);
    return {};
  });
}

vyre_error* vyre_queue_open(vyre_session* session, const vyre_queue_options* options,
                            vyre_queue** queue) {
  return guarded("vyre_queue_open", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(queue, "queue"));
    VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_queue_options"));
    VYRE_TRY(read_named(wanted.options, wanted.option_count, {},
                        {"tenant", "priority", "quota_bytes", "quota_items"}));
    VYRE_ASSIGN(const std::uint32_t number, session->queues.take());
    try {
      *queue = new vyre_queue(SessionReference(*session), number);
    } catch (...) {
      session->queues.give_back(number);
      throw;
    }
    return {};
  });
}

vyre_queue* vyre_queue_retain(vyre_queue* queue) {
  if (queue != nullptr) queue->counted.retain();
  return queue;
}

void vyre_queue_free(vyre_queue* queue) {
  if (queue == nullptr || !queue->counted.release()) return;
  if (!queue->session->forked()) queue->session->queues.give_back(queue->number);
  quietly([queue] { delete queue; });
}

vyre_session* vyre_queue_session(const vyre_queue* queue) {
  return queue == nullptr ? nullptr : &*queue->session;
}

uint32_t vyre_queue_number(const vyre_queue* queue) {
  return queue == nullptr ? UINT32_MAX : queue->number;
}
