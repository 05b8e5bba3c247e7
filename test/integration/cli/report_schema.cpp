#include "report_schema.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace vyre::test {

std::string schema_complaints(const std::string& report) {
  using Adapter = valijson::adapters::NlohmannJsonAdapter;
  std::ifstream file(VYRE_SOURCE_DIR "/docs/report.schema.json");
  if (!file) return "no schema";
  const nlohmann::json document = nlohmann::json::parse(file);
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(Adapter(document), schema);
  const nlohmann::json json = nlohmann::json::parse(report, nullptr, false);
  if (json.is_discarded()) return "no JSON";
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(schema, Adapter(json), &results)) return {};
  std::string text = "invalid:";
  for (valijson::ValidationResults::Error error; results.popError(error);)
    text += "\n  " + error.description;
  return text;
}

}  // namespace vyre::test
