/* Vyre: the C ABI, the only binary contract of libvyre. C99 and C++; the C++ API over it is
   <vyre/vyre.hpp>. The rules that hold for every function are in docs/abi.md; in short:

   Errors    Functions that can fail return a vyre_error*: NULL is success. The caller frees it with
             vyre_error_free(). Where a function fails, its outputs are unchanged unless its comment
             says otherwise. No function throws, aborts or prints.
   Objects   vyre_session, vyre_queue, vyre_program, vyre_plan, vyre_batch, vyre_stream,
             vyre_recorder and vyre_reference are reference counted inside: they may be freed in
             any order, and freeing NULL does nothing. An object that was freed must not be used
             again.
   Handles   Buffers, ops and tickets are numbers: session tag (16 bits), generation (24), index
             (24). They need no freeing to stay safe: a handle of another session gives
             VYRE_INVALID_ARGUMENT, one that was retired gives VYRE_NOT_FOUND. 0 is no handle.
   Options   A structure with `struct_size` is set to zero and then gets its size: use VYRE_INIT. A
             zero field means the default. Structures grow at their end; both sides accept a shorter
             and a longer one. Bytes that this library does not know must be zero.
   Strings   UTF-8, ended by a zero byte. The library copies what it is given.
   Time      vyre_ns counts nanoseconds from the call. VYRE_FOREVER waits without a bound, 0 does
             not wait, any negative value takes the session's default_timeout (calls without a
             session: 30 s). Calls without a timeout do not wait for items, files or other threads.
   Threads   Any thread may call any function at any time, unless a comment names a rule. Freeing an
             object while another thread uses it is an error of the caller.
   Callbacks The library calls them with none of its locks held. They may call the library. They
             must not throw.
   fork()    In the child every call on a session that the parent opened gives VYRE_CLOSED. */
#ifndef VYRE_VYRE_H
#define VYRE_VYRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vyre/version.h"

#define VYRE_API __attribute__((visibility("default")))
#define VYRE_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Time, options, bytes ------------------------------------------------------------------- */

typedef int64_t vyre_ns;
#define VYRE_FOREVER INT64_MAX
#define VYRE_DEFAULT_TIMEOUT ((vyre_ns)-1)

/* An option with a name, for what is rare or comes later. A name that the library does not know
   gives VYRE_UNSUPPORTED, and the text says which names it knows. */
typedef struct {
  const char* key;
  const char* value;
} vyre_option;

/* A structure with its size and zeros: vyre_session_options o = VYRE_INIT(vyre_session_options); */
#ifdef __cplusplus
#define VYRE_INIT(type)                    \
  ([]() -> type {                          \
    type vyre_init_ = type();              \
    vyre_init_.struct_size = sizeof(type); \
    return vyre_init_;                     \
  }())
#else
#define VYRE_INIT(type) \
  { .struct_size = sizeof(type) }
#endif

typedef struct {
  const void* data;
  uint64_t size;
} vyre_span;

/* Bytes or text that the library made. A zero byte follows the last byte. */
typedef struct vyre_blob vyre_blob;
VYRE_API const void* vyre_blob_data(const vyre_blob* blob); /* NULL for NULL */
VYRE_API uint64_t vyre_blob_size(const vyre_blob* blob);    /* without the zero byte */
VYRE_API void vyre_blob_free(vyre_blob* blob);

/* ---- Version -------------------------------------------------------------------------------- */

VYRE_API uint32_t vyre_abi_version(void); /* VYRE_ABI_VERSION of the library that runs */
VYRE_API uint32_t vyre_version(void);     /* VYRE_VERSION_NUMBER of the library that runs */
VYRE_API const char* vyre_build(void);    /* version, commit, compiler, settings; static */

/* ---- Errors --------------------------------------------------------------------------------- */

/* Codes never change their number or meaning. A later release may add codes: treat an unknown one
   like VYRE_INTERNAL. docs/errors.md says when each comes and what to do. */
enum {
  VYRE_OK = 0,
  VYRE_INVALID_ARGUMENT = 1,   /* a value is out of range, contradicts another, or is not ours */
  VYRE_MALFORMED = 2,          /* bytes or text that do not follow their grammar */
  VYRE_VERSION_MISMATCH = 3,   /* a format version or profile that is not ours */
  VYRE_LIMIT_EXCEEDED = 4,     /* one of those that `vyre caps --limits` lists */
  VYRE_REFUSED = 5,            /* a well-formed program that the validator refuses */
  VYRE_UNSUPPORTED = 6,        /* something that this build or machine cannot do */
  VYRE_NOT_FOUND = 7,          /* a file, op, buffer or result that does not exist, or no more */
  VYRE_IO = 8,                 /* the operating system said no; vyre_error_detail() is errno */
  VYRE_OUT_OF_MEMORY = 9,      /* of the host, of the device, or of memory_bytes */
  VYRE_QUEUE_FULL = 10,        /* the queue had no free slot in time */
  VYRE_DEADLINE_EXCEEDED = 11, /* the timeout passed; the call may be made again */
  VYRE_CLOSED = 12,            /* the session was closed, or this is a forked child */
  VYRE_FAULTED = 13,           /* a program stopped with a fault where its result was needed */
  VYRE_CANCELLED = 14,         /* the call or its item was cancelled */
  VYRE_MISMATCH = 15,          /* two results that should be equal are not */
  VYRE_DEVICE_LOST = 16,       /* the device or the workers of the session failed for good */
  VYRE_INTERNAL = 17,          /* a mistake of the library itself */
  VYRE_WALL_TIME = 18,         /* the session's max_wall_time has passed: nothing starts any more */
  VYRE_BUSY = 19               /* another thread is in a call on the same stream */
};

typedef struct vyre_error vyre_error;

VYRE_API int32_t vyre_error_code(const vyre_error* error); /* VYRE_OK for NULL */
/* "CODE: sentence (at offset N)"; "ok" for NULL. Valid until the error is freed. */
VYRE_API const char* vyre_error_text(const vyre_error* error);
/* The sentence alone, without the code and the place; as long. */
VYRE_API const char* vyre_error_message(const vyre_error* error);
/* 1: the same call may succeed later without any other change. */
VYRE_API int32_t vyre_error_retryable(const vyre_error* error);
/* errno of VYRE_IO, the number of the violated rule of VYRE_REFUSED, else 0. */
VYRE_API int32_t vyre_error_detail(const vyre_error* error);
/* Where in the bytes that were given, or how many bytes a copy that was cut has moved: UINT64_MAX
   if that has no meaning. */
VYRE_API uint64_t vyre_error_offset(const vyre_error* error);
VYRE_API uint32_t vyre_error_line(const vyre_error* error);   /* from 1; 0: none */
VYRE_API uint32_t vyre_error_column(const vyre_error* error); /* from 1; 0: none */
VYRE_API void vyre_error_free(vyre_error* error);
/* "invalid_argument"; "unknown" for a number that is no code. Static. */
VYRE_API const char* vyre_code_name(int32_t code);

/* ---- Log ------------------------------------------------------------------------------------ */

enum {
  VYRE_LOG_TRACE = 0,
  VYRE_LOG_DEBUG = 1,
  VYRE_LOG_INFO = 2,
  VYRE_LOG_WARN = 3,
  VYRE_LOG_ERROR = 4,
  VYRE_LOG_OFF = 5
};
/* `text` is one line without its end, valid during the call. Called from any thread, also from
   several at once. */
typedef void (*vyre_log)(void* context, int32_t level, const char* text);

/* Sends the library's messages of `level` and above to `log`; NULL: to standard error. Until the
   first call: VYRE_LOG_WARN, to standard error. A call to the former hook that began on another
   thread may still be under way when this returns. */
VYRE_API VYRE_CHECK vyre_error* vyre_set_log(vyre_log log, void* context, int32_t level);

/* ---- Interruption --------------------------------------------------------------------------- */

/* True: end early. Called now and then, perhaps from several threads; has no context, so that a
   signal handler's flag can be asked. */
typedef bool (*vyre_stopped)(void);
/* Calls of this thread that have a timeout ask `stopped` from now on while they work or wait, and
   end with VYRE_CANCELLED once it says true: within about 50 ms, and a copy within a piece of
   16 MiB. What a call had done by then stays, as at its timeout. NULL, as at first: they ask
   nothing. Returns what was set before. Other threads are not concerned, and closing, replays and
   vyre_plan_submit() ask nothing. */
