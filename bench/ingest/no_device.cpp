// The sections of a device in a bench that was built without nvcc.
#include "ingest/sections.hpp"

namespace vyre::bench {

Status device_stream_section(const Settings&, const RowSink&) {
  return fail(Errc::unsupported, "this bench was built without CUDA");
}
void describe_device(const RowSink&) {}

}  // namespace vyre::bench
