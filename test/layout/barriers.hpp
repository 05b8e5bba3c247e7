// Finds barriers and fences of the device's code that do not say what they publish. Test support.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vyre::layout {

/// One sentence for each barrier or fence of the source without a reason. A reason is a comment on
/// the same line or on the line above, of at least three words or with a tag of the memory model.
/// A comment that only opens a section, `// ---- name ----`, is none.
[[nodiscard]] std::vector<std::string> bare_barriers(std::string_view path,
                                                     std::string_view source);

/// How many barriers and fences the source has.
[[nodiscard]] int count_barriers(std::string_view source);

}  // namespace vyre::layout