VYRE_API vyre_stopped vyre_interrupt_by(vyre_stopped stopped);

/* ---- Limits and machine --------------------------------------------------------------------- */

/* A bound of the library; the strings are static. */
typedef struct {
  uint32_t struct_size;
  uint32_t reserved;
  const char* name; /* "max_ring_slots" */
  uint64_t value;
  const char* unit;   /* "slots" */
  const char* reason; /* why it is so much and no more */
} vyre_limit;
/* The bounds in a fixed order, from index 0; VYRE_NOT_FOUND behind the last. */
VYRE_API VYRE_CHECK vyre_error* vyre_limit_at(size_t index, vyre_limit* limit);

/* What each way of reading files gives in a folder, as a JSON array of {"tier": "A", "available":
   true, "reason": "..."}. A scratch file is made there, read and removed. */
VYRE_API VYRE_CHECK vyre_error* vyre_ingest_probe(const char* directory, vyre_blob** json);

/* ---- Sessions ------------------------------------------------------------------------------- */

/* A session owns a backend (the device's kernel, or CPU workers), its queues, buffers and ops. */
typedef struct vyre_session vyre_session;

typedef struct {
  uint32_t struct_size;
  uint32_t queues;         /* that may be open at once, the main queue among them; default 4 */
  const char* device;      /* "auto" (default: the device if there is one, else the CPU), "cpu",
                              "cuda", or "cuda:" and the number or UUID of a device */
  uint32_t workers;        /* CPU threads; default: one for each logical CPU */
  uint32_t ring_slots;     /* of a queue; a power of two; default 4,096 */
  uint64_t memory_bytes;   /* bound of buffers, binding sets and programs; default: no bound */
  uint64_t fuel;           /* loop iterations that a workgroup may spend; default 2^32 */
  vyre_ns default_timeout; /* of calls whose timeout is negative; default 30 s */
  vyre_ns max_wall_time;   /* after it no item starts; default: no bound */
  vyre_ns close_timeout;   /* what running items get when the session ends; default 5 s */
  const vyre_option* options;
  size_t option_count;
} vyre_session_options;
/* Names of options: "producer_timeout_ns", "ingest_bytes" (0: no streams), "ingest_tier" ("auto",
   "a" to "e"), "timeline" (events that vyre_session_timeline() keeps at most; 0: none), and of the
   device "device_memory_bytes", "max_blocks", "staging_bytes", "park_after_ns" (0: never),
   "watchdog_ns", "drain_after", "jit" ("off", "auto", "force": whether programs are compiled) and
   "cache_dir" (a folder of compiled programs; "-": none). Values are decimal numbers unless quoted
   here. */

/* Opens a session. `options` may be NULL. The caller owns *session. It starts threads and, on a
   device, a kernel: some milliseconds without a device, seconds with one. VYRE_LIMIT_EXCEEDED where
   the process has 65,535 sessions. */
VYRE_API VYRE_CHECK vyre_error* vyre_session_open(const vyre_session_options* options,
                                                  vyre_session** session);
/* One more reference to the same session; NULL for NULL. Each is freed once. */
VYRE_API vyre_session* vyre_session_retain(vyre_session* session);
/* Gives a reference back. The last one, of queues, batches, streams and recorders too, ends the
   session as vyre_session_close() does. */
VYRE_API void vyre_session_free(vyre_session* session);

/* What items of a session or a batch came to. */
typedef struct {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t accepted;
  uint64_t done;
  uint64_t faulted;
  uint64_t cancelled;
  uint64_t unasked; /* of faulted and cancelled: no caller has asked for the result */
} vyre_totals;

/* Accepts nothing more, lets running items end for `timeout` (negative: close_timeout), cancels the
   others. Then what is there may still be read; what would run, write or make something gives
   VYRE_CLOSED, as does vyre_buffer_retire(), which ends the handle nevertheless. `totals` may be
   NULL. Closing again gives the same totals. Bound: `timeout`, then up to 20 s if workers do not
   stop and 10 s more for a read that hangs in the system. */
VYRE_API VYRE_CHECK vyre_error* vyre_session_close(vyre_session* session, vyre_ns timeout,
                                                   vyre_totals* totals);
/* Waits until everything that was accepted before the call has ended. `totals` may be NULL; it
   counts since the session was opened. */
VYRE_API VYRE_CHECK vyre_error* vyre_session_wait(vyre_session* session, vyre_ns timeout,
                                                  vyre_totals* totals);

/* The upper 16 bits of every handle of the session, as messages name it; 0 for NULL. */
VYRE_API uint32_t vyre_session_tag(const vyre_session* session);

/* MegakernelCaps, and what runs the session. The strings live as long as the session. */
typedef struct {
  uint32_t struct_size;
  uint32_t supported;        /* 1: the resident kernel runs on a device */
  uint32_t max_worker_count; /* of the device */
  uint32_t workers;          /* threads or device workers of this session; 0: not known */
  const char* reason;        /* why `supported` is 0; "" otherwise */
  const char* backend;       /* "cpu" or "cuda" */
  const char* device_name;   /* as its driver calls it; "" on the CPU */
} vyre_caps;
VYRE_API VYRE_CHECK vyre_error* vyre_session_caps(vyre_session* session, vyre_caps* caps);

/* An event descriptor (eventfd) that becomes readable when items end, for poll() and its kin. The
   session owns it and closes it with its last reference; read it to reset it. The first call makes
   it; the others give the same one. On a device a thread of the library looks for ends while it is
   in use. */
VYRE_API VYRE_CHECK vyre_error* vyre_session_notify_fd(vyre_session* session, int* fd);

/* ---- Queues --------------------------------------------------------------------------------- */

/* Items of one queue start in the order in which they were submitted. */
typedef struct vyre_queue vyre_queue;

typedef struct {
  uint32_t struct_size;
  uint32_t reserved;
  const vyre_option* options; /* no names yet; reserved: "tenant", "priority", "quota_bytes" and
                                 "quota_items" */
  size_t option_count;
} vyre_queue_options;

/* The main queue, which every session has. The caller owns *queue. */
VYRE_API VYRE_CHECK vyre_error* vyre_queue_main(vyre_session* session, vyre_queue** queue);
/* A queue of its own. `options` may be NULL. VYRE_LIMIT_EXCEEDED where `queues` of the session are
   open. */
VYRE_API VYRE_CHECK vyre_error* vyre_queue_open(vyre_session* session,
                                                const vyre_queue_options* options,
                                                vyre_queue** queue);
VYRE_API vyre_queue* vyre_queue_retain(vyre_queue* queue);
/* The last reference gives the queue back: another vyre_queue_open() may get it. Its items go on.
 */
VYRE_API void vyre_queue_free(vyre_queue* queue);
/* The session of a queue, borrowed: valid as long as the queue; NULL for NULL. */
VYRE_API vyre_session* vyre_queue_session(const vyre_queue* queue);
/* The queue's number, as reports and traces name it; UINT32_MAX for NULL. */
VYRE_API uint32_t vyre_queue_number(const vyre_queue* queue);

/* ---- Programs ------------------------------------------------------------------------------- */

/* A VIR0 program. It belongs to no session and never changes. */
typedef struct vyre_program vyre_program;

/* The three layouts of the wire form. */
enum { VYRE_PROFILE_V4_0_6_3 = 0, VYRE_PROFILE_V4_0_6_4 = 1, VYRE_PROFILE_V6 = 2 };
/* "v4-0.6.3", "v4-0.6.4" and "v6"; "unknown" for a number that is no profile. Static. */
VYRE_API const char* vyre_profile_name(uint32_t profile);
VYRE_API VYRE_CHECK vyre_error* vyre_profile_find(const char* name, uint32_t* profile);

