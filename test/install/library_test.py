#!/usr/bin/env python3
"""The built shared library against what is written down of it.

Usage: library_test.py symbols LIBRARY SOURCE
       library_test.py needed LIBRARY SOURCE
       library_test.py size LIBRARY SOURCE
       library_test.py device_code LIBRARY SOURCE
       library_test.py abi LIBRARY SOURCE
       library_test.py update_abi LIBRARY SOURCE      writes the baseline that `abi` compares with
       library_test.py update_release LIBRARY SOURCE  keeps today's headers as the last release's

Ends with 77 where a tool, or the debug information that abidiff reads, is missing.
"""

import fnmatch
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

SKIPPED = 77
MOST_BYTES = 12 << 20  # of the installed library, without what only a debugger reads


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def said(*command):
    if shutil.which(command[0]) is None:
        skip(f"{command[0]} is not installed")
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=True).stdout


def differ(what, written, found, remedy):
    missing, new = sorted(written - found), sorted(found - written)
    if missing or new:
        sys.exit(f"{what}: not found: {missing or 'none'}; not written down: {new or 'none'}. "
                 f"{remedy}")


def listed(export_map):
    """NAME@NODE of every line of the export map."""
    names, node = set(), None
    for line in export_map.read_text(encoding="utf-8").splitlines():
        if begins := re.match(r"(VYRE_\d+) {", line):
            node = begins[1]
        elif name := re.match(r"    (vyre_\w+);", line):
            names.add(f"{name[1]}@@{node}")
    return names


def symbols(library, source):
    export_map = source / "packaging/vyre.map"
    names = listed(export_map)
    header = re.sub(r"/\*.*?\*/", "", (source / "include/vyre/vyre.h").read_text(encoding="utf-8"),
                    flags=re.S)
    declared = set(re.findall(r"VYRE_API[^;]*?\b(vyre_\w+)\s*\(", header))
    differ("functions of vyre.h", {name.split("@")[0] for name in names}, declared,
           f"Change {export_map} together with the header.")
    found = {line.split()[-1] for line in said("nm", "-D", "--defined-only", library).splitlines()
             if line.split()[-2] != "A"}  # A: the version nodes themselves
    differ("symbols of the library", names, found, f"{export_map} lists what it may show.")


def needed(library, source):
    dynamic = said("readelf", "-d", library)
    found = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    lines = (source / "packaging/needed.txt").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    strangers = [name for name in found
                 if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    if strangers:
        sys.exit(f"the library needs {strangers}, which packaging/needed.txt does not list")
    if not found:
        sys.exit("the library needs nothing at all, which cannot be")
    version = (source / "include/vyre/version.h").read_text(encoding="utf-8")
    number = re.search(r"VYRE_ABI_VERSION (\d+)", version)[1]
    if f"[libvyre.so.{number}]" not in dynamic:
        sys.exit(f"the SONAME is not libvyre.so.{number}")
    if re.search(r"\((TEXTREL|RPATH|RUNPATH)\)", dynamic):
        sys.exit("the library has text relocations or a search path of its own")


def size(library, _source):
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder) / "stripped"
        said("strip", "-o", stripped, library)
        bytes_of = stripped.stat().st_size
    print(f"{bytes_of} bytes")
    if bytes_of > MOST_BYTES:
        sys.exit(f"the stripped library has {bytes_of} bytes, more than {MOST_BYTES}")


def device_code(library, _source):
    """The kernel is inside for compute capability 9.0, and as PTX for later devices. A container of
    device code is a header of 16 bytes and entries: kind (1 PTX, 2 machine code), version, size of
    the entry's header, size of its code; the architecture stands at byte 28."""
    code, magic = library.read_bytes(), struct.pack("<IHH", 0xBA55ED50, 1, 16)
    largest = {}
    begin = code.find(magic)
    while begin >= 0:
        at, end = begin + 16, begin + 16 + struct.unpack_from("<Q", code, begin + 8)[0]
        while at < end:
            kind, _, header, length = struct.unpack_from("<HHIQ", code, at)
            held = kind, struct.unpack_from("<I", code, at + 28)[0]
            largest[held] = max(length, largest.get(held, 0))
            at += header + length
        begin = code.find(magic, end)
    print(largest)
    for what, held in (("PTX", (1, 90)), ("machine code", (2, 90))):
        if largest.get(held, 0) < 100_000:  # the other kernels only probe the device
            sys.exit(f"the library has no {what} of the kernel for 9.0, only {largest}")


def described(library, source, out):
    """The ABI of the library as far as vyre.h shows it."""
    if ".debug_info" not in said("readelf", "-S", "--wide", library):
        skip("the library was built without debug information")
    with tempfile.TemporaryDirectory() as headers:  # types from elsewhere are private
        for name in ("vyre.h", "version.h"):
            shutil.copy(source / "include/vyre" / name, headers)
        said("abidw", "--headers-dir", headers, "--drop-private-types",
             "--exported-interfaces-only", "--no-elf-needed", "--no-corpus-path",
             "--no-comp-dir-path", "--no-show-locs", "--out-file", out, library)
    out.write_text(out.read_text().replace(f"path='{source}/", "path='"))  # where it was built


def abi(library, source):
    with tempfile.TemporaryDirectory() as folder:
        now = pathlib.Path(folder) / "now.abi"
        described(library, source, now)
        done = subprocess.run(["abidiff", source / "packaging/libvyre.abi", now],
                              capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"abidiff ended with code {done.returncode}:\n{done.stdout}{done.stderr}\n"
                 "docs/abi.md says what a release may change. If this is such a change, "
                 "`library_test.py update_abi` writes the new baseline.")


def update_abi(library, source):
    described(library, source, source / "packaging/libvyre.abi")


def update_release(_library, source):
    for name in ("vyre.h", "version.h"):
        shutil.copy(source / "include/vyre" / name, source / "packaging/release/vyre")


if __name__ == "__main__":
    CASES = (symbols, needed, size, device_code, abi, update_abi, update_release)
    {case.__name__: case for case in CASES}[sys.argv[1]](pathlib.Path(sys.argv[2]),
                                                         pathlib.Path(sys.argv[3]))
