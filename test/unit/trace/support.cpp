#include "support.hpp"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>

#include "vir/text/text.hpp"

namespace vyre::trace::test {
namespace {

namespace fs = std::filesystem;

vir::Program assembled(const char* text) {
  auto program = vir::assemble(text);
  if (!program) {
    ADD_FAILURE() << to_string(program.error());
    return {};
  }
  return std::move(*program);
}

}  // namespace

Folder::Folder() {
  std::string name = (fs::temp_directory_path() / "vyre-trace-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
  path_ = name;
}
Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string slurp(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void spill(const std::string& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

vir::Program square_program() {
  return assembled(R"(workgroup 32, 1, 1;
buffer x: u32[] read_only;
buffer y: u32[64] read_write output live_out;
region "square" { y[gid.x] = x[gid.x] * x[gid.x] + 1; }
)");
}

vir::Program add_program() {
  return assembled(R"(workgroup 32, 1, 1;
buffer acc: u32[64] read_write;
buffer x: u32[] read_only;
region "add" { acc[gid.x] = acc[gid.x] + x[gid.x]; }
)");
}

vir::Program sine_program() {
  return assembled(R"(workgroup 32, 1, 1;
buffer x: f32[] read_only;
buffer y: f32[64] read_write output live_out;
region "sine" { y[gid.x] = sin(x[gid.x]); }
)");
}

vir::Program trap_program() {
  return assembled(R"(workgroup 32, 1, 1;
buffer x: u32[] read_only;
buffer y: u32[64] read_write output live_out;
region "trap" {
  y[gid.x] = 7;
  if wid.x == 1 {
    if lid.x == x[0] { trap(0, "here"); }
  }
}
)");
}

void record_session(const std::string& directory, std::uint64_t seed, std::uint32_t rounds,
                    bool seal) {
  using runtime::Handle;
  std::mt19937_64 rng(seed);
  const auto deadline = after(std::chrono::seconds{60});
  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cpu;
  options.workers = 2;
  options.queues = 2;
  options.ring_slots = 64;
  auto session = runtime::Session::open(options);
  ASSERT_TRUE(session) << to_string(session.error());
  // What exists before recording begins is in the trace too.
  const auto square = session->register_program("square", square_program());
  RecordOptions record;
  record.session = options;
  auto recorder = Recorder::create(directory, record);
  ASSERT_TRUE(recorder) << to_string(recorder.error());
  ASSERT_TRUE(session->observe(*recorder));
  const auto add = session->register_program("add", add_program());
  const auto sine = session->register_program("sine", sine_program());
  const auto trap = session->register_program("trap", trap_program());
  ASSERT_TRUE(square && add && sine && trap);

  const auto random_bytes = [&](std::size_t n) {
    Bytes bytes(n);
    for (auto& b : bytes) b = static_cast<std::uint8_t>(rng());
    return bytes;
  };
  std::vector<Handle> sources;
  for (int i = 0; i < 3; ++i)
    sources.push_back(*session->upload(random_bytes(256 + 64 * rng() % 3)));
  const std::string file = directory + ".input";
  const Bytes contents = random_bytes(300);
  spill(file, std::string(contents.begin(), contents.end()));
  sources.push_back(*session->map_file(file));
  std::vector<Handle> results;
  for (int i = 0; i < 4; ++i) results.push_back(*session->allocate(256 + (i == 3 ? 16 : 0)));
  const Handle accumulator = *session->allocate(256);
  const std::vector<Handle> pair{accumulator, sources[0]};
  const Handle set = *session->bind(pair);

  const auto submit = [&](std::uint32_t op, Handle in, Handle out, std::uint32_t param = 0) {
    const auto flags = static_cast<std::uint8_t>(rng() % 4);
    const auto ticket = session->submit({op, in.id, out.id, param}, deadline,
                                        static_cast<std::uint32_t>(rng() % 2), flags);
    ASSERT_TRUE(ticket) << to_string(ticket.error());
  };
  for (std::uint32_t round = 0; round < rounds; ++round) {
    const Handle in = sources[rng() % sources.size()];
    const Handle out = results[rng() % results.size()];
    switch (rng() % 9) {
      case 0:
        submit(0, {}, {});
        break;
      case 1:
        submit(1, {}, out, static_cast<std::uint32_t>(rng()));
        break;
      case 2:
        submit(2, in, out, static_cast<std::uint32_t>(rng() % 300));
        break;
      case 3:
        submit(square->id, in, out);
        break;
      case 4:
        submit(add->id, set, {});
        break;
      case 5:
        submit(sine->id, in, out, 64);
        break;
      case 6:
        submit(trap->id, results[0], out);
        break;
      case 7:
        submit(square->id, {}, out);
        break;  // bad_binding
      case 8: {
        const Bytes bytes = random_bytes(1 + rng() % 100);
        ASSERT_TRUE(session->write(sources[1], rng() % 100, bytes, deadline));
        const Handle extra = *session->upload(random_bytes(64));
        submit(2, extra, results[2]);
        ASSERT_TRUE(session->release(extra, deadline));
        break;
      }
    }
  }
  ASSERT_TRUE(session->wait_all(deadline));
  ASSERT_TRUE((*recorder)->status()) << to_string((*recorder)->status().error());
  if (seal) {
    const auto finished = (*recorder)->finish(*session, deadline);
    ASSERT_TRUE(finished) << to_string(finished.error());
  }
  ASSERT_TRUE(session->close());
  fs::remove(file);  // the trace needs nothing but itself
}

RawEvents::RawEvents() {
  const auto header = header_cell();
  bytes_.assign(header.begin(), header.end());
}
RawEvents& RawEvents::add(Record record) {
  record.seal(bytes_.size());
  bytes_.insert(bytes_.end(), record.bytes().begin(), record.bytes().end());
  return *this;
}
RawEvents& RawEvents::submit(std::uint32_t op, std::uint32_t in, std::uint32_t out,
                             std::uint8_t queue, std::uint32_t param) {
  Record r(Kind::submit);
  r.set_small(queue, 0, 0);
  r.set_item({op, in, out, param});
  return add(r);
}
RawEvents& RawEvents::done(std::uint64_t first, std::uint64_t count, std::uint8_t queue) {
  Record r(Kind::done_run);
  r.set_small(queue, 0, 0);
  r.set_wide(0, first);
  r.set_wide(1, count);
  return add(r);
}
RawEvents& RawEvents::zeros(std::uint32_t handle, std::uint64_t bytes) {
  Record r(Kind::buffer);
  r.set_small(kBufferZeros, 0, 0);
  r.set_word(bytes);
  r.set_half(2, handle);
  return add(r);
}
RawEvents& RawEvents::end(std::uint64_t items, std::uint64_t completions) {
  Record r(Kind::end);
  r.set_word(items);
  r.set_wide(0, completions);
  return add(r);
}

}  // namespace vyre::trace::test