/* Reads the text form (docs/vir0-text.md). Errors have line and column. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_assemble(const char* text, uint64_t size,
                                                      vyre_ns timeout, vyre_program** program);
typedef struct {
  uint32_t struct_size;
  uint32_t reserved;
  const char* name;   /* of the text, as messages and places name it; NULL: they name no file */
  const char* folder; /* where `include` looks, "" for the current one; NULL: it is refused */
} vyre_text_options;
/* The same with options, which may be NULL. Messages about a text with a name begin with
   "NAME:LINE:COLUMN: ", also those of later calls on the program. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_read_text(const char* text, uint64_t size,
                                                       const vyre_text_options* options,
                                                       vyre_ns timeout, vyre_program** program);
/* Reads the wire form. Errors have an offset. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_decode(const void* wire, uint64_t size,
                                                    uint32_t profile, vyre_ns timeout,
                                                    vyre_program** program);
VYRE_API VYRE_CHECK vyre_error* vyre_program_encode(const vyre_program* program, uint32_t profile,
                                                    vyre_ns timeout, vyre_blob** wire);
/* The text form; assembling it gives the same program. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_print(const vyre_program* program, vyre_blob** text);
/* What the interpreters execute for it, an instruction a line: for people, in no fixed form. A flag
   asks for the instructions as they are before constants are folded and instructions fused.
   Another asks for the PTX that they become, with the program's class; nothing runs it yet. */
enum { VYRE_IMAGE_NOT_OPTIMISED = 1, VYRE_IMAGE_PTX = 2 };
VYRE_API VYRE_CHECK vyre_error* vyre_program_print_image(const vyre_program* program,
                                                         uint32_t flags, vyre_ns timeout,
                                                         vyre_blob** text);
/* Whether two programs are the same in everything, also where the wire form loses something. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_equal(const vyre_program* one,
                                                   const vyre_program* other, bool* equal);
/* Success if the program may run; else VYRE_REFUSED with the first violation. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_verify(const vyre_program* program, vyre_ns timeout);
/* Every violation, or if there is none every warning, as a JSON array of
   {"code": "V008", "statement": 3 or null, "message": "..."}, with "line" and "column" where they
   are known. Codes of violations begin with V or are "prepare", those of warnings begin with W. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_diagnose(const vyre_program* program,
                                                      vyre_blob** json);
typedef struct {
  uint32_t struct_size;
  uint32_t statement; /* in pre-order, from 0; UINT32_MAX: the whole program */
  const char* code;   /* of a violation "V008" or "prepare", of a warning "W001" */
  const char* message;
  uint32_t line;    /* from 1; 0: not known, as for every program that was read from wire */
  uint32_t column;  /* in characters, from 1 */
  const char* file; /* the name of the text or of the file that it includes, "" for none */
} vyre_diagnostic;
/* The strings are valid during the call. */
typedef void (*vyre_diagnosed)(void* context, const vyre_diagnostic* diagnostic);
/* The same as vyre_program_diagnose(), one after another to `each`, in program order. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_examine(const vyre_program* program, vyre_ns timeout,
                                                     vyre_diagnosed each, void* context);
/* Whether the program can be compiled for a device, and why: its class, "A", "B" or "C", is the
   `code` of one diagnostic or more, each with a reason. The page docs/internals/jit.md has the
   classes. VYRE_REFUSED for a program that may not run. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_explain(const vyre_program* program, vyre_ns timeout,
                                                     vyre_diagnosed each, void* context);

typedef struct {
  uint32_t struct_size;
  uint32_t line;   /* from 1; 0: not known */
  uint32_t column; /* in characters, from 1 */
  uint32_t reserved;
  const char* file; /* as in a vyre_diagnostic; lives as long as the program */
} vyre_text_place;
/* The name of file number `index` of those that the program's text was read from: 0 is the text's
   own, as it was given, and those that it includes follow. NULL behind the last one. Lives as long
   as the program. */
VYRE_API const char* vyre_program_source(const vyre_program* program, uint64_t index);
/* Where a statement begins in the program's text, by its number in results and findings. A program
   that was read from wire has no text, so nothing is known of it. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_place(const vyre_program* program, uint32_t statement,
                                                   vyre_text_place* place);

/* Watches: a program that does what `program` does and also writes down when lanes reach statements
   (docs/watching.md). Each of `watches` is "PLACE", "PLACE=NAME,NAME" with one or two variables,
   and either may end with "@LANE" or "@FIRST-LAST". PLACE is "LINE", "LINE:COLUMN", the same behind
   "FILE:", or "#" and the number of a statement. The program has returned buffers more, behind its
   own, whose names begin with "vyre.watch". They have room for `records` records (0: 1,024), the
   further ones are counted. VYRE_INVALID_ARGUMENT: nothing begins at a place, a variable is not in
   scope there or is no u32, i32, u64, bool or f32. VYRE_REFUSED: the program may not run. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_watch(const vyre_program* program,
                                                   const char* const* watches, size_t count,
                                                   uint32_t records, vyre_ns timeout,
                                                   vyre_program** watched);
/* What an item that ended has written down. `buffers` are the bytes of those that
   vyre_program_watch() added, in declaration order. *text gets a line for each record, *json
   {"written": ..., "dropped": ..., "records": [...]}; either may be NULL. Records come by
   workgroup, lane, and the lane's own order. VYRE_INVALID_ARGUMENT where `watched` is not watched.
 */
VYRE_API VYRE_CHECK vyre_error* vyre_program_watched(const vyre_program* watched,
                                                     const vyre_span* buffers, size_t count,
                                                     vyre_blob** text, vyre_blob** json);

enum {
  VYRE_ROLE_READ = 0,       /* takes bytes */
  VYRE_ROLE_READ_WRITE = 1, /* takes bytes, is written in place and is a result */
  VYRE_ROLE_OUTPUT = 2,     /* zeros before the program runs, and a result */
  VYRE_ROLE_WORKGROUP = 3   /* belongs to a workgroup: no item names it */
};
/* Element types by their number in the wire form; others than these are in its page. */
enum {
  VYRE_ELEMENT_U32 = 0x01,
  VYRE_ELEMENT_I32 = 0x02,
  VYRE_ELEMENT_U64 = 0x03,
  VYRE_ELEMENT_BOOL = 0x06,
  VYRE_ELEMENT_BYTES = 0x07,
  VYRE_ELEMENT_F16 = 0x09,
  VYRE_ELEMENT_BF16 = 0x0A,
  VYRE_ELEMENT_F32 = 0x0B,
  VYRE_ELEMENT_F64 = 0x0C,
  VYRE_ELEMENT_U8 = 0x0E,
  VYRE_ELEMENT_U16 = 0x0F,
  VYRE_ELEMENT_I8 = 0x10,
  VYRE_ELEMENT_I16 = 0x11,
  VYRE_ELEMENT_I64 = 0x12,
  VYRE_ELEMENT_I4 = 0x1B
};
typedef struct {
  uint32_t struct_size;
  uint32_t role;          /* VYRE_ROLE_... */
  uint32_t element;       /* VYRE_ELEMENT_... */
  uint32_t has_result;    /* 1: the result is the part from result_begin to result_end, if it has
                             so many bytes; 0: all of it */
  const char* name;       /* lives as long as the program */
  uint64_t name_bytes;    /* of `name`, which may hold zero bytes */
  uint64_t count;         /* declared elements; 0: its size is decided at run time */
  uint64_t least_bytes;   /* that so many elements need */
  uint64_t element_bytes; /* of one element in memory; 0: the type has no size */
  uint64_t length_bits;   /* a program sees its length as bytes * 8 / length_bits */
  uint64_t result_begin;
  uint64_t result_end;
} vyre_program_buffer;
/* The declared buffers in order, from index 0; VYRE_NOT_FOUND behind the last. VYRE_REFUSED where
   elements are declared of a type without a size. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_describe_buffer(const vyre_program* program,
                                                             size_t index,
                                                             vyre_program_buffer* buffer);
/* The workgroups that an item with buffers of these sizes has in x, y and z. `bytes` has a size for
   each declared buffer; those of workgroup buffers are passed over. `param` as in vyre_item. Writes
   3 numbers. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_grid(const vyre_program* program,
                                                  const uint64_t* bytes, size_t count,
                                                  uint32_t param, uint32_t* grid);

/* BLAKE3 of the canonical wire form: equal programs have equal fingerprints. Writes 32 bytes. */
VYRE_API VYRE_CHECK vyre_error* vyre_program_fingerprint(const vyre_program* program,
                                                         uint32_t profile, vyre_ns timeout,
                                                         uint8_t* fingerprint);
