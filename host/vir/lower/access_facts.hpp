// What an image's accesses to memory let a CPU leave out. Host only, private to lowering. Spec:
// docs/internals/image.md, "Accesses on the CPU".
#pragma once

#include "core/image.hpp"

namespace vyre::vir::lowering {

/// Marks loads and stores whose index goes up by one from lane to lane, moves ids behind the branch
/// that ends workgroups without work, and fills Image::read_bytewise, written and
/// idle_instructions. Of a finished image, before find_byte_runs().
void find_access_facts(core::Image& image);

}  // namespace vyre::vir::lowering
