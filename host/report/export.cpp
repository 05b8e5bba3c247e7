// The formats of exports by their names. See export.hpp.
#include "report/export.hpp"

#include "base/message.hpp"

namespace vyre::report {

Result<std::string> exported(const std::vector<std::string>& files, std::string_view name) {
  std::string names;
  for (const ExportFormat& format : kExportFormats) {
    if (format.name == name) return format.make(files);
    names += message("{}{}", names.empty() ? "" : ", ", format.name);
  }
  return fail(Errc::invalid_argument,
              message("no export format is '{}'; there are: {}", name.substr(0, 40), names));
}

}  // namespace vyre::report
