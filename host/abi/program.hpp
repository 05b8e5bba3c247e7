// The program object: a decoded VIR0 program that never changes. Host only; any thread.
#pragma once

#include "object.hpp"
#include "vir/program/program.hpp"
#include "vyre/vyre.h"

struct vyre_program {
  explicit vyre_program(vyre::vir::Program read) : program(std::move(read)) {}

  vyre::abi::Counted counted;
  const vyre::vir::Program program;
};