VYRE_API vyre_program* vyre_program_retain(vyre_program* program);
VYRE_API void vyre_program_free(vyre_program* program);

/* ---- Ops ------------------------------------------------------------------------------------ */

/* An op of one session: built in (docs/ops.md), or a program that was added. Ops last as long as
   their session. */
typedef uint64_t vyre_op;

typedef struct {
  uint32_t struct_size;
  uint32_t reserved;
  const vyre_option* options; /* no names yet; reserved: "jit" and "plan" */
  size_t option_count;
  const char* const* rules; /* names of lineage rules; default: the op's name is the only one */
  size_t rule_count;
} vyre_op_options;

/* Verifies a program and makes it ready to run. `options` may be NULL. Adding the same program
   under the same name gives the same op; another program under that name is refused, and so are
   other rules. */
VYRE_API VYRE_CHECK vyre_error* vyre_op_add(vyre_session* session, const char* name,
                                            const vyre_program* program,
                                            const vyre_op_options* options, vyre_ns timeout,
                                            vyre_op* op);
VYRE_API VYRE_CHECK vyre_error* vyre_op_find(vyre_session* session, const char* name, vyre_op* op);

/* Every op of the session, built-in ones first. `ops` has room for `capacity` of them, and *count
   gets how many there are, also where that is more. */
VYRE_API VYRE_CHECK vyre_error* vyre_session_ops(vyre_session* session, vyre_op* ops,
                                                 size_t capacity, size_t* count);

typedef struct {
  uint32_t struct_size;
  uint32_t builtin;        /* 1: built in */
  const char* name;        /* lives as long as the session */
  uint32_t input_count;    /* buffers that an item's `input` names */
  uint32_t output_count;   /* buffers that an item's `output` names */
  uint8_t fingerprint[32]; /* of a program; zeros for a built-in op */
  const char* meaning;     /* what a built-in op does, a sentence; "" for a program. Static */
  const char* param;       /* what an item's `param` means to a built-in op; "": it must be 0, or
                              nothing looks at it. Static */
} vyre_op_info;
VYRE_API VYRE_CHECK vyre_error* vyre_op_describe(vyre_session* session, vyre_op op,
                                                 vyre_op_info* info);

enum { VYRE_INPUT = 0, VYRE_OUTPUT = 1 };
typedef struct {
  uint32_t struct_size;
  uint32_t read_write;   /* 1: an input that the program writes in place; listed as output too */
  const char* name;      /* lives as long as the session */
  uint64_t least_bytes;  /* 0: its size is decided at run time */
  uint64_t result_begin; /* the part of an output that holds results; both 0: all of it */
  uint64_t result_end;
  uint32_t element; /* VYRE_ELEMENT_... of a built-in op's buffer; 0 for a program, which says it
                       itself: vyre_program_describe_buffer() */
  uint32_t reserved;
} vyre_op_buffer;
/* One buffer of an op, in declaration order. `side` is VYRE_INPUT or VYRE_OUTPUT. */
VYRE_API VYRE_CHECK vyre_error* vyre_op_describe_buffer(vyre_session* session, vyre_op op,
                                                        uint32_t side, uint32_t index,
                                                        vyre_op_buffer* buffer);

enum {
  VYRE_SIZE_EXACT = 0,   /* so many bytes are needed and filled */
  VYRE_SIZE_AT_MOST = 1, /* so many bytes always suffice; data decides how many are used */
  VYRE_SIZE_UNKNOWN = 2  /* the op takes a buffer of any size */
};
/* How large the outputs of an op have to be for inputs of `input_count` sizes, in declaration
   order. `bytes` and `kinds` (VYRE_SIZE_..., may be NULL) need room for `capacity` values, at least
   the op's output_count. */
VYRE_API VYRE_CHECK vyre_error* vyre_op_output_sizes(vyre_session* session, vyre_op op,
                                                     const uint64_t* input_bytes,
                                                     size_t input_count, uint32_t param,
                                                     uint64_t* bytes, uint32_t* kinds,
                                                     size_t capacity);

/* ---- Buffers -------------------------------------------------------------------------------- */

/* A buffer, a mapped file or a binding set of one session. */
typedef uint64_t vyre_buffer;

typedef struct {
  uint32_t struct_size;
  uint32_t reserved;
  const void* init;           /* that many bytes to begin with; NULL: zeros */
  const vyre_option* options; /* "cache" and "hits", below */
  size_t option_count;
} vyre_buffer_options;

/* A buffer of `bytes` bytes. `options` may be NULL. Where it fails, nothing is left. With the
   option "cache" of "1" (default "0") and with `init` the buffer is read-only, and all that were
   made of equal bytes in this way share one memory: the second call sends nothing. What was retired
   stays for the next call until its memory is wanted. With the option "hits" of "1" (default "0"),
   0 bytes and no `init` it is an output for match.literals, with room for as many hits as the
   launch policy expects of an item at that moment. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_new(vyre_queue* queue, uint64_t bytes,
                                                const vyre_buffer_options* options, vyre_ns timeout,
                                                vyre_buffer* buffer);

enum { VYRE_READ = 1, VYRE_WRITE = 2, VYRE_READ_WRITE = 3 };
typedef void (*vyre_done)(void* context);
/* A buffer over memory of the caller, which begins at a multiple of 16 bytes. A device locks its
   pages and reaches them across the link; where the driver refuses that, the error says why: copy
   it. `access` says what items may do. The memory belongs to the library until `done(context)`,
   which is called once, on any thread, after the buffer was retired and its last item has ended, or
   when the session ends. Where this call fails, `done` is not called. `done` may be NULL.
   Memory that overlaps that of another import of the session is refused, unless both are VYRE_READ.
   It stays mapped until `done`, with the access that it is imported for: the process ends with
   SIGSEGV where items write pages that are PROT_READ, and with SIGBUS where a file that the caller
   mapped is cut. vyre_buffer_map_file() is safe from that. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_import(vyre_queue* queue, void* host, uint64_t bytes,
                                                   uint32_t access, vyre_done done, void* context,
                                                   vyre_ns timeout, vyre_buffer* buffer);

enum { VYRE_MAP_THIS_QUEUE_ONLY = 1 };
/* A read-only buffer of a regular file, of the size that it has now. Flags: only items of `queue`
   may name it. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_map_file(vyre_queue* queue, const char* path,
                                                     uint32_t flags, vyre_ns timeout,
                                                     vyre_buffer* buffer);
/* A buffer with the bytes of a file, read before the call returns. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_load_file(vyre_queue* queue, const char* path,
                                                      vyre_ns timeout, vyre_buffer* buffer);
/* The same, read-only and shared as by the option "cache" of vyre_buffer_new(). The file is not
   read again while its device, inode, size and times stay what they were. VYRE_IO where it changes
   again and again while it is read. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_load_cached_file(vyre_queue* queue, const char* path,
                                                             vyre_ns timeout, vyre_buffer* buffer);
/* A binding set: an ordered list of buffers under one handle, for ops with several inputs or
   outputs. Its members outlive their own retirement until the set is retired. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_bind(vyre_queue* queue, const vyre_buffer* buffers,
                                                 size_t count, vyre_ns timeout, vyre_buffer* set);

VYRE_API VYRE_CHECK vyre_error* vyre_buffer_size(vyre_session* session, vyre_buffer buffer,
                                                 uint64_t* bytes);
/* Copies bytes out of a buffer, after the items that write it. Also after close. Cut by its
   timeout, it has copied the bytes before vyre_error_offset(). */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_read(vyre_session* session, vyre_buffer buffer,
                                                 uint64_t at, void* bytes, uint64_t size,
                                                 vyre_ns timeout);
