// Vyre for C++20: every header of the API. Header-only over the C ABI in vyre/vyre.h; link libvyre.
// Start at docs/api.md.
#pragma once

#include "vyre/api/batch.hpp"
#include "vyre/api/buffer.hpp"
#include "vyre/api/conformance.hpp"
#include "vyre/api/error.hpp"
#include "vyre/api/interrupt.hpp"
#include "vyre/api/item.hpp"
#include "vyre/api/literals.hpp"
#include "vyre/api/log.hpp"
#include "vyre/api/machine.hpp"
#include "vyre/api/program.hpp"
#include "vyre/api/queue.hpp"
#include "vyre/api/report.hpp"
#include "vyre/api/report_files.hpp"
#include "vyre/api/session.hpp"
#include "vyre/api/stream.hpp"
#include "vyre/api/timeout.hpp"
#include "vyre/api/trace.hpp"
#include "vyre/api/work_item.hpp"
#include "vyre/version.h"
#include "vyre/vyre.h"
