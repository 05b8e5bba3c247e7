// A name may be a mebibyte of anything: messages show at most 64 bytes of it, and nothing that a
// terminal would obey.
#include "vir/program/quote.hpp"

namespace vyre::vir {
namespace {
constexpr std::size_t kShownBytes{64};
}

std::string quote(std::string_view name) {
  std::size_t shown = name.size();
  if (shown > kShownBytes) {
    shown = kShownBytes;
    // Never cut inside a UTF-8 sequence: messages go into JSON.
    while (shown > 0 && (static_cast<unsigned char>(name[shown]) & 0xC0u) == 0x80u) --shown;
  }
  std::string text = "'";
  for (const char c : name.substr(0, shown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      constexpr char kDigits[] = "0123456789abcdef";
      text += "\\x";
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    } else {
      text += c;
    }
  }
  text += shown < name.size() ? "...'" : "'";
  return text;
}

std::string quote_symbol(const Program& program, Symbol symbol) {
  return symbol < program.names.size() ? quote(program.names[symbol]) : "(no name)";
}

}  // namespace vyre::vir
