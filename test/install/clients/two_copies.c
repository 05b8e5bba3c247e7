/* Two copies of the library in one process: each has its own sessions, and one of them ends while
   the other goes on. Prints "ok". Arguments: two files that are libvyre, and one of 9 bytes,
   "123456789". C99 with GNU's typeof. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <vyre/vyre.h>

#define CRC 0xe3069283u
#define FUNCTIONS(F)                                                                             \
  F(vyre_session_open)                                                                           \
  F(vyre_session_free) F(vyre_queue_main) F(vyre_queue_free) F(vyre_op_find) F(vyre_buffer_read) \
      F(vyre_buffer_map_file) F(vyre_run) F(vyre_error_text)

/* A copy, and a session of it. */
struct copy {
#define MEMBER(name) __typeof__(name)* name;
  FUNCTIONS(MEMBER)
#undef MEMBER
  vyre_session* session;
  vyre_queue* queue;
};

static int load(struct copy* copy, const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return printf("%s\n", dlerror());
#define LOOK_UP(name)                           \
  *(void**)&copy->name = dlsym(library, #name); \
  if (copy->name == NULL) return printf("%s: no %s\n", path, #name);
  FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  return 0;
}

static int failed(const struct copy* copy, vyre_error* error) {
  return error == NULL ? 0 : printf("%s\n", copy->vyre_error_text(error));
}

static int open_session(struct copy* copy) {
  vyre_session_options options = VYRE_INIT(vyre_session_options);
  options.device = "cpu";
  options.workers = 1;
  return failed(copy, copy->vyre_session_open(&options, &copy->session)) ||
         failed(copy, copy->vyre_queue_main(copy->session, &copy->queue));
}

/* The checksum of a file of 9 digits that is mapped, so that both copies watch over mappings. */
static int run(struct copy* copy, const char* file) {
  vyre_op op = 0;
  vyre_buffer in = 0, out = 0;
  uint32_t crc = 0;
  if (failed(copy, copy->vyre_op_find(copy->session, "hash.crc32c", &op)) ||
      failed(copy, copy->vyre_buffer_map_file(copy->queue, file, 0, VYRE_FOREVER, &in)) ||
      failed(copy, copy->vyre_run(copy->queue, op, &in, 1, 0, VYRE_FOREVER, &out, 1, NULL)) ||
      failed(copy, copy->vyre_buffer_read(copy->session, out, 0, &crc, 4, VYRE_FOREVER))) {
    return 1;
  }
  return crc == CRC ? 0 : printf("crc32c is %08x\n", crc);
}

static void end(struct copy* copy) {
  copy->vyre_queue_free(copy->queue);
  copy->vyre_session_free(copy->session);
}

int main(int argc, char** argv) {
  static struct copy one, other;
  if (argc != 4) return 2;
  if (load(&one, argv[1]) || load(&other, argv[2])) return 1;
  if (one.vyre_session_open == other.vyre_session_open) return printf("one copy, twice\n");
  if (open_session(&one) || open_session(&other)) return 1;
  if (run(&one, argv[3]) || run(&other, argv[3]) || run(&one, argv[3])) return 1;
  end(&one);
  if (run(&other, argv[3]) || open_session(&one) || run(&one, argv[3])) return 1;
  end(&other);
  if (run(&one, argv[3])) return 1;
  end(&one);
  printf("ok\n");
  return 0;
}
