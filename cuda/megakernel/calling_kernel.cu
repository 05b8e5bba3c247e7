// The resident kernel once more, with one difference: units of programs that have a compiled form
// are run by it (compiled.cuh). It is compiled as relocatable code, so that functions of other
// modules can be called by their address, and only where the build asks for it (VYRE_JIT). The
// kernel that interprets everything is not touched by it. Spec: docs/internals/jit.md, "Loading".

// The workers' call by this name goes to compiled.cuh.
#define run_unit interpret_unit
#include "units.cuh"
#undef run_unit
// After it.
#include "compiled.cuh"
// After both.
#include "kernel.cu"
