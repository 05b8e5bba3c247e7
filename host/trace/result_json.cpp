// See result_json.hpp.
#include "trace/result_json.hpp"

#include <nlohmann/json.hpp>

namespace vyre::trace {

using Json = nlohmann::ordered_json;

Json to_json(const Difference& d) {
  return Json{{"item", d.item},     {"queue", d.queue},       {"buffer", d.buffer},
              {"offset", d.offset}, {"expected", d.expected}, {"actual", d.actual},
              {"races", d.races},   {"message", d.message}};
}

Json to_json(const std::vector<RacyItem>& items) {
  Json rows = Json::array();
  for (const RacyItem& racy : items) {
    rows.push_back(Json{{"item", racy.item},
                        {"program", racy.program},
                        {"total", racy.total},
                        {"races", racy.races}});
  }
  return rows;
}

}  // namespace vyre::trace
