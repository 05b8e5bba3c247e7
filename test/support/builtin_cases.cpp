// The list, and how a case is run through a Session. See builtin_cases.hpp.
#include "builtin_cases.hpp"

#include <cstdio>
#include <cstdlib>

#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "builtin/ops.hpp"
#include "protocol/fault_names.hpp"

namespace vyre::test {
namespace {

using builtin::Op;

constexpr std::uint32_t kOne{0x3F800000u};
constexpr std::uint32_t kInf{0x7F800000u};
constexpr std::uint32_t kNan{0x7FC00000u};
constexpr std::uint32_t kNegative{0x80000000u};

/// What a buffer holds before an op writes it: recognisable, and different at every offset.
Bytes dirt(std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(0xA5 ^ i * 7);
  return bytes;
}

Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// `result` over the beginning of `before`.
Bytes over(Bytes before, const Bytes& result) {
  std::copy(result.begin(), result.end(), before.begin());
  return before;
}

constexpr std::uint32_t id(Op op) {
  return static_cast<std::uint32_t>(op);
}

std::vector<builtin::Buffer> buffers_of(std::vector<Bytes>& bytes, std::uint32_t first_handle) {
  std::vector<builtin::Buffer> buffers;
  for (Bytes& b : bytes) buffers.push_back({b.data(), b.size(), first_handle++, false});
  return buffers;
}

class List {
 public:
  explicit List(const std::function<void(const BuiltinCase&)>& visit) : visit_(visit) {}

  void add(const BuiltinCase& c) { visit_(c); }

  /// Results by hand; outputs are dirty and `spare` bytes longer than what is written.
  void known(std::string name, Op op, std::vector<Bytes> inputs, const std::vector<Bytes>& results,
             std::uint32_t param = 0, std::size_t spare = 5) {
    BuiltinCase c{std::move(name), id(op), std::move(inputs), {}, param};
    for (const Bytes& result : results) {
      c.outputs.push_back(dirt(result.size() + spare));
      c.expected.push_back(over(c.outputs.back(), result));
    }
    visit_(c);
  }
  /// Results by the plain form.
  void computed(std::string name, Op op, std::vector<Bytes> inputs,
                const std::vector<std::size_t>& output_bytes, std::uint32_t param = 0) {
    BuiltinCase c{std::move(name), id(op), std::move(inputs), {}, param};
    for (const std::size_t bytes : output_bytes) c.outputs.push_back(dirt(bytes));
    c.expected = c.outputs;
    const FaultCode why =
        builtin::run(c.op, buffers_of(c.inputs, 1), buffers_of(c.expected, 100), param);
    if (why != FaultCode::none) {
      std::fprintf(stderr, "case '%s' is refused by the plain form: %s\n", c.name.c_str(),
                   std::string(fault_name(why)).c_str());
      std::abort();
    }
    visit_(c);
  }
  void faulty(std::string name, Op op, std::vector<Bytes> inputs,
              const std::vector<std::size_t>& output_bytes, FaultCode fault,
              std::uint32_t param = 0, Alias alias = Alias::none) {
    BuiltinCase c{std::move(name), id(op), std::move(inputs), {}, param, alias, fault};
    for (const std::size_t bytes : output_bytes) c.outputs.push_back(dirt(bytes));
    c.expected = c.outputs;
    visit_(c);
  }

