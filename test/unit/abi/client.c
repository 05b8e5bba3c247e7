/* A client in C99: the whole way from a program's text to its result, through the C ABI alone.
   Every call is checked; a failure is a sentence. Compiled with the strictest warnings. */
#include "client.h"

#include <stdio.h>
#include <string.h>

static const char kHistogram[] =
    "workgroup 1, 1, 1;\n"
    "buffer data: u32[4] read_only;\n"
    "buffer bins: u32[16] read_write output live_out;\n"
    "region \"histogram\" {\n"
    "  if gid.x == 0 { for i in 0..4 { bins[data[i]] = bins[data[i]] + 1; } }\n"
    "}\n";

/* Frees the error, and gives 0 for success. */
static int failed(char* why, size_t size, const char* call, vyre_error* error) {
  if (error == NULL) return 0;
  snprintf(why, size, "%s: %s", call, vyre_error_text(error));
  vyre_error_free(error);
  return 1;
}

#define TRY(call)                                           \
  do {                                                      \
    if (failed(why, size, #call, (call)) != 0) goto ended; \
  } while (0)
#define EXPECT(condition)                                       \
  do {                                                          \
    if (!(condition)) {                                         \
      snprintf(why, size, "line %d: %s", __LINE__, #condition); \
      goto ended;                                               \
    }                                                           \
  } while (0)

int c_client(char* why, size_t size) {
  int ok = 0;
  vyre_session* session = NULL;
  vyre_queue* queue = NULL;
  vyre_queue* other = NULL;
  vyre_program* program = NULL;
  vyre_batch* batch = NULL;
  vyre_blob* text = NULL;
  vyre_blob* wire = NULL;
  vyre_blob* json = NULL;

  vyre_session_options options = VYRE_INIT(vyre_session_options);
  options.device = "cpu";
  options.workers = 2;
  TRY(vyre_session_open(&options, &session));
  TRY(vyre_queue_main(session, &queue));
  EXPECT(vyre_queue_session(queue) == session);
  EXPECT(vyre_abi_version() == VYRE_ABI_VERSION && vyre_version() == VYRE_VERSION_NUMBER);

  /* A program, by text and by wire, and its identity. */
  TRY(vyre_program_assemble(kHistogram, strlen(kHistogram), VYRE_DEFAULT_TIMEOUT, &program));
  TRY(vyre_program_verify(program, VYRE_DEFAULT_TIMEOUT));
  TRY(vyre_program_print(program, &text));
  EXPECT(strstr((const char*)vyre_blob_data(text), "histogram") != NULL);
  TRY(vyre_program_encode(program, VYRE_PROFILE_V6, VYRE_DEFAULT_TIMEOUT, &wire));
  vyre_program* again = NULL;
  TRY(vyre_program_decode(vyre_blob_data(wire), vyre_blob_size(wire), VYRE_PROFILE_V6,
                          VYRE_DEFAULT_TIMEOUT, &again));
  uint8_t one[32];
  uint8_t two[32];
  TRY(vyre_program_fingerprint(program, VYRE_PROFILE_V6, VYRE_DEFAULT_TIMEOUT, one));
  TRY(vyre_program_fingerprint(again, VYRE_PROFILE_V6, VYRE_DEFAULT_TIMEOUT, two));
  vyre_program_free(again);
  EXPECT(memcmp(one, two, sizeof one) == 0);

  /* An op and what it wants. */
  vyre_op op = 0;
  TRY(vyre_op_add(session, "histogram", program, NULL, VYRE_DEFAULT_TIMEOUT, &op));
  vyre_op_info info = VYRE_INIT(vyre_op_info);
  TRY(vyre_op_describe(session, op, &info));
  EXPECT(info.input_count == 1 && info.output_count == 1 && info.builtin == 0);
  EXPECT(strcmp(info.name, "histogram") == 0);
  vyre_op_buffer bins = VYRE_INIT(vyre_op_buffer);
  TRY(vyre_op_describe_buffer(session, op, VYRE_OUTPUT, 0, &bins));
  EXPECT(strcmp(bins.name, "bins") == 0 && bins.least_bytes == 64);
  EXPECT(bins.element == 0 && info.meaning[0] == 0 && info.param[0] == 0);
  /* A built-in op says what it is to people, too. */
  vyre_op builtin = 0;
  vyre_op_info hash = VYRE_INIT(vyre_op_info);
  vyre_op_buffer digest = VYRE_INIT(vyre_op_buffer);
  TRY(vyre_op_find(session, "hash.xxh64", &builtin));
  TRY(vyre_op_describe(session, builtin, &hash));
  TRY(vyre_op_describe_buffer(session, builtin, VYRE_OUTPUT, 0, &digest));
  EXPECT(hash.builtin == 1 && hash.meaning[0] != 0 && strcmp(hash.param, "the seed") == 0);
  EXPECT(strcmp(digest.name, "result") == 0 && digest.element == VYRE_ELEMENT_U64);

  /* Run it: first all in one, then by hand, as a batch. */
  const uint32_t data[4] = {1, 2, 2, 9};
  vyre_buffer_options with_data = VYRE_INIT(vyre_buffer_options);
  with_data.init = data;
  vyre_buffer input = 0;
  vyre_buffer output = 0;
  TRY(vyre_buffer_new(queue, sizeof data, &with_data, VYRE_DEFAULT_TIMEOUT, &input));
  TRY(vyre_run(queue, op, &input, 1, 0, VYRE_DEFAULT_TIMEOUT, &output, 1, NULL));
  uint32_t counts[16];
  TRY(vyre_buffer_read(session, output, 0, counts, sizeof counts, VYRE_DEFAULT_TIMEOUT));
  EXPECT(counts[1] == 1 && counts[2] == 2 && counts[9] == 1 && counts[0] == 0);

  TRY(vyre_batch_new(session, &batch));
  TRY(vyre_queue_open(session, NULL, &other));
  vyre_item items[3];
  vyre_ticket tickets[3];
  vyre_result results[3];
  size_t accepted = 0;
  size_t ended = 0;
  for (int i = 0; i < 3; ++i) {
    memset(&items[i], 0, sizeof items[i]);
    items[i].op = op;
    items[i].input = input;
    items[i].output = output;
  }
  TRY(vyre_submit(other, items, 3, 0, VYRE_DEFAULT_TIMEOUT, batch, tickets, &accepted));
  EXPECT(accepted == 3);
  TRY(vyre_wait(session, tickets, 3, 3, VYRE_DEFAULT_TIMEOUT, results, 0, &ended));
  EXPECT(ended == 3 && results[2].status == VYRE_ITEM_DONE);
  EXPECT(results[2].ticket.position == tickets[2].position);
  vyre_totals totals = VYRE_INIT(vyre_totals);
  TRY(vyre_batch_wait(batch, VYRE_DEFAULT_TIMEOUT, &totals));
  EXPECT(totals.accepted == 3 && totals.done == 3 && totals.faulted == 0);

  /* What the session says of itself, and its end. */
  vyre_caps caps = VYRE_INIT(vyre_caps);
  TRY(vyre_session_caps(session, &caps));
  EXPECT(strcmp(caps.backend, "cpu") == 0 && caps.workers == 2 && caps.reason[0] != 0);
  TRY(vyre_report_json(session, -1, &json));
  EXPECT(strstr((const char*)vyre_blob_data(json), "\"vyre.report/2\"") != NULL);
  vyre_counters counters = VYRE_INIT(vyre_counters);
  TRY(vyre_report_counters(session, &counters));
  EXPECT(counters.items_processed == 4);
  TRY(vyre_session_close(session, VYRE_DEFAULT_TIMEOUT, &totals));
  EXPECT(totals.accepted == 4 && totals.done == 4 && totals.unasked == 0);
  TRY(vyre_buffer_read(session, output, 0, counts, sizeof counts, VYRE_DEFAULT_TIMEOUT));
  EXPECT(counts[2] == 2);
  ok = 1;

ended:
  vyre_blob_free(json);
  vyre_blob_free(wire);
  vyre_blob_free(text);
  vyre_batch_free(batch);
  vyre_program_free(program);
  vyre_queue_free(other);
  vyre_queue_free(queue);
  vyre_session_free(session);
  return ok;
}

size_t c_layout(size_t* values, size_t room) {
  static const size_t all[] = {
#define VYRE_SIZE_OF(type) sizeof(type),
#define VYRE_PLACE_OF(type, member) offsetof(type, member),
#include "layout.def"
  };
  const size_t count = sizeof all / sizeof all[0];
  for (size_t i = 0; i < count && i < room; ++i) values[i] = all[i];
  return count;
}
