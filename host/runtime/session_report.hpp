// The report of a session: what its parts counted, summed up. What was not measured stays empty.
// Host only; any thread. Spec: docs/report.md.
//
// Lock: none of its own. Op names and lineage take the order lock, counts the turn of each
// collector.
#pragma once

#include "backend/backend.hpp"
#include "launch_control.hpp"
#include "lineage_log.hpp"
#include "op_table.hpp"
#include "order_lock.hpp"
#include "report/report.hpp"
#include "results.hpp"
#include "session_counters.hpp"
#include "session_life.hpp"
#include "session_pump.hpp"
#include "session_setup.hpp"
#include "submitter.hpp"

namespace vyre::runtime {

struct ReportSources {
  const SessionSetup& setup;
  const backend::Backend& backend;
  const SessionLife& life;
  const OpTable& ops;
  Submitter& submitter;
  LaunchControl& launch;
  const SessionPump& pump;
  const SessionCounters& counters;
  Results& results;
  const LineageLog& lineage;
  OrderMutex& order;
};

[[nodiscard]] report::Document make_report(const ReportSources& from);

}  // namespace vyre::runtime