/* Copies bytes into a buffer, after the items that use it; as for reading. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_write(vyre_session* session, vyre_buffer buffer,
                                                  uint64_t at, const void* bytes, uint64_t size,
                                                  vyre_ns timeout);
/* The buffer's bytes in memory of this process, until vyre_buffer_unlease(). A VYRE_READ lease
   holds back items and calls that write the buffer, a VYRE_WRITE or VYRE_READ_WRITE lease all that
   use it: they wait for their timeout, and VYRE_DEADLINE_EXCEEDED names the lease. VYRE_UNSUPPORTED
   where the bytes are not in host memory: copy them. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_lease(vyre_session* session, vyre_buffer buffer,
                                                  uint32_t access, vyre_ns timeout, void** bytes);
/* Ends a lease; on a device, what was written is copied back. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_unlease(vyre_session* session, vyre_buffer buffer,
                                                    vyre_ns timeout);
/* Adds lineage rules to the bytes that the items submitted so far leave in a buffer, until it is
   overwritten whole. Regions that read it get them (docs/internals/lineage.md). The session tracks
   lineage from then on, as it does from the first plan with VYRE_PLAN_LINEAGE on. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_tag(vyre_session* session, vyre_buffer buffer,
                                                const char* const* rules, size_t count);
/* The handle ends now; memory is given back after the last item that uses it. Never waits. */
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_retire(vyre_session* session, vyre_buffer buffer);

/* The automaton that op "match.literals" takes as its second input. Pattern i of its hits is
   patterns[i]. Millions of bytes take seconds, and it asks what vyre_interrupt_by() was given. */
enum { VYRE_IGNORE_ASCII_CASE = 1 };
VYRE_API VYRE_CHECK vyre_error* vyre_literals_compile(const vyre_span* patterns, size_t count,
                                                      uint32_t flags, vyre_blob** automaton);

/* ---- Items ---------------------------------------------------------------------------------- */

enum {
  VYRE_AFTER_PREVIOUS = 1, /* starts when the item before it in its queue has ended */
  VYRE_AFTER_ALL = 2       /* starts when every earlier item of its queue has ended */
};

/* One unit of work. `param` 0 asks a program for the grid that its buffers give, n > 0 for one that
   covers n lanes; built-in ops say what it means to them. */
typedef struct {
  vyre_op op;
  vyre_buffer input;  /* 0: none */
  vyre_buffer output; /* 0: none */
  uint32_t param;
  uint32_t flags;
} vyre_item;

/* MegakernelWorkItem: an item by bare numbers of its session, which vyre_op_number() and
   vyre_buffer_number() give. It carries no session tag; a stale number is refused unless its index
   was reused 256 times. */
typedef struct {
  uint32_t op_handle;
  uint32_t input_handle;
  uint32_t output_handle;
  uint32_t param;
} vyre_work_item;
VYRE_API VYRE_CHECK vyre_error* vyre_op_number(vyre_session* session, vyre_op op, uint32_t* number);
VYRE_API VYRE_CHECK vyre_error* vyre_buffer_number(vyre_session* session, vyre_buffer buffer,
                                                   uint32_t* number);

/* An accepted item. Positions count the items of a queue; items that a plan put together have one
   position, and items that stand for each other have equal tickets. */
typedef struct {
  uint64_t where; /* session tag, queue, and place among those at the position; 0: no ticket */
  uint64_t position;
} vyre_ticket;

enum {
  VYRE_ITEM_DONE = 0,
  VYRE_ITEM_FAULTED = 1,
  VYRE_ITEM_CANCELLED = 2,
  VYRE_ITEM_PENDING = 3 /* it has not ended yet */
};
typedef struct {
  vyre_ticket ticket;
  uint32_t status;    /* VYRE_ITEM_... */
  uint32_t code;      /* why it is not done; vyre_fault_name() */
  uint64_t workgroup; /* linear; where the fault is */
  uint32_t lane;      /* linear in the workgroup */
  uint32_t statement; /* of the program, in pre-order, from 0 */
} vyre_result;
/* Codes of results. Their numbers never change; later releases may add some. */
enum {
  VYRE_FAULT_NONE = 0,
  VYRE_FAULT_TRAP = 1,
  VYRE_FAULT_FUEL_EXHAUSTED = 2,
  VYRE_FAULT_I32_DIVISION_BY_ZERO = 3,
  VYRE_FAULT_I32_DIVISION_OVERFLOW = 4,
  VYRE_FAULT_BAD_INDEX = 5,
  VYRE_FAULT_CAST_OUT_OF_RANGE = 6,
  VYRE_FAULT_TYPE_MISMATCH = 7,
  VYRE_FAULT_DIVERGENT_BARRIER = 8,
  VYRE_FAULT_BARRIER_DEADLOCK = 9,
  VYRE_FAULT_ASYNC_MISUSE = 10,
  VYRE_FAULT_ID_OVERFLOW = 11,
  VYRE_FAULT_UNBOUND_VARIABLE = 12,
  VYRE_FAULT_BAD_OPERATION = 13,
  VYRE_FAULT_BAD_BINDING = 14, /* the buffers do not fit the op: count, size, access */
  VYRE_FAULT_UNKNOWN_OP = 15,
  VYRE_FAULT_UNKNOWN_HANDLE = 16,
  VYRE_FAULT_IO_ERROR = 17,      /* a file could not be read */
  VYRE_FAULT_SHUTDOWN = 18,      /* cancelled: the session closed first */
  VYRE_FAULT_WALL_TIME = 19,     /* cancelled: max_wall_time passed first */
  VYRE_FAULT_WORKER_LOST = 20,   /* cancelled: the worker that had it died */
  VYRE_FAULT_ABANDONED = 21,     /* cancelled: its producer never published it */
  VYRE_FAULT_COPY_LIMIT = 22,    /* too many bytes of copies that were not waited for */
  VYRE_FAULT_OUT_OF_MEMORY = 23, /* cancelled: no memory to run it */
  VYRE_FAULT_CANCELLED = 24      /* cancelled: vyre_cancel() */
};
/* "fuel_exhausted"; "unknown" for a number that is no code. Static. */
VYRE_API const char* vyre_fault_name(uint32_t code);

/* Counts and failures of the items that were submitted with it, whatever else the session does. */
typedef struct vyre_batch vyre_batch;

/* Submits `count` items that lie `stride` bytes apart (0: sizeof(vyre_item)). An item is accepted
   or refused, never half. The accepted ones are a prefix: where they are fewer than `count`, the
   call returns why, and *accepted and the first tickets are written nevertheless. Items of other
   threads may come in between. `batch`, `tickets` (room for `count`) and `accepted` may be NULL. */
VYRE_API VYRE_CHECK vyre_error* vyre_submit(vyre_queue* queue, const vyre_item* items, size_t count,
                                            size_t stride, vyre_ns timeout, vyre_batch* batch,
                                            vyre_ticket* tickets, size_t* accepted);
/* The same for items by number, with the same flags for all. */
VYRE_API VYRE_CHECK vyre_error* vyre_submit_work_items(vyre_queue* queue,
                                                       const vyre_work_item* items, size_t count,
                                                       uint32_t flags, vyre_ns timeout,
                                                       vyre_batch* batch, vyre_ticket* tickets,
                                                       size_t* accepted);
/* Waits until at least `least` of `count` items have ended. Writes the results of all, `stride`
   bytes apart (0: sizeof(vyre_result)), VYRE_ITEM_PENDING among them, also where the call fails
   with VYRE_DEADLINE_EXCEEDED. An item that faulted is no error of this call. `results` and `ended`
   (how many had) may be NULL. Results may be asked for again, also after close; VYRE_NOT_FOUND
   comes after 65,536 more items of the queue. */
VYRE_API VYRE_CHECK vyre_error* vyre_wait(vyre_session* session, const vyre_ticket* tickets,
                                          size_t count, size_t least, vyre_ns timeout,
                                          vyre_result* results, size_t stride, size_t* ended);
/* Cancels items that have not started; running and ended ones go on as they are. *cancelled, which
   may be NULL, counts the ones that this call keeps from running. A device does not tell which
   items it has started: there the count is of all that had not ended, and a running one among them
   goes on, as its result says. */
VYRE_API VYRE_CHECK vyre_error* vyre_cancel(vyre_session* session, const vyre_ticket* tickets,
                                            size_t count, size_t* cancelled);

/* Runs one item of an op with these inputs: makes its outputs, submits, waits, and gives the
   outputs in declaration order. *outputs needs room for `capacity` handles; *count, which may be
   NULL, gets their number. VYRE_FAULTED if the item faulted, VYRE_CANCELLED if it was cancelled,
   VYRE_UNSUPPORTED for an op with an output of VYRE_SIZE_UNKNOWN; nothing is left then. Where the
   timeout passes first, the item is cancelled; one that has started goes on until it ends by itself
   or the session closes, and its text says which. */
