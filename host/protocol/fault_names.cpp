#include "protocol/fault_names.hpp"

namespace vyre {

std::string_view fault_name(FaultCode code) noexcept {
  switch (code) {
    case FaultCode::none:
      return "none";
    case FaultCode::trap:
      return "trap";
    case FaultCode::fuel_exhausted:
      return "fuel_exhausted";
    case FaultCode::i32_division_by_zero:
      return "i32_division_by_zero";
    case FaultCode::i32_division_overflow:
      return "i32_division_overflow";
    case FaultCode::bad_index:
      return "bad_index";
    case FaultCode::cast_out_of_range:
      return "cast_out_of_range";
    case FaultCode::type_mismatch:
      return "type_mismatch";
    case FaultCode::divergent_barrier:
      return "divergent_barrier";
    case FaultCode::barrier_deadlock:
      return "barrier_deadlock";
    case FaultCode::async_misuse:
      return "async_misuse";
    case FaultCode::id_overflow:
      return "id_overflow";
    case FaultCode::unbound_variable:
      return "unbound_variable";
    case FaultCode::bad_operation:
      return "bad_operation";
    case FaultCode::bad_binding:
      return "bad_binding";
    case FaultCode::unknown_op:
      return "unknown_op";
    case FaultCode::unknown_handle:
      return "unknown_handle";
    case FaultCode::io_error:
      return "io_error";
    case FaultCode::shutdown:
      return "shutdown";
    case FaultCode::wall_time:
      return "wall_time";
    case FaultCode::worker_lost:
      return "worker_lost";
    case FaultCode::abandoned:
      return "abandoned";
    case FaultCode::copy_limit:
      return "copy_limit";
    case FaultCode::out_of_memory:
      return "out_of_memory";
    case FaultCode::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view status_name(CompletionStatus status) noexcept {
  switch (status) {
    case CompletionStatus::done:
      return "done";
    case CompletionStatus::faulted:
      return "faulted";
    case CompletionStatus::cancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace vyre
