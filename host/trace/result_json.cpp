// See result_json.hpp.
#include "trace/result_json.hpp"

namespace vyre::trace {

void write(JsonWriter& out, const Difference& d) {
  out.begin_object()
      .member("item", d.item)
      .member("queue", d.queue)
      .member("buffer", d.buffer)
      .member("offset", d.offset)
      .member("expected", d.expected)
      .member("actual", d.actual)
      .member("races", d.races)
      .member("message", d.message)
      .member("status", d.status)
      .end_object();
}

void write(JsonWriter& out, const std::vector<RacyItem>& items) {
  out.begin_array();
  for (const RacyItem& racy : items) {
    out.begin_object()
        .member("item", racy.item)
        .member("program", racy.program)
        .member("total", racy.total)
        .member("races", racy.races)
        .end_object();
  }
  out.end_array();
}

}  // namespace vyre::trace
