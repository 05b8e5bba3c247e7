// Where an image has byte runs. Host only, private to lowering.
#pragma once

#include "core/image.hpp"

namespace vyre::vir::lowering {

/// Fills Image::byte_runs, byte_steps and byte_code of a finished image.
void find_byte_runs(core::Image& image);

}  // namespace vyre::vir::lowering