 private:
  const std::function<void(const BuiltinCase&)>& visit_;
};

void memory_cases(List& list) {
  list.known("fill repeats the four bytes of param", Op::mem_fill, {}, {{1, 2, 3, 4, 1, 2, 3}},
             0x04030201, 0);
  list.known("copy stops at param and leaves the rest", Op::mem_copy, {{1, 2, 3, 4, 5}}, {{1, 2}},
             2);
  list.known("copy of a shorter source leaves the rest", Op::mem_copy, {{1, 2, 3}}, {{1, 2, 3}});
}

void reduce_cases(List& list) {
  const std::vector<Bytes> none{{}};
  list.known("u32 sum of nothing", Op::reduce_sum_u32, none, {words_of({0})});
  list.known("u32 min of nothing", Op::reduce_min_u32, none, {words_of({0xFFFFFFFF})});
  list.known("u32 max of nothing", Op::reduce_max_u32, none, {words_of({0})});
  list.known("i32 sum of nothing", Op::reduce_sum_i32, none, {words_of({0})});
  list.known("i32 min of nothing", Op::reduce_min_i32, none, {words_of({0x7FFFFFFF})});
  list.known("i32 max of nothing", Op::reduce_max_i32, none, {words_of({0x80000000})});
  list.known("f32 sum of nothing", Op::reduce_sum_f32, none, {words_of({0})});
  list.known("f32 min of nothing", Op::reduce_min_f32, none, {words_of({kInf})});
  list.known("f32 max of nothing", Op::reduce_max_f32, none, {words_of({kNegative | kInf})});

  const std::vector<Bytes> three{words_of({5, 0xFFFFFFFF, 3})};
  list.known("u32 sum wraps", Op::reduce_sum_u32, three, {words_of({7})});
  list.known("u32 min", Op::reduce_min_u32, three, {words_of({3})});
  list.known("u32 max", Op::reduce_max_u32, three, {words_of({0xFFFFFFFF})});
  list.known("i32 sum", Op::reduce_sum_i32, three, {words_of({7})});
  list.known("i32 min sees the sign", Op::reduce_min_i32, three, {words_of({0xFFFFFFFF})});
  list.known("i32 max sees the sign", Op::reduce_max_i32, three, {words_of({5})});
  list.known("bytes behind the last word are not read", Op::reduce_sum_u32,
             {joined(words_of({40, 2}), {9, 9, 9})}, {words_of({42})});
  list.known("three bytes are no word", Op::reduce_max_u32, {{9, 9, 9}}, {words_of({0})});

  Bytes small = words_of({kOne});
  for (int i = 0; i < 1'024; ++i) append_le(small, std::uint32_t{0x33000000});  // 2^-25
  list.known("f32 sum folds rows of 1,024 by halves", Op::reduce_sum_f32, {small},
             {words_of({0x3F8000FF})});
  list.known("f32 sum of one negative zero keeps it", Op::reduce_sum_f32, {words_of({kNegative})},
             {words_of({kNegative})});
  list.known("f32 sum flushes subnormals first", Op::reduce_sum_f32,
             {words_of({0x007FFFFF, 0x007FFFFF})}, {words_of({0})});
  list.known("f32 sum of infinities of both signs is the NaN", Op::reduce_sum_f32,
             {words_of({kInf, kInf | kNegative, kOne})}, {words_of({kNan})});
  list.known("f32 sum makes any NaN the one NaN", Op::reduce_sum_f32, {words_of({0xFFA00001})},
             {words_of({kNan})});
  list.known("f32 min skips NaN", Op::reduce_min_f32, {words_of({kNan, kOne, kNan, 0x40000000})},
             {words_of({kOne})});
  list.known("f32 max skips NaN", Op::reduce_max_f32, {words_of({kOne, 0x7FA00000, kNegative})},
             {words_of({kOne})});
  list.known("f32 min of zeros takes the left of each fold", Op::reduce_min_f32,
             {words_of({0, kNegative})}, {words_of({0})});
  list.known("f32 max of zeros takes the left of each fold", Op::reduce_max_f32,
             {words_of({kNegative, 0})}, {words_of({kNegative})});
  for (const std::uint32_t count : {1u, 1'024u, 2'048u}) {
    Bytes nans;
    for (std::uint32_t i = 0; i < count; ++i) append_le(nans, kNan);
    const std::string n = std::to_string(count) + " NaNs";
    list.known("f32 min of " + n + " is that of nothing", Op::reduce_min_f32, {nans},
               {words_of({kInf})});
    list.known("f32 max of " + n + " is that of nothing", Op::reduce_max_f32, {nans},
               {words_of({kInf | kNegative})});
  }
}

void word_cases(List& list) {
  const std::vector<Bytes> three{words_of({5, 0xFFFFFFFF, 3})};
  list.known("inclusive scan wraps", Op::scan_inclusive_u32, three, {words_of({5, 4, 7})});
  list.known("exclusive scan begins with 0", Op::scan_exclusive_u32, three, {words_of({0, 5, 4})});
  list.known("scan of nothing writes nothing", Op::scan_inclusive_u32, {{1, 2, 3}}, {{}});
  Bytes counts = words_of({1, 0, 2});
  counts.resize(255 * 4);
  append_le(counts, std::uint32_t{1});
  list.known("histogram overwrites all 256 words", Op::histogram_u8, {{2, 0, 255, 2}}, {counts});
  list.known("histogram of nothing is zeros", Op::histogram_u8, {{}}, {Bytes(1'024)});
  const Bytes four = words_of({10, 11, 12, 13});
  list.known("select keeps what the mask names, in order", Op::select_u32, {four, {0, 1, 255, 0}},
             {words_of({11, 12}), words_of({2})});
  list.known("select stops at the shorter of values and mask", Op::select_u32, {four, {1, 1}},
             {words_of({10, 11}), words_of({2})});
  list.known("select ignores mask bytes behind the values", Op::select_u32,
             {words_of({10}), {1, 1, 1}}, {words_of({10}), words_of({1})});
  list.known("select that does not fit writes what fits and the true count", Op::select_u32,
             {four, {1, 1, 1, 1}}, {words_of({10, 11}), words_of({4})}, 0, 3);
  list.known("select of nothing counts 0", Op::select_u32, {{}, {}}, {{}, words_of({0})});
  list.known("sort is ascending, and work is ordered by 24 bits, stably", Op::sort_u32,
             {words_of({0x02000001, 0x01000001, 0xFF000000, 0x00000002})},
             {words_of({0x00000002, 0x01000001, 0x02000001, 0xFF000000}),
              words_of({0xFF000000, 0x02000001, 0x01000001, 0x00000002})});
  list.known("sort of nothing writes nothing", Op::sort_u32, {{7}}, {{}, {}});
}

void hash_cases(List& list) {
  const auto bytes = [](std::string_view text) {
    return Bytes(bytes_of(text).begin(), bytes_of(text).end());
  };
  list.known("crc32c of 123456789", Op::hash_crc32c, {bytes("123456789")},
             {words_of({0xE3069283})});
  list.known("crc32c of nothing", Op::hash_crc32c, {{}}, {words_of({0})});
  list.known("crc32c of 32 zeros (RFC 3720)", Op::hash_crc32c, {Bytes(32)},
             {words_of({0x8A9136AA})});
  list.known("crc32c of 32 ones (RFC 3720)", Op::hash_crc32c, {Bytes(32, 0xFF)},
             {words_of({0x62A8AB43})});
  list.known("xxh64 of nothing", Op::hash_xxh64, {{}}, {words_of({0x51D8E999, 0xEF46DB37})});
  list.known("xxh64 of abc", Op::hash_xxh64, {bytes("abc")}, {words_of({0xAD770999, 0x44BC2CF5})});
}

Bytes hits_of(std::uint64_t hits, std::initializer_list<builtin::LiteralHit> records) {
  Bytes bytes;
  append_le(bytes, builtin::LiteralHits{hits, records.size()});
  for (const builtin::LiteralHit& hit : records) append_le(bytes, hit);
  return bytes;
}

void match_cases(List& list) {
  const auto text = [](std::string_view t) {
    return Bytes(bytes_of(t).begin(), bytes_of(t).end());
  };
  const Bytes hers = literals_of({"he", "she", "hers"});
  const auto ushers = hits_of(3, {{4, 0, 2}, {4, 1, 3}, {6, 2, 4}});
  list.known("match finds overlapping literals, by end and pattern", Op::match_literals,
             {text("ushers"), hers}, {ushers});
  list.known("match ignores what lies behind the blob", Op::match_literals,
             {text("ushers"), joined(hers, Bytes(9, 0xEE))}, {ushers});
  list.known("match that does not fit writes the first and the true count", Op::match_literals,
             {text("ushers"), hers}, {hits_of(3, {{4, 0, 2}, {4, 1, 3}})}, 0, 15);
  list.known("match without room for a record still counts", Op::match_literals,
             {text("ushers"), hers}, {hits_of(3, {})});
  list.known("match in nothing", Op::match_literals, {{}, hers}, {hits_of(0, {})});
  list.known("match of a text shorter than the literals", Op::match_literals, {text("h"), hers},
             {hits_of(0, {})});
  list.known("match reports equal literals each", Op::match_literals,
             {text("aab"), literals_of({"ab", "ab"})}, {hits_of(2, {{3, 0, 2}, {3, 1, 2}})});
  list.known("match of literals inside each other", Op::match_literals,
             {text("aaa"), literals_of({"aaa", "a", "aa"})},
             {hits_of(6, {{1, 1, 1}, {2, 1, 1}, {2, 2, 2}, {3, 0, 3}, {3, 1, 1}, {3, 2, 2}})});
  list.known("match may ignore the case of ASCII letters", Op::match_literals,
             {text("ERRor[error@"), literals_of({"Error", "[E", "@"}, true)},
             {hits_of(4, {{5, 0, 5}, {7, 1, 2}, {11, 0, 5}, {12, 2, 1}})});

  // Long literals over long texts that are nearly all prefix: pieces of a text must begin early.
  Bytes runs(300'001, 'a');
  for (std::size_t i = 997; i < runs.size(); i += 997 + i % 61) runs[i] = 'b';
  const std::string deep(1'000, 'a');
  const std::string deeper = deep + "b";
  const std::string deepest(1'024, 'a');
  list.computed("match of literals of the greatest length", Op::match_literals,
                {runs, literals_of({deep, deeper, deepest, "ab", "b"})}, {16 + 16 * 40'000 + 7});
  Bytes few = noise_bytes(200'003, 77);
  for (std::uint8_t& byte : few) byte = static_cast<std::uint8_t>('a' + byte % 3);
  const Bytes dense_blob = literals_of({"a", "ab", "bc", "cab", "abcabc", "ccc", "bacb"});
  list.computed("match with a hit at nearly every byte", Op::match_literals, {few, dense_blob},
                {16 + 16 * 250'000});
  list.computed("match with many hits and little room", Op::match_literals, {few, dense_blob},
                {16 + 16 * 1'001 + 3});
  list.computed("match in noise over all byte values", Op::match_literals,
                {noise_bytes(3'000'001, 5),
                 literals_of({std::string_view("\0\xFF", 2), "\x80", "ab", "zq\x01"})},
                {16 + 16 * 20'000});
}

void length_cases(List& list) {
  const Op to_word[] = {Op::reduce_sum_u32, Op::reduce_min_u32, Op::reduce_max_u32,
                        Op::reduce_sum_i32, Op::reduce_min_i32, Op::reduce_max_i32,
                        Op::reduce_sum_f32, Op::reduce_min_f32, Op::reduce_max_f32,
                        Op::hash_crc32c};
  const std::size_t lengths[] = {1,         2,         3,         4,      7,       8,
                                 31 * 4,    32 * 4,    33 * 4,    1'023,  1'024,   1'025,
                                 1'023 * 4, 1'024 * 4, 1'025 * 4, 65'539, 262'147, 8'388'621};
  std::uint64_t seed = 1;
  for (const std::size_t length : lengths) {
    Bytes bytes = noise_bytes(length, seed++);
    const std::size_t words = length / 4;
    const std::string suffix = " of " + std::to_string(length) + " bytes of noise";
    const auto name = [&suffix](Op op) {
      std::string text = "?";
      switch (op) {
#define VYRE_BUILTIN_OP(number, symbol, op_name, inputs, outputs, meaning) \
  case Op::symbol:                                                         \
    text = op_name;                                                        \
    break;
#include "protocol/op_table.def"
      }
      return text + suffix;
    };
    for (const Op op : to_word) list.computed(name(op), op, {bytes}, {4 + length % 3});
    list.computed(name(Op::hash_xxh64), Op::hash_xxh64, {bytes}, {8}, 2'654'435'761u);
    list.computed(name(Op::mem_copy), Op::mem_copy, {bytes}, {length + 3});
    list.computed("no room, " + name(Op::mem_copy), Op::mem_copy, {bytes}, {0});
    list.computed(name(Op::mem_fill), Op::mem_fill, {}, {length}, 0x9A7B5C3D);
    list.computed(name(Op::scan_inclusive_u32), Op::scan_inclusive_u32, {bytes}, {words * 4});
    list.computed(name(Op::scan_exclusive_u32), Op::scan_exclusive_u32, {bytes}, {words * 4 + 9});
    list.computed(name(Op::histogram_u8), Op::histogram_u8, {bytes}, {1'024});
    list.computed(name(Op::sort_u32), Op::sort_u32, {bytes}, {words * 4 + 1, words * 4});
    Bytes mask = noise_bytes(words, seed++);
    for (std::uint8_t& byte : mask) byte = byte % 3 == 0 ? byte : 0;
    list.computed(name(Op::select_u32), Op::select_u32, {bytes, mask}, {words * 4, 4});
    list.computed("little room, " + name(Op::select_u32), Op::select_u32, {bytes, mask},
                  {words, 7});
  }
  // Values whose sum depends on the order, of both signs and many sizes.
  Bytes floats = noise_bytes(4 * 300'001, 99);
  for (std::size_t i = 0; i + 4 <= floats.size(); i += 4) {
    const std::uint32_t w = (load_le<std::uint32_t>(floats, i) & 0x87FFFFFFu) | 0x38000000u;
    std::memcpy(floats.data() + i, &w, 4);
  }
  list.computed("f32 sum whose bits depend on the order", Op::reduce_sum_f32, {floats}, {4});
  Bytes few = noise_bytes(4 * 100'000, 98);
  for (std::size_t i = 0; i < few.size(); ++i) few[i] = i % 4 == 3 ? few[i] & 1 : 0;
  list.computed("sort of words with few values", Op::sort_u32, {few}, {few.size(), few.size()});
  list.computed("histogram of one value", Op::histogram_u8, {Bytes(1'000'001, 7)}, {1'024});
}

void fault_cases(List& list) {
  using enum FaultCode;
  const Bytes word = words_of({1});
  const Bytes hers = literals_of({"he", "she", "hers"});
  list.faulty("fill without an output", Op::mem_fill, {}, {}, bad_binding, 1);
  list.faulty("fill with an input", Op::mem_fill, {word}, {4}, bad_binding, 1);
  list.faulty("copy without an input", Op::mem_copy, {}, {4}, bad_binding);
  list.faulty("copy onto itself", Op::mem_copy, {word}, {4}, bad_binding, 0,
              Alias::output_is_input);
  list.faulty("copy of an empty buffer onto itself", Op::mem_copy, {{}}, {0}, bad_binding, 0,
              Alias::output_is_input);
  list.faulty("reduce with two inputs", Op::reduce_sum_u32, {word, word}, {4}, bad_binding);
  list.faulty("reduce with three bytes of output", Op::reduce_sum_f32, {word}, {3}, bad_binding);
  list.faulty("reduce with a param", Op::reduce_min_i32, {word}, {4}, bad_operation, 1);
  list.faulty("a param is looked at before the buffers", Op::reduce_min_i32, {}, {}, bad_operation,
              1);
  list.faulty("scan with an output a byte short", Op::scan_exclusive_u32, {words_of({1, 2})}, {7},
              bad_binding);
  list.faulty("scan in place", Op::scan_inclusive_u32, {word}, {4}, bad_binding, 0,
              Alias::output_is_input);
  list.faulty("histogram with 1,023 bytes of output", Op::histogram_u8, {word}, {1'023},
              bad_binding);
  list.faulty("select with one output", Op::select_u32, {word, {1}}, {4}, bad_binding);
  list.faulty("select with no room for the count", Op::select_u32, {word, {1}}, {4, 3},
              bad_binding);
  list.faulty("select into one buffer twice", Op::select_u32, {word, {1}}, {4, 4}, bad_binding, 0,
              Alias::outputs_are_one);
  list.faulty("sort with too little work memory", Op::sort_u32, {word}, {4, 3}, bad_binding);
  list.faulty("sort with sorted and work in one", Op::sort_u32, {word}, {4, 4}, bad_binding, 0,
              Alias::outputs_are_one);
  list.faulty("crc32c with a param", Op::hash_crc32c, {word}, {4}, bad_operation, 7);
  list.faulty("xxh64 into seven bytes", Op::hash_xxh64, {word}, {7}, bad_binding, 7);
  list.faulty("match without patterns", Op::match_literals, {word}, {64}, bad_binding);
  list.faulty("match with fifteen bytes of output", Op::match_literals, {word, hers}, {15},
              bad_binding);
  list.faulty("match with an empty blob", Op::match_literals, {word, {}}, {64}, bad_binding);
  Bytes cut = hers;
  cut.pop_back();
  list.faulty("match with a blob cut short", Op::match_literals, {word, cut}, {64}, bad_binding);
  const auto changed = [&hers](std::size_t offset, std::uint32_t value) {
    Bytes blob = hers;
    std::memcpy(blob.data() + offset, &value, 4);
    return blob;
  };
  list.faulty("match with another magic", Op::match_literals, {word, changed(0, 1)}, {64},
              bad_binding);
  list.faulty("match with another version", Op::match_literals, {word, changed(4, 2)}, {64},
              bad_binding);
  list.faulty("match with more states than bytes", Op::match_literals,
              {word, changed(16, 0x3FFFFFFF)}, {64}, bad_binding);
  list.faulty("match with bytes set that must be zero", Op::match_literals, {word, changed(60, 1)},
              {64}, bad_binding);
  list.faulty("match with a class out of range", Op::match_literals,
              {word, changed(64 + 252, 0xFF000000)}, {64}, bad_binding);
  list.faulty("match with a transition out of range", Op::match_literals,
              {word, changed(320, 0x00FFFFFF)}, {64}, bad_binding);
  list.faulty("match with a transition that claims outputs", Op::match_literals,
              {word, changed(320, builtin::kLiteralsReports)}, {64}, bad_binding);
  const builtin::LiteralsSections at = [&hers] {
    builtin::LiteralsHeader header;
    std::memcpy(&header, hers.data(), sizeof header);
    return builtin::literals_sections(header);
  }();
  list.faulty("match with outputs that do not begin at 0", Op::match_literals,
              {word, changed(at.first, 1)}, {64}, bad_binding);
  list.faulty("match with outputs out of order", Op::match_literals,
              {word, changed(at.first + 8, 0x7FFFFFFF)}, {64}, bad_binding);
  list.faulty("match with an output that is no pattern", Op::match_literals,
              {word, changed(at.outputs, 3)}, {64}, bad_binding);
  list.faulty("match with a length of 0", Op::match_literals, {word, changed(at.lengths, 0)}, {64},
              bad_binding);
  list.faulty("match with a length above the greatest", Op::match_literals,
              {word, changed(at.lengths + 8, 5)}, {64}, bad_binding);

  // The same buffer as two inputs is no fault: nobody writes it.
  BuiltinCase twice{"select with its values as mask", id(Op::select_u32), {}, {}, 0};
  twice.inputs = {words_of({0x00010001, 0x00000000}), {}};
  twice.alias = Alias::inputs_are_one;
  twice.outputs = {dirt(8), dirt(4)};
  twice.expected = {over(dirt(8), words_of({0x00010001})), words_of({1})};
  list.add(twice);
}

}  // namespace

void each_builtin_case(const std::function<void(const BuiltinCase&)>& visit) {
  List list(visit);
  memory_cases(list);
  reduce_cases(list);
  word_cases(list);
  hash_cases(list);
  match_cases(list);
  fault_cases(list);
  length_cases(list);
}

namespace {

std::string difference(const Bytes& expected, const Bytes& got) {
  if (expected.size() != got.size()) return "has another length";
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (expected[i] == got[i]) continue;
    const std::size_t n = std::min<std::size_t>(16, got.size() - i);
    return "differs at byte " + std::to_string(i) + ": " + to_hex(ByteSpan(got).subspan(i, n)) +
           ", expected " + to_hex(ByteSpan(expected).subspan(i, n));
  }
  return {};
}

class Runner {
 public:
  explicit Runner(runtime::Session& session) : session_(session) {}
  ~Runner() {
    for (auto handle = made_.rbegin(); handle != made_.rend(); ++handle)
      (void)session_.release(*handle, soon());
  }

  std::string run(const BuiltinCase& c) {
    std::vector<runtime::Handle> inputs;
    std::vector<runtime::Handle> outputs;
    for (const Bytes& bytes : c.inputs) inputs.push_back(upload(bytes));
    for (const Bytes& bytes : c.outputs) outputs.push_back(upload(bytes));
    if (c.alias == Alias::inputs_are_one) inputs[1] = inputs[0];
    if (c.alias == Alias::outputs_are_one) outputs[1] = outputs[0];
    if (c.alias == Alias::output_is_input) outputs[0] = inputs[0];
    const MegakernelWorkItem item{c.op, named(inputs), named(outputs), c.param};
    if (!trouble_.empty()) return trouble_;
    const auto ticket = session_.submit(item, soon());
    if (!ticket) return to_string(ticket.error());
    const auto result = session_.wait(*ticket, soon());
    if (!result) return to_string(result.error());
    if (result->fault.code != c.fault) {
      return "ended with " + std::string(fault_name(result->fault.code)) + ", expected " +
             std::string(fault_name(c.fault));
    }
    if (c.alias != Alias::none && c.alias != Alias::inputs_are_one) return {};
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto bytes = session_.download(outputs[i], soon());
      if (!bytes) return to_string(bytes.error());
      const std::string wrong = difference(c.expected[i], *bytes);
      if (!wrong.empty()) return "output " + std::to_string(i) + " " + wrong;
    }
    return {};
  }

 private:
  static Deadline soon() { return after(std::chrono::seconds{60}); }
  runtime::Handle keep(const Result<runtime::Handle>& made) {
    if (!made) {
      trouble_ = to_string(made.error());
      return {};
    }
    made_.push_back(*made);
    return *made;
  }
  runtime::Handle upload(const Bytes& bytes) { return keep(session_.upload(bytes)); }
  std::uint32_t named(const std::vector<runtime::Handle>& buffers) {
    if (buffers.empty()) return 0;
    return buffers.size() == 1 ? buffers[0].id : keep(session_.bind(buffers)).id;
  }

  runtime::Session& session_;
  std::vector<runtime::Handle> made_;
  std::string trouble_;
};

}  // namespace

std::string run_builtin_case(runtime::Session& session, const BuiltinCase& c) {
  return Runner(session).run(c);
}

std::uint64_t noise(std::uint64_t& state) {  // splitmix64
  std::uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

Bytes noise_bytes(std::size_t count, std::uint64_t seed) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; i += 8) {
    const std::uint64_t value = noise(seed);
    std::memcpy(bytes.data() + i, &value, std::min<std::size_t>(8, count - i));
  }
  return bytes;
}

ByteSpan bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Bytes words_of(std::initializer_list<std::uint32_t> words) {
  Bytes bytes;
  for (const std::uint32_t word : words) append_le(bytes, word);
  return bytes;
}

Bytes literals_of(std::initializer_list<std::string_view> patterns, bool ignore_ascii_case) {
  std::vector<ByteSpan> spans;
  for (const std::string_view pattern : patterns) spans.push_back(bytes_of(pattern));
  auto blob = builtin::compile_literals(spans, {ignore_ascii_case});
  if (!blob) {
    std::fprintf(stderr, "%s\n", to_string(blob.error()).c_str());
    std::abort();
  }
  return std::move(*blob);
}

}  // namespace vyre::test
