/* A program that was compiled against the headers of the last release and runs with the library of
   today: it opens a session, runs items, a batch, a program and a stream, and prints "ok".
   Argument: a file with 9 bytes, "123456789". C99. */
#include <stdio.h>
#include <string.h>
#include <vyre/vyre.h>

#define CRC 0xe3069283u

/* Ends the program where a call of the library fails or something is not as it has to be. */
#define MUST(call)                                                                 \
  do {                                                                             \
    vyre_error* error_ = (call);                                                   \
    if (error_ != NULL) {                                                          \
      printf("line %d: %s: %s\n", __LINE__, #call, vyre_error_text(error_));       \
      vyre_error_free(error_);                                                     \
      return 1;                                                                    \
    }                                                                              \
  } while (0)
#define CHECK(condition)                                     \
  do {                                                       \
    if (!(condition)) {                                      \
      printf("line %d: not so: %s\n", __LINE__, #condition); \
      return 1;                                              \
    }                                                        \
  } while (0)

static const char kDouble[] =
    "workgroup 1, 1, 1;\n"
    "buffer x: u32[1] read_only;\n"
    "buffer y: u32[1] read_write output live_out;\n"
    "region \"double\" { y[0] = x[0] + x[0]; }\n";

static int32_t count_chunk(void* context, const vyre_chunk* chunk) {
  uint32_t* crc = context;
  if (chunk->error == NULL && chunk->output_count == 1 && chunk->outputs[0].size == 4) {
    memcpy(crc, chunk->outputs[0].data, 4);
  }
  return 0;
}

static void note_done(void* context) {
  *(int*)context += 1;
}

static int run_items(vyre_session* session, vyre_queue* queue) {
  vyre_op crc = 0;
  MUST(vyre_op_find(session, "hash.crc32c", &crc));
  vyre_buffer_options with = VYRE_INIT(vyre_buffer_options);
  with.init = "123456789";
  vyre_buffer in = 0;
  vyre_buffer out = 0;
  MUST(vyre_buffer_new(queue, 9, &with, VYRE_DEFAULT_TIMEOUT, &in));
  MUST(vyre_buffer_new(queue, 4, NULL, VYRE_DEFAULT_TIMEOUT, &out));
  const vyre_item items[2] = {{crc, in, out, 0, 0}, {crc, in, out, 0, VYRE_AFTER_PREVIOUS}};
  vyre_ticket tickets[2];
  vyre_batch* batch = NULL;
  MUST(vyre_batch_new(session, &batch));
  size_t accepted = 0;
  MUST(vyre_submit(queue, items, 2, sizeof items[0], VYRE_DEFAULT_TIMEOUT, batch, tickets,
                   &accepted));
  CHECK(accepted == 2);
  vyre_result results[2];
  size_t ended = 0;
  MUST(vyre_wait(session, tickets, 2, 2, VYRE_DEFAULT_TIMEOUT, results, sizeof results[0], &ended));
  CHECK(ended == 2 && results[1].status == VYRE_ITEM_DONE);
  vyre_totals totals = VYRE_INIT(vyre_totals);
  MUST(vyre_batch_wait(batch, VYRE_DEFAULT_TIMEOUT, &totals));
  CHECK(totals.accepted == 2 && totals.done == 2 && totals.struct_size == sizeof totals);
  vyre_batch_free(batch);
  uint32_t word = 0;
  MUST(vyre_buffer_read(session, out, 0, &word, sizeof word, VYRE_DEFAULT_TIMEOUT));
  CHECK(word == CRC);
  MUST(vyre_buffer_retire(session, out));
  vyre_error* gone = vyre_buffer_read(session, out, 0, &word, 4, VYRE_DEFAULT_TIMEOUT);
  CHECK(vyre_error_code(gone) == VYRE_NOT_FOUND);
  vyre_error_free(gone);
  return 0;
}

static int run_program(vyre_session* session, vyre_queue* queue) {
  vyre_program* program = NULL;
  MUST(vyre_program_assemble(kDouble, sizeof kDouble - 1, VYRE_DEFAULT_TIMEOUT, &program));
  vyre_op op = 0;
  MUST(vyre_op_add(session, "double", program, NULL, VYRE_DEFAULT_TIMEOUT, &op));
  vyre_program_free(program);
  vyre_op_info info = VYRE_INIT(vyre_op_info);
  MUST(vyre_op_describe(session, op, &info));
  CHECK(info.input_count == 1 && info.output_count == 1);
  static uint64_t room[2]; /* aligned to 16 bytes with its second half at the latest */
  uint32_t* lent = (uint32_t*)(void*)(room + ((uintptr_t)room % 16 != 0));
  *lent = 21;
  int done = 0;
  vyre_buffer in = 0;
  MUST(vyre_buffer_import(queue, lent, 4, VYRE_READ, note_done, &done, VYRE_DEFAULT_TIMEOUT, &in));
  vyre_buffer out = 0;
  size_t count = 0;
  MUST(vyre_run(queue, op, &in, 1, 0, VYRE_DEFAULT_TIMEOUT, &out, 1, &count));
  uint32_t word = 0;
  MUST(vyre_buffer_read(session, out, 0, &word, sizeof word, VYRE_DEFAULT_TIMEOUT));
  CHECK(count == 1 && word == 42 && done == 0);
  MUST(vyre_buffer_retire(session, in));
  return 0;
}

static int run_stream(vyre_session* session, vyre_queue* queue, const char* file) {
  vyre_op crc = 0;
  MUST(vyre_op_find(session, "hash.crc32c", &crc));
  const vyre_stream_output outputs[1] = {{4, 0}};
  vyre_stream_options options = VYRE_INIT(vyre_stream_options);
  options.outputs = outputs;
  options.output_count = 1;
  vyre_stream* stream = NULL;
  MUST(vyre_stream_open(queue, &file, 1, crc, &options, &stream));
  uint32_t found = 0;
  MUST(vyre_stream_for_each(stream, count_chunk, &found, VYRE_DEFAULT_TIMEOUT));
  vyre_stream_free(stream);
  CHECK(found == CRC);
  return 0;
}

int main(int argc, char** argv) {
  CHECK(argc == 2);
  CHECK(vyre_abi_version() == VYRE_ABI_VERSION && vyre_version() >= VYRE_VERSION_NUMBER);
  vyre_session_options options = VYRE_INIT(vyre_session_options);
  const vyre_option named[1] = {{"producer_timeout_ns", "5000000000"}};
  options.device = "cpu";
  options.workers = 2;
  options.options = named;
  options.option_count = 1;
  vyre_session* session = NULL;
  MUST(vyre_session_open(&options, &session));
  vyre_caps caps = VYRE_INIT(vyre_caps);
  MUST(vyre_session_caps(session, &caps));
  CHECK(caps.supported == 0 && caps.workers == 2);
  vyre_queue* queue = NULL;
  MUST(vyre_queue_main(session, &queue));
  if (run_items(session, queue) != 0 || run_program(session, queue) != 0 ||
      run_stream(session, queue, argv[1]) != 0) {
    return 1;
  }
  vyre_blob* json = NULL;
  MUST(vyre_report_json(session, -1, &json));
  CHECK(strstr(vyre_blob_data(json), "\"items_processed\":4") != NULL);
  vyre_blob_free(json);
  vyre_counters counters = VYRE_INIT(vyre_counters);
  MUST(vyre_report_counters(session, &counters));
  CHECK(counters.items_processed == 4);
  vyre_totals totals = VYRE_INIT(vyre_totals);
  MUST(vyre_session_close(session, VYRE_DEFAULT_TIMEOUT, &totals));
  CHECK(totals.done == 4 && totals.faulted == 0);
  vyre_queue_free(queue);
  vyre_session_free(session);
  puts("ok");
  return 0;
}