VYRE_API VYRE_CHECK vyre_error* vyre_run(vyre_queue* queue, vyre_op op, const vyre_buffer* inputs,
                                         size_t input_count, uint32_t param, vyre_ns timeout,
                                         vyre_buffer* outputs, size_t capacity, size_t* count);

/* ---- Plans ---------------------------------------------------------------------------------- */

/* What a queue found out about items before they are submitted: which need not run, because an
   earlier one did the same work and no buffer was written in between, and which run as one. A plan
   never changes, and it may be submitted any number of times by any thread. */
typedef struct vyre_plan vyre_plan;

enum { VYRE_PLAN_NO_DEDUPE = 1, VYRE_PLAN_NO_FUSION = 2, VYRE_PLAN_LINEAGE = 4 };
typedef struct {
  uint32_t struct_size;
  uint32_t flags; /* VYRE_PLAN_... */
  /* Buffers and binding sets of which the bytes do not matter once the plan has run; what goes from
     one item to the next need not be stored there. */
  const vyre_buffer* scratch;
  size_t scratch_count;
} vyre_plan_options;

/* Looks at `count` items that lie `stride` bytes apart (0: sizeof(vyre_item)) and submits none.
   `options` may be NULL. */
VYRE_API VYRE_CHECK vyre_error* vyre_plan_new(vyre_queue* queue, const vyre_item* items,
                                              size_t count, size_t stride,
                                              const vyre_plan_options* options, vyre_plan** plan);
/* One screen for a reader; with `json` not 0 the same as a JSON object. */
VYRE_API VYRE_CHECK vyre_error* vyre_plan_describe(const vyre_plan* plan, int32_t json,
                                                   vyre_blob** text);
/* Submits the plan to the queue that made it, in an order that gives the results of submitting the
   items one by one. What the plan proposes is looked at again for each item; what no longer holds
   is not done. `tickets` (room for the plan's items, in their order) and `accepted` may be NULL.
   Where fewer were accepted, the call returns why, and both are written nevertheless: items that
   were not accepted get a ticket of zeros, wherever they stand. */
VYRE_API VYRE_CHECK vyre_error* vyre_plan_submit(vyre_queue* queue, const vyre_plan* plan,
                                                 vyre_ns timeout, vyre_ticket* tickets,
                                                 size_t* accepted);
VYRE_API void vyre_plan_free(vyre_plan* plan);

/* ---- Batches -------------------------------------------------------------------------------- */

VYRE_API VYRE_CHECK vyre_error* vyre_batch_new(vyre_session* session, vyre_batch** batch);
/* Waits until all items of the batch have ended. `totals` may be NULL, and is written also where
   the timeout passes: `accepted` minus the three counts is what has not ended. */
VYRE_API VYRE_CHECK vyre_error* vyre_batch_wait(vyre_batch* batch, vyre_ns timeout,
                                                vyre_totals* totals);
/* The first failures of the batch by time of discovery, at most 64 are kept. `stride` as for
   vyre_wait(). *count gets how many were written. */
VYRE_API VYRE_CHECK vyre_error* vyre_batch_failures(vyre_batch* batch, vyre_result* results,
                                                    size_t capacity, size_t stride, size_t* count);
/* Its items go on. */
VYRE_API void vyre_batch_free(vyre_batch* batch);

/* ---- Streams -------------------------------------------------------------------------------- */

/* Files cut into chunks, an item for each, results in order or as they come, in bounded memory
   (docs/streams.md). One thread at a time: another gets VYRE_BUSY. A stream may outlive the other
   references of its session. */
typedef struct vyre_stream vyre_stream;

typedef struct {
  uint64_t bytes;     /* of an own buffer for each chunk */
  vyre_buffer shared; /* not 0: a buffer that all chunks share, and `bytes` is 0 */
} vyre_stream_output;

enum {
  VYRE_STREAM_AS_THEY_COME = 1,
  VYRE_STREAM_KEEP_BYTES = 2 /* vyre_chunk::data: memory is free after the result only */
};
enum { VYRE_PLACE_AUTO = 0, VYRE_PLACE_IN_PLACE = 1, VYRE_PLACE_DEVICE = 2 };
typedef struct {
  uint32_t struct_size;
  uint32_t flags;         /* VYRE_STREAM_...; default: results in order */
  uint64_t chunk_bytes;   /* overlap included; default 1 MiB */
  uint64_t overlap_bytes; /* that a chunk shares with the one before it */
  uint32_t param;         /* of each item */
  uint32_t max_in_flight; /* chunks; default: what memory allows */
  uint64_t max_ahead;     /* chunks begun, counted from the oldest without a result; default: any */
  const vyre_buffer* inputs; /* in declaration order, one of them 0: the chunk. Default: it alone */
  size_t input_count;
  const vyre_stream_output* outputs; /* in declaration order; default: of their declared sizes */
  size_t output_count;
  uint32_t place; /* VYRE_PLACE_...: where chunks lie while items read them */
  uint32_t reserved;
  const vyre_option* options; /* no names yet */
  size_t option_count;
} vyre_stream_options;

typedef struct {
  uint32_t struct_size;
  uint32_t status; /* VYRE_ITEM_... */
  uint64_t file;   /* index, from 0 */
  uint64_t index;  /* of the chunk in its file */
  uint64_t offset; /* in the file */
  uint64_t bytes;
  uint64_t seen_bytes; /* leading bytes that the chunk before it had as well */
  uint32_t last;       /* 1: of its file */
  uint32_t code;       /* as in vyre_result */
  uint64_t workgroup;
  uint32_t lane;
  uint32_t statement;
  const char* path;
  const vyre_error* error; /* not NULL: the file could not be read; no more comes of it. Borrowed */
  const vyre_span* outputs; /* own outputs in order, where the item is done */
  size_t output_count;
  vyre_span data; /* the chunk's bytes, with VYRE_STREAM_KEEP_BYTES; else none */
} vyre_chunk;

/* The next path, valid until the next call; NULL: no more. Called from calls on the stream. */
typedef const char* (*vyre_next_path)(void* context);
/* Gets every chunk; a value other than 0 ends the loop. */
typedef int32_t (*vyre_sink)(void* context, const vyre_chunk* chunk);

/* `options` may be NULL. */
VYRE_API VYRE_CHECK vyre_error* vyre_stream_open(vyre_queue* queue, const char* const* files,
                                                 size_t count, vyre_op op,
                                                 const vyre_stream_options* options,
                                                 vyre_stream** stream);
VYRE_API VYRE_CHECK vyre_error* vyre_stream_open_paths(vyre_queue* queue, vyre_next_path next_path,
                                                       void* context, vyre_op op,
                                                       const vyre_stream_options* options,
                                                       vyre_stream** stream);
/* The next result; NULL at the end. *chunk and what it points to are valid until the next call on
   the stream. VYRE_DEADLINE_EXCEEDED: nothing came in time, ask again. Other errors end the
   stream. */
VYRE_API VYRE_CHECK vyre_error* vyre_stream_next(vyre_stream* stream, vyre_ns timeout,
                                                 const vyre_chunk** chunk);
/* Gives every chunk to `sink` until the end, until `sink` returns a value other than 0
   (VYRE_CANCELLED, with that value as vyre_error_detail()), or until nothing has come for
   `timeout`. The stream stays usable. */
VYRE_API VYRE_CHECK vyre_error* vyre_stream_for_each(vyre_stream* stream, vyre_sink sink,
                                                     void* context, vyre_ns timeout);
/* No more chunks begin; what is under way still comes, then VYRE_CANCELLED. Any thread. */
VYRE_API void vyre_stream_cancel(vyre_stream* stream);
/* Goes on without chunks before this one. Any thread. */
VYRE_API void vyre_stream_skip_to(vyre_stream* stream, uint64_t file, uint64_t chunk);

typedef struct {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t files_opened;
  uint64_t files_ended; /* all their results are out, or they failed */
  uint64_t files_failed;
  uint64_t chunks_read;
  uint64_t chunks_ended;
  uint64_t bytes_opened; /* sizes of the files opened so far */
  uint64_t bytes_read;   /* without overlap and rounding */
} vyre_stream_progress;
/* Any thread. */
VYRE_API VYRE_CHECK vyre_error* vyre_stream_describe(vyre_stream* stream,
                                                     vyre_stream_progress* progress);
