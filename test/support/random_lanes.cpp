// See random_lanes.hpp. Values are u32 words, made from elements of any type and made into them;
// now and then an element is copied as it is, so that all its bits matter.
#include "random_lanes.hpp"

#include <algorithm>

namespace vyre::test {
namespace {

class Writer {
 public:
  Writer(Choice& choice, const LaneKnobs& knobs) : choice_(choice), knobs_(knobs) {}

  LaneProgram program() {
    const std::uint32_t inputs = 1 + choice_.below(3);
    for (std::uint32_t i = 0; i < inputs; ++i) made_.inputs.push_back(random_lane_type(choice_));
    const std::uint32_t outputs = 1 + choice_.below(2);
    for (std::uint32_t o = 0; o < outputs; ++o) {
      const std::uint32_t less = choice_.below(4) == 0 ? choice_.below(knobs_.elements) : 0;
      // The type of an input often, so that elements can be copied.
      const std::string type = choice_.below(2) == 0 ? made_.inputs[0] : random_lane_type(choice_);
      made_.outputs.push_back({type, knobs_.elements - less});
      backwards_.push_back(choice_.below(knobs_.strays) == 0);
    }
    std::string text = "workgroup " + std::to_string(knobs_.workgroup) + ", 1, 1;\n";
    for (std::size_t i = 0; i < made_.inputs.size(); ++i)
      text += "buffer a" + std::to_string(i) + ": " + made_.inputs[i] + "[] read_only;\n";
    for (std::size_t o = 0; o < made_.outputs.size(); ++o)
      text += "buffer y" + std::to_string(o) + ": " + made_.outputs[o].type + "[" +
              std::to_string(made_.outputs[o].count) + "] read_write " +
              (o == 0 ? "output live_out;\n" : "live_out;\n");
    text += "region \"r\" {\nlet s = 0;\n";
    text += statements(3, 2);
    for (std::size_t o = 0; o < made_.outputs.size(); ++o) text += store(o);
    made_.text = text + "}\n";
    return std::move(made_);
  }

 private:
  std::string index(const std::string& buffer) {
    if (choice_.below(knobs_.strays) != 0) return "gid.x";
    return choice_.of<std::string>(
        {"gid.x + 1", "0", "gid.x % 7", "len(" + buffer + ") - 1 - gid.x", "lid.x"});
  }

  std::string load() {
    const std::uint32_t i = choice_.below(static_cast<std::uint32_t>(made_.inputs.size()));
    const std::string buffer = "a" + std::to_string(i);
    const std::string element = buffer + "[" + index(buffer) + "]";
    const std::string& type = made_.inputs[i];
    if (type == "u32") return element;
    if (type == "u64") return "select(" + element + " < u64(100), 3, 5)";
    return "u32(" + element + ")";
  }

  std::string word(std::uint32_t depth) {
    if (depth == 0) {
      switch (choice_.below(4)) {
        case 0:
          return std::to_string(choice_.below(9));
        case 1:
          return "gid.x";
        case 2:
          return "s";
        default:
          return load();
      }
    }
    const std::string a = word(depth - 1);
    const std::string b = word(choice_.below(depth));
    switch (choice_.below(6)) {
      case 0:
        return "min(" + a + ", " + b + ")";
      case 1:
        return "select(" + a + " < " + b + ", " + b + ", 7)";
      default:
        return "(" + a + choice_.of<std::string>({" + ", " * ", " ^ ", " - ", " | "}) + b + ")";
    }
  }

  std::string value(const std::string& type) {
    for (std::size_t i = 0; i < made_.inputs.size(); ++i) {
      if (made_.inputs[i] != type || choice_.below(2) == 0) continue;
      const std::string buffer = "a" + std::to_string(i);
      const std::string element = buffer + "[" + index(buffer) + "]";
      return type == "f32" && choice_.below(2) == 0 ? element + " * 1.5f" : element;
    }
    const std::string made = word(2);
    return type == "u32" ? made : type + "(" + made + ")";
  }

  std::string store(std::size_t output) {
    const std::string buffer = "y" + std::to_string(output);
    const std::string at = backwards_[output] ? "len(" + buffer + ") - 1 - gid.x" : "gid.x";
    return buffer + "[" + at + "] = " + value(made_.outputs[output].type) + ";\n";
  }

  std::string condition() {
    return word(1) + " % " + std::to_string(2 + choice_.below(5)) +
           " == " + std::to_string(choice_.below(2));
  }

  std::string statements(std::uint32_t count, std::uint32_t nesting) {
    std::string text;
    for (std::uint32_t n = 0; n < count; ++n) {
      switch (choice_.below(nesting == 0 ? 2 : 7)) {
        case 0:
          text += "s = s * 3 + " + word(1) + ";\n";
          break;
        case 1:
          text += store(choice_.below(static_cast<std::uint32_t>(made_.outputs.size())));
          break;
        case 2:
          text += "if " + condition() + " {\n" + statements(1, nesting - 1) + "} else {\n" +
                  statements(1, nesting - 1) + "}\n";
          break;
        case 3:
          text += "for " + loop_name() + " in 0.." + word(0) + " % 5 {\n" +
                  statements(2, nesting - 1) + "}\n";
          break;
        case 4:
          text += "if " + condition() + " { return; }\n";
          break;
        case 5:
          if (knobs_.faults)
            text += "if gid.x == " + std::to_string(choice_.below(knobs_.elements + 5)) + " { if " +
                    condition() + " { trap(gid.x, \"planted\"); } }\n";
          break;
        default:
          text += "if gid.x < len(y0) {\n" + statements(2, nesting - 1) + "}\n";
          break;
      }
    }
    return text;
  }

  std::string loop_name() { return "i" + std::to_string(loops_++); }

  Choice& choice_;
  const LaneKnobs knobs_;
  LaneProgram made_;
  /// By output: every lane stores to one element, which is not its own. So no two lanes meet.
  std::vector<bool> backwards_;
  std::uint32_t loops_{0};
};

}  // namespace

std::uint32_t lane_type_bytes(const std::string& type) {
  if (type == "u8" || type == "i8") return 1;
  if (type == "u16") return 2;
  return type == "u64" ? 8 : 4;
}

std::string random_lane_type(Choice& choice) {
  return choice.of<std::string>({"u32", "u32", "u8", "u16", "i32", "f32", "u64", "i8"});
}

LaneProgram random_lane_program(Choice& choice, const LaneKnobs& knobs) {
  return Writer(choice, knobs).program();
}

}  // namespace vyre::test
