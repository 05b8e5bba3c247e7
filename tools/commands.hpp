// One function a command: each adds the command with its flags, and says what it does.
#pragma once

#include "options.hpp"

namespace vyre::cli {

void add_caps(CommandLine& line);
void add_ops(CommandLine& line);
void add_asm(CommandLine& line);
void add_dis(CommandLine& line);
void add_verify(CommandLine& line);
void add_cache(CommandLine& line);
void add_scan(CommandLine& line);
void add_run(CommandLine& line);
void add_record(CommandLine& line);
void add_replay(CommandLine& line);
void add_conformance(CommandLine& line);
void add_report(CommandLine& line);
void add_top(CommandLine& line);

}  // namespace vyre::cli
