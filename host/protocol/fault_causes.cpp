#include "protocol/fault_causes.hpp"

namespace vyre {

std::string_view fault_cause(FaultCode code, bool builtin) noexcept {
  switch (code) {
    case FaultCode::bad_binding:
      return "its buffers do not fit the op in number, size, kind or contents; compare them with "
             "what the op takes";
    case FaultCode::unknown_op:
      return "the session has no op of its number; add the op or find it by its name";
    case FaultCode::unknown_handle:
      return "one of its buffers was gone before it ran; keep buffers until their items end";
    case FaultCode::io_error:
      // A lane of a program says which copy failed.
      if (builtin) return "a file that it reads cannot be read or became shorter; check the file";
      return "";
    default:
      return "";
  }
}

}  // namespace vyre
