// Where the request lines lie in ingest memory, and their ends over real atomics.
#include "queue/io_queue.hpp"

namespace vyre::queue {

IoQueueView IoQueueView::of(MutableByteSpan ingest_memory) {
  std::uint8_t* const at = ingest_memory.data();
  IoQueueView view;
  view.head = reinterpret_cast<IoQueueHead*>(at + IngestLayout::kHead);
  view.requests = reinterpret_cast<IoRequestLine*>(at + IngestLayout::kRequests);
  view.completions = reinterpret_cast<IoCompletionLine*>(at + IngestLayout::kCompletions);
  view.line_data = at + IngestLayout::kLineData;
  return view;
}

template class IoClientOver<HostAtomics>;
template class IoServerOver<HostAtomics>;

}  // namespace vyre::queue
