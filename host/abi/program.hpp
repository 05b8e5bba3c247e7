// The program object: a decoded VIR0 program that never changes. Host only; any thread.
#pragma once

#include "object.hpp"
#include "vir/program/program.hpp"
#include "vir/text/text.hpp"
#include "vyre/vyre.h"

struct vyre_program {
  explicit vyre_program(vyre::vir::Program read, vyre::vir::SourceMap where = {})
      : program(std::move(read)), places(std::move(where)) {}

  vyre::abi::Counted counted;
  const vyre::vir::Program program;
  const vyre::vir::SourceMap places;  // of its text; empty where it has none
};

namespace vyre::abi {

using ProgramReference = Reference<vyre_program, vyre_program_free>;

}  // namespace vyre::abi
