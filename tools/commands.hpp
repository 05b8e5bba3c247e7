// One function a command: each adds its flags to the parser and, when it was chosen, leaves its
// action.
#pragma once

#include "shell.hpp"

namespace vyre::cli {

void add_caps(CLI::App& app, Action& chosen);
void add_asm(CLI::App& app, Action& chosen);
void add_dis(CLI::App& app, Action& chosen);
void add_verify(CLI::App& app, Action& chosen);
void add_run(CLI::App& app, Action& chosen);
void add_record(CLI::App& app, Action& chosen);
void add_replay(CLI::App& app, Action& chosen);
void add_conformance(CLI::App& app, Action& chosen);
void add_report(CLI::App& app, Action& chosen);

}  // namespace vyre::cli