/* Cancels, and waits for what is under way, at most for the session's close_timeout. */
VYRE_API void vyre_stream_free(vyre_stream* stream);

/* ---- Traces --------------------------------------------------------------------------------- */

/* Records everything a session does into a directory (docs/internals/trace.md). */
typedef struct vyre_recorder vyre_recorder;

/* `directory` is made; it must not exist or be empty. Before the first submit, and while no lease
   for writing is open. `max_buffer_bytes` 0: 4 GiB; a larger buffer is refused by name. Where the
   call fails, nothing is left in `directory`. */
VYRE_API VYRE_CHECK vyre_error* vyre_record(vyre_session* session, const char* directory,
                                            uint64_t max_buffer_bytes, vyre_recorder** recorder);
/* Waits for all items, stores the final bytes of every buffer that items may have written, and
   seals the trace. The first error of the recording comes here too. A recording ends once: every
   later call of this function or of vyre_record_cut_short() gives the first one's answer. */
VYRE_API VYRE_CHECK vyre_error* vyre_record_finish(vyre_recorder* recorder, vyre_ns timeout);
/* Closes the session, stores what the items that ended have written, and seals the trace. */
VYRE_API VYRE_CHECK vyre_error* vyre_record_cut_short(vyre_recorder* recorder);
/* A recorder that was not finished leaves a trace that replays up to its last complete record, and
   the recording goes on until the session ends. */
VYRE_API void vyre_recorder_free(vyre_recorder* recorder);

enum {
  VYRE_EXECUTOR_CPU = 1,
  VYRE_EXECUTOR_CUDA = 2,
  VYRE_EXECUTOR_REFERENCE = 3,
  VYRE_EXECUTOR_JIT = 4 /* the device, every program compiled that can be */
};
enum { VYRE_COMPARE_NONE = 0, VYRE_COMPARE_RECORDED = 1, VYRE_COMPARE_EXECUTOR = 2 };
typedef void (*vyre_progress)(void* context, uint64_t done, uint64_t total);

typedef struct {
  uint32_t struct_size;
  uint32_t executor;      /* VYRE_EXECUTOR_...; default: CPU */
  uint32_t compare;       /* VYRE_COMPARE_... */
  uint32_t other;         /* executor to compare with; default: the reference */
  uint32_t recorded_pace; /* 1: items are submitted when they were; default: as fast as possible */
  uint32_t check_races;   /* 1: look for data races; needs the reference */
  uint32_t workers;       /* CPU threads; default: one for each logical CPU */
  uint32_t ulp;           /* that F32 results of transcendentals may differ by; default 128 */
  uint64_t memory_bytes;  /* of buffers that are no files; default: half of the machine's memory */
  vyre_ns timeout;        /* default 10 minutes */
  vyre_progress progress; /* may be NULL */
  void* context;
  vyre_stopped stopped; /* may be NULL */
  uint32_t exact;       /* 1: F32 results have to be equal, whatever `ulp` says */
  /* Events that `timeline` keeps at most; 0: it is not written. The reference executor has no
     queues and workers, so it refuses it with VYRE_INVALID_ARGUMENT. */
  uint32_t timeline_events;
  vyre_blob** timeline;      /* what happened when, as vyre_session_timeline() says it */
  const char* const* labels; /* of the report, as in vyre_report_options */
  size_t label_count;
} vyre_replay_options;
typedef struct {
  uint32_t struct_size;
  uint32_t complete; /* 0: the recording was cut short */
  uint32_t stopped;  /* 1: `stopped` ended the replay; nothing is known of differences */
  uint32_t differs;  /* 1: compared, and not equal */
  uint64_t items;
  uint64_t items_skipped; /* cancelled when recorded */
  uint64_t buffers_compared;
  uint64_t bytes_compared;
  uint64_t racy_items;
} vyre_replay_result;
/* Runs a trace. A difference is no error. `options`, `result` and `json` may be NULL; *json gets
   {"difference": ..., "racy_items": [...], "report": ...}. */
VYRE_API VYRE_CHECK vyre_error* vyre_replay(const char* directory,
                                            const vyre_replay_options* options,
                                            vyre_replay_result* result, vyre_blob** json);

typedef struct {
  uint32_t struct_size;
  uint32_t complete;
  uint64_t items;
  uint64_t programs;
  uint64_t buffers;
  uint64_t bytes;
  char recorded_at[40]; /* RFC 3339 */
} vyre_trace_info;
/* Reads and checks a trace, digests included, without running it. `stopped` may be NULL. */
VYRE_API VYRE_CHECK vyre_error* vyre_trace_inspect(const char* directory, vyre_stopped stopped,
                                                   vyre_trace_info* info);

/* ---- Conformance ---------------------------------------------------------------------------- */

/* A line of a vector file that failed; the strings are valid during the call. */
typedef void (*vyre_failure)(void* context, const char* file, uint64_t line, const char* name,
                             const char* why);
typedef struct {
  uint32_t struct_size;
  uint32_t executor;          /* VYRE_EXECUTOR_...; default: CPU */
  uint64_t max_failures_kept; /* in the JSON; default 1,000 */
  vyre_ns case_timeout;       /* default 120 s */
  vyre_failure on_failure;    /* may be NULL */
  void* context;
  vyre_stopped stopped;      /* may be NULL */
  vyre_progress progress;    /* counts files, before each; may be NULL */
  uint32_t keep_no_failures; /* 1: none, whatever `max_failures_kept` says */
  uint32_t reserved;
} vyre_conformance_options;
typedef struct {
  uint32_t struct_size;
  uint32_t stopped;
  uint64_t files;
  uint64_t cases;
  uint64_t passed;
  uint64_t errors_overruled;
  uint64_t decoder_verdicts;
  uint64_t decoder_passed;
  uint64_t failed;
} vyre_conformance_result;
/* Runs vector files ("-": standard input; docs/internals/conformance.md). A failed line is no error
   of this call. `options`, `result` and `json` may be NULL. */
VYRE_API VYRE_CHECK vyre_error* vyre_conformance(const char* const* paths, size_t count,
                                                 const vyre_conformance_options* options,
                                                 vyre_conformance_result* result, vyre_blob** json);

/* ---- Reports -------------------------------------------------------------------------------- */

/* The session's report, schema "vyre.report/2" (docs/report.md), so far or after close the final
   one. `indent` < 0: one line. */
VYRE_API VYRE_CHECK vyre_error* vyre_report_json(vyre_session* session, int32_t indent,
                                                 vyre_blob** json);

/* What happened when, so far or after close all of it, as Chrome's trace event format, which
   Perfetto reads (docs/report-tools.md). The session was opened with the option "timeline". */
VYRE_API VYRE_CHECK vyre_error* vyre_session_timeline(vyre_session* session, vyre_blob** json);

typedef struct {
  const char* what; /* "notes.txt" */
  const char* why;
} vyre_input_failure;
/* What one input file came to. */
typedef struct {
  const char* name;
  uint64_t bytes; /* that its items were given, each once */
  uint64_t items;
  uint64_t failed; /* of these: they have no outputs, or the file could not be read */
} vyre_input_total;
/* What a report says of the run and the library cannot know. */
typedef struct {
  uint32_t struct_size;
  uint32_t indent;            /* spaces a level; default: one line */
  const char* const* command; /* the words of the command line */
  size_t command_count;
  const vyre_input_failure* input_failures; /* inputs that could not be had */
  size_t input_failure_count;
  const char* const* labels; /* "NAME=VALUE" each: letters, digits and '_', no digit first */
  size_t label_count;
  const char* const* debug_records; /* what vyre_program_watched() told, the first lines of it */
  size_t debug_record_count;
  uint64_t debug_written; /* records in all */
  uint64_t debug_dropped;
  const vyre_input_total* files; /* a row for each input; the first 4,096 are spelled out */
  size_t file_count;
  uint32_t watched; /* 1: the run was watched, so the report has what `debug_` says */
  uint32_t by_file; /* 1: the report has the rows of `files` */
} vyre_report_options;
/* The same as vyre_report_json() with what `options`, which may be NULL, say. */
VYRE_API VYRE_CHECK vyre_error* vyre_session_report(vyre_session* session,
                                                    const vyre_report_options* options,
                                                    vyre_blob** json);

