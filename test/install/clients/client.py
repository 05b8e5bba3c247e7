"""A client through ctypes, as an interpreter with one lock sees the library: calls give the lock
up, callbacks take it on whatever thread they come, and call the library again.

Usage: client.py LIBRARY FILE      FILE holds 9 bytes, "123456789"; prints "ok"
"""

import ctypes as c
import sys
import threading

FOREVER = (1 << 63) - 1
DEFAULT_TIMEOUT = -1
CRC = 0xE3069283
DONE = c.CFUNCTYPE(None, c.c_void_p)
SINK = c.CFUNCTYPE(c.c_int32, c.c_void_p, c.c_void_p)
LOG = c.CFUNCTYPE(None, c.c_void_p, c.c_int32, c.c_char_p)


class SessionOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("queues", c.c_uint32), ("device", c.c_char_p),
                ("workers", c.c_uint32), ("ring_slots", c.c_uint32), ("memory_bytes", c.c_uint64),
                ("fuel", c.c_uint64), ("default_timeout", c.c_int64),
                ("max_wall_time", c.c_int64), ("close_timeout", c.c_int64),
                ("options", c.c_void_p), ("option_count", c.c_size_t)]


class Item(c.Structure):
    _fields_ = [("op", c.c_uint64), ("input", c.c_uint64), ("output", c.c_uint64),
                ("param", c.c_uint32), ("flags", c.c_uint32)]


class Ticket(c.Structure):
    _fields_ = [("where", c.c_uint64), ("position", c.c_uint64)]


class Outcome(c.Structure):
    _fields_ = [("ticket", Ticket), ("status", c.c_uint32), ("code", c.c_uint32),
                ("workgroup", c.c_uint64), ("lane", c.c_uint32), ("statement", c.c_uint32)]


class StreamOutput(c.Structure):
    _fields_ = [("bytes", c.c_uint64), ("shared", c.c_uint64)]


class StreamOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("flags", c.c_uint32), ("chunk_bytes", c.c_uint64),
                ("overlap_bytes", c.c_uint64), ("param", c.c_uint32),
                ("max_in_flight", c.c_uint32), ("max_ahead", c.c_uint64), ("inputs", c.c_void_p),
                ("input_count", c.c_size_t), ("outputs", c.POINTER(StreamOutput)),
                ("output_count", c.c_size_t)]  # what a client does not know is left out


class Totals(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("reserved", c.c_uint32), ("accepted", c.c_uint64),
                ("done", c.c_uint64), ("faulted", c.c_uint64), ("cancelled", c.c_uint64),
                ("unasked", c.c_uint64)]


