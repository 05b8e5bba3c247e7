"""Built-in ops where a program stands on the command line.

Usage: ops_test.py VYRE CASE [SEED]
"""

import json
import shlex
import struct

from run_support import check, main, program, refused, run, same, vyre, write

CRC32C = [0] * 256
for i in range(256):
    value = i
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    CRC32C[i] = value


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def words(values):
    return struct.pack(f"<{len(values)}I", *values)


def some_words(r, count):
    return [r.randrange(1 << 32) for _ in range(count)]


def every_op_has_an_example_that_runs():
    listed = vyre("ops")
    check(listed.returncode == 0, listed.stderr)
    ops = json.loads(vyre("--json", "ops").stdout)["ops"]
    caps = json.loads(vyre("caps", "--json").stdout)
    same([op["name"] for op in ops], [op["name"] for op in caps["ops"]])
    text = listed.stdout.decode()
    write("FILE", words(range(100)) + b"needle")
    for op in ops:
        check(f"{op['name']}: {op['meaning']}" in text and f"  $ {op['example']}\n" in text, op)
        for buffer in op["inputs"] + op["outputs"]:
            check(f" {buffer['name']}: {buffer['element']}" in text, op, buffer)
        ran = vyre(*shlex.split(op["example"])[1:])
        check(ran.returncode == 0, op["example"], ran.stderr)
    same(vyre("ops", "sort.u32").stdout.decode().count("$ vyre run"), 1)
    refused(4, "near: sort.u32", "ops", "sort.i32")


def ops_give_what_python_computes(r):
    data = r.randbytes(r.choice([0, 1, 7, 4096, 70001]))
    write("data", data)
    same(run("hash.crc32c", "data"), f"{crc32c(data)}\n")
    counts = [0] * 256
    for byte in data:
        counts[byte] += 1
    same(run("histogram.u8", "data"), "".join(f"{n}\n" for n in counts))
    same(vyre("run", "mem.copy", "data", "--format", "hex").stdout, data.hex().encode() + b"\n")
    same(vyre("run", "mem.copy", "data", "--param", "3", "--format", "hex").stdout,
         data[:3].hex().encode() + b"\n")
    same(run("mem.fill", "--param", "4660", "--count", "target=6"),
         "341200003412\n")
    same(run("hash.xxh64", "-", "--format", "hex64", given=b""), "ef46db3751d8e999\n")
    numbers = some_words(r, r.choice([0, 1, 3, 1000]))
    write("numbers", words(numbers) + b"xy")
    same(run("reduce.sum.u32", "numbers"), f"{sum(numbers) % 2**32}\n")
    same(run("reduce.max.u32", "numbers"), f"{max(numbers, default=0)}\n")
    sums = [sum(numbers[:i + 1]) % 2**32 for i in range(len(numbers))]
    same(run("scan.inclusive.u32", "numbers").split(), [str(n) for n in sums])
    same(run("sort.u32", "numbers", "--output", "sorted").split(),
         [str(n) for n in sorted(numbers)])
    mask = bytes(r.choice([0, 0, 1, 255]) for _ in numbers)
    write("mask", mask)
    kept = [n for n, keep in zip(numbers, mask) if keep]
    ran = run("select.u32", "numbers", "--bind", "mask=mask", "--json")
    outputs = json.loads(ran)["items"][0]["outputs"]
    same([outputs["kept"]["bytes"], outputs["count"]["bytes"]], [4 * len(kept), 4])
    same(run("select.u32", "numbers", "--bind", "mask=mask", "--output", "kept").split(),
         [str(n) for n in kept])
    # Of several files, each has its row.
    same(run("hash.crc32c", "data", "numbers"),
         f"data: {crc32c(data)}\nnumbers: {crc32c(words(numbers) + b'xy')}\n")


def literals_are_found_and_lost_ones_are_told(r):
    text = bytes(r.choice(b"ab") for _ in range(1000))
    write("text", text)
    write("literals", b"ab\nba\n")
    expected = sorted((i + 2, ["ab", "ba"].index(pair), 2) for i, pair in
                      ((i, text[i:i + 2].decode()) for i in range(999)) if pair in ("ab", "ba"))
    need = 16 + 16 * len(expected)
    ran = vyre("run", "match.literals", "text", "--bind", "patterns=literals")
    check(ran.returncode == 1 and f"--count hits={need}" in ran.stderr.decode(), ran)
    ran = vyre("run", "match.literals", "text", "--bind", "patterns=literals", "--count",
               f"hits={need}", "--format", "raw")
    check(ran.returncode == 0 and len(ran.stdout) == need, ran.stderr)
    same(list(struct.iter_unpack("<QII", ran.stdout[16:])), expected)
    same(struct.unpack("<QQ", ran.stdout[:16]), (len(expected), len(expected)))


def names_are_told_apart_from_files():
    with open(program("line_count"), "rb") as file:
        write("hash.crc32c", file.read())
    write("f", b"1\n2\n3\n")
    same(run("hash.crc32c", "f"), str(crc32c(b"1\n2\n3\n")) + "\n")
    same(run("./hash.crc32c", "f"), "3\n")
    # A file that the command does not read may be written.
    same(run("hash.crc32c", "f", "-o", "hash.crc32c"), "")
    refused(4, "near: hash.crc32c", "run", "hash.crc32", "f")
    refused(4, "near: sort.u32", "run", "sort.u64", "f")
    refused(4, "No such file", "run", "nothing.vir", "f")
    for command in ("verify", "dis"):
        check(b"`vyre ops sort.u32` describes it" in vyre(command, "sort.u32").stdout
              + vyre(command, "sort.u32").stderr, command)


def mistakes_name_the_op():
    write("f", b"1234")
    refused(2, "--param means nothing to hash.crc32c", "run", "hash.crc32c", "f", "--param", "1")
    refused(2, "--param is of built-in ops", "run", program("line_count"), "f", "--param", "1")
    refused(2, "hash.crc32c has no grid", "run", "hash.crc32c", "f", "--invocations", "3")
    refused(2, "--count target=N", "run", "mem.fill")
    refused(2, "hash.crc32c has no buffer 'x'; it has bytes, result", "run", "hash.crc32c", "f",
            "--output", "x")
    refused(2, "--bind patterns=VALUE", "run", "match.literals", "f")
    refused(2, "hash.crc32c is a built-in op", "run", "hash.crc32c", "f", "--executor",
            "reference")
    refused(2, "name files", "run", "hash.crc32c")
    refused(2, "patterns", "run", "match.literals", "f", "--bind", "patterns=text:")


def a_recording_of_ops_replays(r):
    write("a", r.randbytes(5000))
    write("b", r.randbytes(70000))
    write("literals", b"ab\nc")
    for op, *bound in (("sort.u32",), ("histogram.u8", "--chunk", "4096"),
                       ("match.literals", "--bind", "patterns=literals")):
        recorded = vyre("record", op, "a", "b", *bound, "--trace", op + ".trace")
        check(recorded.returncode == 0, recorded.stderr)
        same(recorded.stdout.decode(), run(op, "a", "b", *bound))
        for executor in ("cpu", "reference"):
            replayed = vyre("replay", op + ".trace", "--executor", executor, "--compare",
                            "expected")
            check(replayed.returncode == 0, replayed)


main(globals())