/* MegakernelReport with its MegakernelTelemetry. Bit n of `present` says that the n-th of the
   fields behind it was measured; the others are 0. */
enum {
  VYRE_HAS_QUEUE_PLAN_NS = 0,
  VYRE_HAS_QUEUE_PUBLISH_NS,
  VYRE_HAS_BACKEND_DISPATCH_NS,
  VYRE_HAS_LINEAGE_NS,
  VYRE_HAS_BYTES_UPLOADED,
  VYRE_HAS_BYTES_READ_BACK,
  VYRE_HAS_BYTES_MOVED,
  VYRE_HAS_RESIDENT_ALLOCATIONS,
  VYRE_HAS_KERNEL_LAUNCHES,
  VYRE_HAS_SYNC_POINTS,
  VYRE_HAS_OCCUPANCY_PROXY_BPS,
  VYRE_HAS_FRONTIER_DENSITY_BPS,
  VYRE_HAS_READBACK_BUFFERS,
  VYRE_HAS_COMPILED_PIPELINE_CACHE_HIT,
  VYRE_HAS_RESIDENT_INPUT_CACHE_HIT,
  VYRE_HAS_TOPOLOGY,
  VYRE_HAS_PRESSURE,
  VYRE_HAS_EXECUTION_MODE,
  VYRE_HAS_HIT_CAPACITY,
  VYRE_HAS_ESTIMATED_PEAK_DEVICE_BYTES,
  VYRE_HAS_DEVICE_MEMORY_BUDGET_BYTES
};
typedef struct {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t items_processed;
  uint64_t items_remaining;
  uint64_t wall_time_ns;
  uint64_t deduped_items;
  uint64_t published_items;
  uint64_t lineage_items;
  uint64_t present;
  uint64_t queue_plan_ns;
  uint64_t queue_publish_ns;
  uint64_t backend_dispatch_ns;
  uint64_t lineage_ns;
  uint64_t bytes_uploaded;
  uint64_t bytes_read_back;
  uint64_t bytes_moved;
  uint64_t resident_allocations;
  uint64_t kernel_launches;
  uint64_t sync_points;
  uint64_t occupancy_proxy_bps;
  uint64_t frontier_density_bps;
  uint64_t readback_buffers;
  uint64_t compiled_pipeline_cache_hit;
  uint64_t resident_input_cache_hit;
  uint64_t topology;       /* in the order of vyre::Topology */
  uint64_t pressure;       /* in the order of vyre::Pressure */
  uint64_t execution_mode; /* in the order of vyre::ExecutionMode */
  uint64_t hit_capacity;
  uint64_t estimated_peak_device_bytes;
  uint64_t device_memory_budget_bytes;
} vyre_counters;
VYRE_API VYRE_CHECK vyre_error* vyre_report_counters(vyre_session* session,
                                                     vyre_counters* counters);
/* region_lineage of the report: the rules of each region that the session tracked, as 32 bits.
   Writes at most `capacity`; *count gets how many there are. */
VYRE_API VYRE_CHECK vyre_error* vyre_report_regions(vyre_session* session, uint32_t* regions,
                                                    size_t capacity, size_t* count);
/* A few readable lines about report files, one document or JSON Lines each; "-" is standard
   input. */
VYRE_API VYRE_CHECK vyre_error* vyre_report_summary(const char* const* paths, size_t count,
                                                    vyre_blob** text);
/* The same lines, and the documents as a JSON array. Either may be NULL. */
VYRE_API VYRE_CHECK vyre_error* vyre_report_read(const char* const* paths, size_t count,
                                                 vyre_blob** summary, vyre_blob** json);
enum { VYRE_LINEAGE_TEXT = 0, VYRE_LINEAGE_DOT = 1 };
/* Who contributed to what in the runs of report files, as lines or as a graph for Graphviz.
   VYRE_NOT_FOUND where a run tracked no lineage. */
VYRE_API VYRE_CHECK vyre_error* vyre_report_lineage(const char* const* paths, size_t count,
                                                    uint32_t format, vyre_blob** text);
/* The runs of report files as one document (docs/report-tools.md). `indent` < 0: one line. */
VYRE_API VYRE_CHECK vyre_error* vyre_report_merge(const char* const* paths, size_t count,
                                                  int32_t indent, vyre_blob** json);
/* What changed between the runs of two files, as a table and as {"differences": [...]}. Either may
   be NULL. */
VYRE_API VYRE_CHECK vyre_error* vyre_report_diff(const char* before, const char* after,
                                                 vyre_blob** text, vyre_blob** json);
typedef struct {
  uint32_t struct_size;
  uint32_t reserved;
  const char* const* rules; /* one on each line of each */
  size_t rule_count;
  const char* baseline; /* a report file that rules compare with; NULL: none */
} vyre_gate_options;
/* Whether every run of the files keeps every rule, as *passed (0 or 1), as lines, and as
   {"passed": ..., "rules": [...]}. A rule that fails is no error of this call. `text` and `json`
   may be NULL. */
VYRE_API VYRE_CHECK vyre_error* vyre_report_gate(const char* const* paths, size_t count,
                                                 const vyre_gate_options* options, int32_t* passed,
                                                 vyre_blob** text, vyre_blob** json);
/* What a run has done since it was asked before, on one line, schema "vyre.snapshot/1"
   (docs/report-tools.md). `before` and `now` are reports of the same run, as vyre_report_json()
   gives them; `before` may be NULL. */
VYRE_API VYRE_CHECK vyre_error* vyre_report_snapshot(const char* before, const char* now,
                                                     vyre_blob** line);
/* The runs of report files for other tools. `format` is one of those that docs/report-tools.md
   lists, such as "openmetrics". */
VYRE_API VYRE_CHECK vyre_error* vyre_report_export(const char* const* paths, size_t count,
                                                   const char* format, vyre_blob** text);

/* ---- The reference executor ----------------------------------------------------------------- */

/* One program on the reference executor, the judge of all others: slow, without threads, an item
   after the other on the caller's thread. One thread at a time: another gets VYRE_BUSY. */
typedef struct vyre_reference vyre_reference;

typedef struct {
  uint32_t struct_size;
  uint32_t check_races; /* 1: items whose lanes race for memory have no results */
  const char* name;     /* of the program, in messages and reports; default "program" */
  uint64_t fuel;        /* loop iterations that a workgroup may spend; default 2^32 */
  uint32_t param;       /* of each item */
  uint32_t reserved;
} vyre_reference_options;

/* Verifies the program. `options` may be NULL. */
VYRE_API VYRE_CHECK vyre_error* vyre_reference_new(vyre_program* program,
                                                   const vyre_reference_options* options,
                                                   vyre_ns timeout, vyre_reference** reference);

typedef struct {
  uint32_t struct_size;
  uint32_t status; /* VYRE_ITEM_... */
  uint32_t code;   /* why it is not done, and where: as in vyre_result */
  uint32_t lane;
  uint64_t workgroup;
  uint32_t statement;
  uint32_t reserved;
  uint64_t races;           /* that were found */
  const vyre_span* outputs; /* results in declaration order, valid until the next run */
  size_t output_count;      /* 0 where the call fails */
} vyre_reference_result;
/* Runs an item. `inputs` has the bytes of each buffer that takes some, in declaration order. Where
   an item ran and has no results, the call says why, and *result, which may be NULL, is written
   nevertheless: VYRE_FAULTED for a fault or a race, VYRE_LIMIT_EXCEEDED where accesses were too
   many to watch, VYRE_DEADLINE_EXCEEDED. VYRE_REFUSED: `inputs` do not fit the program. */
VYRE_API VYRE_CHECK vyre_error* vyre_reference_run(vyre_reference* reference,
                                                   const vyre_span* inputs, size_t count,
                                                   vyre_ns timeout, vyre_reference_result* result);
/* What its items came to, as vyre_session_report() says it. */
VYRE_API VYRE_CHECK vyre_error* vyre_reference_report(vyre_reference* reference,
                                                      const vyre_report_options* options,
                                                      vyre_blob** json);
VYRE_API void vyre_reference_free(vyre_reference* reference);

#ifdef __cplusplus
}
#endif

#endif
