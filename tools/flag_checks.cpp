#include "flag_checks.hpp"

#include "library.hpp"
#include "numbers.hpp"

namespace vyre::cli {
namespace {

/// Puts the number that `read` finds in place of the text: the parser behind takes a leading 0 for
/// octal and a sign for a large number.
template <class Read>
ValueCheck number_by(Read read) {
  return [read](std::string& value) {
    const auto number = read(value);
    if (!number) return number.error().message;
    value = std::to_string(*number);
    return std::string();
  };
}

}  // namespace

ValueCheck not_empty() {
  return [](std::string& value) {
    return value.empty() ? std::string("the name is empty") : std::string();
  };
}

ValueCheck whole_up_to(std::uint64_t most) {
  return number_by([most](const std::string& value) { return whole_number(value, most); });
}

ValueCheck bytes() {
  return number_by([](const std::string& value) { return byte_count(value); });
}

ValueCheck seconds() {
  return [](std::string& value) {
    const auto number = seconds_of(value);
    return number ? std::string() : number.error().message;
  };
}

Option add_profile(const Command& command, std::string& profile) {
  return command.option("--profile", profile, "the layout of wire blobs")
      .type_name("v4-0.6.3|v4-0.6.4|v6")
      .shows_default();
}

Option add_workers(const Command& command, std::uint32_t& workers) {
  return command.option("--workers", workers, "CPU worker threads; 0 is one a logical CPU")
      .type_name("N")
      .shows_default()
      .check(whole_up_to(limit("max_cpu_workers")));
}

Option add_report_file(const Command& command, std::string& file) {
  return command.option("--report", file, "write the run's report here")
      .type_name("FILE")
      .check(not_empty());
}

}  // namespace vyre::cli
