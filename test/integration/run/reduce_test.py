"""Answers of chunks: what a chunked run prints is what the run of whole files prints.

Usage: reduce_test.py VYRE CASE [SEED]
"""

import json
import math
import os
import struct

from run_support import check, main, program, refused, run, same, vyre, write


def chunk(r, most=4096):
    return str(16 * r.randint(1, most // 16))


def some_files(r, alphabet):
    names = [f"file{i}" for i in range(r.randint(1, 3))]
    for name in names:
        write(name, bytes(r.choices(alphabet, k=r.choice([0, 1, 15, 16, 17, 4096, 20000]))))
    return names


def count_of(text, word):
    return sum(text.startswith(word, i) for i in range(len(text) - len(word) + 1))


def chunked_answers_are_those_of_whole_files(r):
    names = some_files(r, b"ab\n")
    texts = [open(name, "rb").read() for name in names]
    total = len(names) > 1
    literal = bytes(r.choices(b"ab", k=r.randint(1, 5)))
    for executor in ("cpu", "reference"):
        flags = ["--executor", executor, "--reduce", "sum"]
        pieces = ["--chunk", chunk(r, 1024)] if executor == "reference" else ["--chunk", chunk(r)]
        for arguments, counts in (
                ([program("line_count")], [text.count(b"\n") for text in texts]),
                ([program("literal_count"), "--bind", "pattern=text:" + literal.decode(), "--bind",
                  "seen=@seen"], [count_of(text, literal) for text in texts])):
            lines = "".join(f"{name}: {n}\n" for name, n in zip(names, counts))
            expected = f"{lines}total: {sum(counts)}\n" if total else f"{counts[0]}\n"
            same(run(*arguments, *names, *flags), expected, arguments)
            overlap = ["--overlap", "16", "--chunk", str(32 + 16 * r.randint(0, 90))]
            cut = overlap if "seen=@seen" in arguments else pieces
            same(run(*arguments, *names, *flags, *cut), expected, arguments, cut)
            check(executor != "cpu" or vyre("run", *arguments, "-", *flags, *cut, given=texts[0])
                  .stdout.decode() == f"{counts[0]}\n", arguments, cut)
        # The bytes that are given out, too.
        whole = vyre("run", program("byte_histogram"), names[0], *flags, "--format", "raw").stdout
        cut = vyre("run", program("byte_histogram"), names[0], *flags, "--format", "raw", *pieces)
        same(cut.stdout, whole)
        same(list(struct.unpack("<256Q", whole)), [texts[0].count(bytes([b])) for b in range(256)])


def built_in_ops_know_how_chunks_go_together(r):
    data = r.randbytes(r.choice([0, 3, 4, 4096, 50001]))
    write("data", data)
    ops = ["reduce.sum.u32", "reduce.min.u32", "reduce.max.u32", "reduce.sum.i32",
           "reduce.min.i32", "reduce.max.i32", "reduce.min.f32", "reduce.max.f32"]
    for op in ["histogram.u8", "mem.copy", *r.sample(ops, 2)]:
        cut = ["--chunk", chunk(r)]
        for form in ("auto", "raw"):
            same(vyre("run", op, "data", *cut, "--format", form).stdout,
                 vyre("run", op, "data", "--format", form).stdout, op, cut)
        same(vyre("run", op, "-", *cut, given=data).stdout, vyre("run", op, "data").stdout, op)
        check(vyre("run", op, "data", *cut, "-o", "out").returncode == 0)
    wide = json.loads(run("histogram.u8", "data", "data", "--reduce", "sum", "--json", *cut))
    counts = [data.count(bytes([b])) for b in range(256)]
    same(wide["items"][0]["outputs"]["counts"], {"bytes": 2048, "values": counts})
    same(wide["total"], {"files": 2, "outputs": {
        "counts": {"bytes": 2048, "values": [2 * n for n in counts]}}})
    for op in ("hash.crc32c", "hash.xxh64", "reduce.sum.f32"):
        refused(2, f"of {op} for a file does not follow", "run", op, "data", "--reduce", "sum")
    rows = run("hash.crc32c", "data", "--chunk", "16", "--reduce", "none").splitlines()
    same(len(rows), max(1, -(-len(data) // 16)))


def rules_are_those_of_python(r):
    numbers = {"u32": [r.choice([0, 1, 2**32 - 1, r.randrange(2**32)]) for _ in range(400)],
               "i32": [r.randrange(-2**31, 2**31) for _ in range(400)],
               "f32": [r.choice([math.nan, math.inf, r.uniform(-9, 9)]) for _ in range(400)]}
    for kind, code in (("u32", "I"), ("i32", "i"), ("f32", "f")):
        data = struct.pack(f"<400{code}", *numbers[kind])
        write("data", data)
        write("head.vir", f"""workgroup 1, 1, 1;
buffer data: {kind}[] read_only;
buffer head: {kind}[1] read_write output live_out;
region "head" {{ if gid.x == 0 {{ head[0] = data[0]; }} }}
""".encode())
        size = 16 * r.randint(1, 20)
        heads = list(struct.unpack(f"<400{code}", data))[::size // 4]

        def values(rule):
            ran = json.loads(run("./head.vir", "data", "--chunk", str(size), "--json", "--reduce",
                                 rule, "--invocations", "1"))
            return ran["items"][0]["outputs"]["head"]["values"]

        known = [n for n in heads if not math.isnan(n)] or [math.nan]
        for rule, expected in (("min", min(known)), ("head=max", max(known))):
            number = values(rule)[0]
            same(struct.pack(f"<{code}", float(number) if kind == "f32" else number),
                 struct.pack(f"<{code}", expected), kind, rule)
        same(len(values("concat")), len(heads))
        if kind == "f32":
            refused(2, "the sum of f32", "run", "./head.vir", "data", "--reduce", "sum")
            refused(2, "its elements are f32", "run", "./head.vir", "data", "--reduce", "or")
            continue
        same(values("concat"), heads)
        same(values("sum"), [sum(heads)])
        bits = 0
        for number in heads:
            bits |= number
        same(values("or"), [bits])


def lines_are_not_cut(r):
    lines = [bytes(r.choices(b"ab", k=r.randint(0, 60))) for _ in range(r.randint(1, 300))]
    text = b"\n".join(lines) + r.choice([b"", b"\n"])
    write("text", text)
    size = str(64 + 16 * r.randint(0, 10))
    for executor in ("cpu", "reference"):
        items = json.loads(run(program("line_count"), "text", "--chunk", size, "--align", "lines",
                               "--json", "--executor", executor))["items"]
        same(sum(item["outputs"]["lines"]["values"][0] for item in items), text.count(b"\n"))
        for item in items:
            at = item["offset"]
            check(item["seen_bytes"] == 0 and (at == 0 or text[at - 1:at] == b"\n"), item)
    # A line that no chunk holds fails its file, and the others go on.
    write("long", b"short\n" + b"x" * int(size) + b"\n")
    ran = vyre("run", program("line_count"), "long", "text", "--chunk", size, "--align", "lines",
               "--reduce", "sum")
    check(ran.returncode == 1, ran)
    check(f"'long': the line at offset 6 is longer than --chunk, which is {size}"
          in ran.stderr.decode(), ran.stderr)
    count = text.count(b"\n")
    same(ran.stdout.decode(), f"text: {count}\ntotal: {count}\n")


def answers_go_where_they_are_sent():
    write("a", b"1\n2\n")
    write("b", b"1\n" * 40)
    lines = [program("line_count"), "--chunk", "16", "--reduce", "sum"]
    run(*lines, "a", "-o", "answer")
    same(open("answer").read(), "2\n")
    run(*lines, "a", "b", "--out-dir", "answers")
    same({name: open("answers/" + name).read() for name in sorted(os.listdir("answers"))},
         {"a.lines": "2\n", "b.lines": "40\n", "total.lines": "42\n"})
    ran = vyre("run", *lines, "a", "missing", "b")
    check(ran.returncode == 1 and b"missing" in ran.stderr, ran)
    same(ran.stdout.decode(), "a: 2\nb: 40\ntotal: 42\n")
    recorded = vyre("record", *lines, "a", "b", "--trace", "trace")
    same(recorded.stdout.decode(), "a: 2\nb: 40\ntotal: 42\n")
    check(vyre("replay", "trace", "--compare", "expected").returncode == 0)


def mistakes_are_named():
    write("f", b"1\n")
    lines = ["run", program("line_count"), "f"]
    refused(2, "--reduce 'median' is unknown; use sum, min", *lines, "--reduce", "median")
    refused(2, "no output 'x' is given out", *lines, "--reduce", "x=sum")
    refused(2, "--format f32 is no form of a sum", *lines, "--reduce", "sum", "--format", "f32")
    refused(2, "--align is of chunks", *lines, "--align", "lines")
    refused(2, "exclude each other", *lines, "--align", "lines", "--chunk", "64", "--overlap", "16")
    write("numbers", bytes(64))
    refused(2, "'numbers' has elements of 4", "run", "reduce.max.u32", "numbers", "--chunk", "16",
            "--align", "lines")
    for op in ("histogram.u8", "reduce.sum.u32"):
        refused(2, "--overlap, whose bytes count twice", "run", op, "numbers", "--chunk", "32",
                "--overlap", "16", "--reduce", "sum")
    same(run("reduce.sum.u32", "numbers", "--chunk", "32", "--overlap", "16").count("\n"), 3)
    refused(2, "--tier has no say", *lines, "--align", "lines", "--chunk", "64", "--tier", "C")
    refused(2, "or --reduce to make one", *lines, "--chunk", "64", "-o", "out")
    refused(2, "declared read_only as u32[1] or u64[1]", "run", program("literal_count"), "f",
            "--bind", "pattern=@seen")


main(globals())
