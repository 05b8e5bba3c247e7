// Our own functions from sine to logarithm as device functions that emitted programs call: from f32
// bits to f32 bits. Compiled into a fatbin that the library carries. Spec: docs/internals/jit.md,
// "The function".
#include "core/f32_transcendental.hpp"

#define VYRE_OWN_FUNCTION(name)                                        \
  extern "C" __device__ unsigned vyre_f32_##name(unsigned x) {         \
    return __float_as_uint(vyre::core::f32::name(__uint_as_float(x))); \
  }
VYRE_OWN_FUNCTION(sin)
VYRE_OWN_FUNCTION(cos)
VYRE_OWN_FUNCTION(tan)
VYRE_OWN_FUNCTION(asin)
VYRE_OWN_FUNCTION(acos)
VYRE_OWN_FUNCTION(atan)
VYRE_OWN_FUNCTION(sinh)
VYRE_OWN_FUNCTION(cosh)
VYRE_OWN_FUNCTION(tanh)
VYRE_OWN_FUNCTION(exp)
VYRE_OWN_FUNCTION(exp2)
VYRE_OWN_FUNCTION(log)
VYRE_OWN_FUNCTION(log2)
