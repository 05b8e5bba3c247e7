// Limits, and what the machine gives.
#include <utility>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "blob.hpp"
#include "guard.hpp"
#include "ingest/probe.hpp"
#include "protocol/limits_table.hpp"
#include "structures.hpp"

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_limit_at(size_t index, vyre_limit* limit) {
  return guarded("vyre_limit_at", [&]() -> Status {
    VYRE_TRY(given(limit, "limit"));
    VYRE_TRY(check_output(limit, "vyre_limit"));
    const auto all = limits();
    if (index >= all.size()) {
      return fail(Errc::not_found,
                  message("there are {} limits, from 0 on; {} is none", all.size(), index));
    }
    // The table is made of literals, and of names that a zero byte follows.
    const Limit& found = all[index];
    write_output(limit, vyre_limit{0, 0, found.name.data(), found.value, found.unit.data(),
                                   found.reason.data()});
    return {};
  });
}

vyre_error* vyre_ingest_probe(const char* directory, vyre_blob** json) {
  return guarded("vyre_ingest_probe", [&]() -> Status {
    VYRE_TRY(given_path(directory, "directory"));
    VYRE_TRY(given(json, "json"));
    JsonWriter tiers;
    tiers.begin_array();
    for (const ingest::TierFacts& facts : ingest::probe_tiers(directory)) {
      tiers.begin_object()
          .member("tier", ingest::letter(facts.tier))
          .member("available", facts.available)
          .member("reason", facts.reason)
          .end_object();
    }
    *json = make_blob(std::move(tiers.end_array()).text());
    return {};
  });
}