class Failed(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Library:
    """Every function that gives an error raises it."""

    def __init__(self, path):
        self.loaded = c.CDLL(path)
        for name, result in (("vyre_error_text", c.c_char_p), ("vyre_error_code", c.c_int32),
                             ("vyre_blob_data", c.c_char_p), ("vyre_session_tag", c.c_uint32)):
            getattr(self.loaded, name).restype = result
            getattr(self.loaded, name).argtypes = [c.c_void_p]

    def __getattr__(self, name):
        function = getattr(self.loaded, "vyre_" + name)
        if name.endswith("_free"):
            function.restype, function.argtypes = None, [c.c_void_p]
            return function
        function.restype = c.c_void_p

        def call(*arguments):
            error = function(*arguments)
            if error is not None:
                failed = Failed(self.loaded.vyre_error_code(error),
                                self.loaded.vyre_error_text(error).decode())
                self.loaded.vyre_error_free(c.c_void_p(error))
                raise failed
        return call


class Client:
    def __init__(self, vyre):
        self.vyre, self.session, self.queue = vyre, c.c_void_p(), c.c_void_p()
        options = SessionOptions(struct_size=c.sizeof(SessionOptions), device=b"cpu", workers=2)
        vyre.session_open(c.byref(options), c.byref(self.session))
        vyre.queue_main(self.session, c.byref(self.queue))
        self.nop, self.crc = self.op(b"nop"), self.op(b"hash.crc32c")

    def op(self, name):
        found = c.c_uint64()
        self.vyre.op_find(self.session, name, c.byref(found))
        return found.value

    def buffer(self, size):
        made = c.c_uint64()
        self.vyre.buffer_new(self.queue, c.c_uint64(size), None, c.c_int64(DEFAULT_TIMEOUT),
                             c.byref(made))
        return made.value

    def run_nops(self, count):
        items = (Item * count)(*[Item(op=self.nop) for _ in range(count)])
        tickets, results = (Ticket * count)(), (Outcome * count)()
        self.vyre.submit(self.queue, items, c.c_size_t(count), c.c_size_t(0),
                         c.c_int64(DEFAULT_TIMEOUT), None, tickets, None)
        self.vyre.wait(self.session, tickets, c.c_size_t(count), c.c_size_t(count),
                       c.c_int64(FOREVER), results, c.c_size_t(0), None)
        assert all(result.status == 0 for result in results)

    def hash(self, lent, done):
        """The CRC of memory that Python owns and the library reads in place."""
        source, word = c.c_uint64(), c.c_uint32()
        self.vyre.buffer_import(self.queue, lent, c.c_uint64(9), c.c_uint32(1), done, None,
                                c.c_int64(DEFAULT_TIMEOUT), c.byref(source))
        target = self.buffer(4)
        self.vyre.submit(self.queue, c.byref(Item(op=self.crc, input=source, output=target)),
                         c.c_size_t(1), c.c_size_t(0), c.c_int64(DEFAULT_TIMEOUT), None, None, None)
        # Ends while its item may still run: `done` comes then, perhaps on a thread of the library.
        self.vyre.buffer_retire(self.session, c.c_uint64(source.value))
        self.vyre.buffer_read(self.session, c.c_uint64(target), c.c_uint64(0), c.byref(word),
                              c.c_uint64(4), c.c_int64(DEFAULT_TIMEOUT))
        return word.value


def aligned(data):
    room = (c.c_uint8 * (len(data) + 16))()
    begin = -c.addressof(room) % 16
    c.memmove(c.addressof(room) + begin, data, len(data))
    return room, c.c_void_p(c.addressof(room) + begin)


def main(path, file):
    vyre = Library(path)
    client = Client(vyre)
    client.run_nops(100)

    came = threading.Event()

    @DONE
    def done(_context):
        client.run_nops(3)  # the library holds no lock while it calls
        came.set()

    room, lent = aligned(b"123456789")
    assert client.hash(lent, done) == CRC
    assert came.wait(60), "no call of done"
    del room

    # Threads of Python that wait in the library, each giving up the lock meanwhile.
    threads = [threading.Thread(target=lambda: client.run_nops(200)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    chunks = []

    @SINK
    def sink(_context, chunk):
        client.run_nops(1)
        chunks.append(chunk)
        return 0

    stream = c.c_void_p()
    files = (c.c_char_p * 1)(file.encode())
    options = StreamOptions(struct_size=c.sizeof(StreamOptions), output_count=1,
                            outputs=c.pointer(StreamOutput(bytes=4)))
    vyre.stream_open(client.queue, files, c.c_size_t(1), c.c_uint64(client.crc), c.byref(options),
                     c.byref(stream))
    vyre.stream_for_each(stream, sink, None, c.c_int64(FOREVER))
    vyre.stream_free(stream)
    assert len(chunks) == 1

    try:
        client.op(b"no such op")
    except Failed as failed:
        assert failed.code == 3 or "no such op" in str(failed), failed
    else:
        raise AssertionError("an op without a name was found")

    totals = Totals(struct_size=c.sizeof(Totals))
    vyre.session_close(client.session, c.c_int64(DEFAULT_TIMEOUT), c.byref(totals))
    assert totals.done == 100 + 1 + 3 + 800 + 1 + 1, totals.done
    vyre.queue_free(client.queue)
    vyre.session_free(client.session)
    print("ok")


main(*sys.argv[1:])
