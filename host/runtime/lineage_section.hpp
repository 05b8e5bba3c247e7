// The lineage of a session for its report. Host only; any thread.
//
// Lock: takes the order lock.
#pragma once

#include "lineage_log.hpp"
#include "order_lock.hpp"
#include "report/report.hpp"

namespace vyre::runtime {

void add_lineage(const LineageLog& log, OrderMutex& order, report::Document& document);

}  // namespace vyre::runtime
