#!/usr/bin/env python3
"""Projects outside of the source tree, as docs/install.md writes them, on an installed vyre.

Usage: outside_test.py CASE SOURCE PREFIX LIBDIR WORK

CASE is a function below. SOURCE is the repository, PREFIX where vyre is installed, LIBDIR its
folder of libraries in there, WORK a folder for this case alone. What is built here is what the
pages show: the code blocks of docs/install.md and docs/abi.md are taken out of them. Ends with 77
where a tool is missing.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

SKIPPED = 77


def run(*command, env=None, cwd=None):
    words = [str(word) for word in command]
    done = subprocess.run(words, env={**os.environ, **(env or {})}, cwd=cwd, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}\nended with code {done.returncode}:\n{done.stdout}")
    return done.stdout


def need(*tools):
    for tool in tools:
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            sys.exit(SKIPPED)


def block(page, language, holds):
    """The one code block of a page in this language that holds a text."""
    text = page.read_text(encoding="utf-8")
    found = [code for code in re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
             if holds in code]
    if len(found) != 1:
        sys.exit(f"{page} has {len(found)} blocks of {language} with '{holds}', not one")
    return found[0]


class Outside:
    def __init__(self, source, prefix, libdir, work):
        self.source, self.prefix, self.work = map(pathlib.Path, (source, prefix, work))
        self.install_page = self.source / "docs/install.md"
        self.libraries = self.prefix / libdir
        self.env = {"PKG_CONFIG_PATH": str(self.libraries / "pkgconfig"),
                    "LD_LIBRARY_PATH": str(self.libraries)}
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    def write(self, name, text):
        (self.work / name).write_text(text, encoding="utf-8")

    def sources(self):
        self.write("first.cpp", block(self.install_page, "cpp", "int main()"))
        self.write("first.c", block(self.source / "docs/abi.md", "c", "int main(void)"))

    def prints(self, expected, program="first", env=None):
        said = run(self.work / program, env=env)
        if said.strip() != expected:
            sys.exit(f"{program} printed {said!r}, not {expected!r}")

    def shell(self, holds):
        """Runs the lines of the page as they are written, up to the end of their block."""
        run("sh", "-ec", block(self.install_page, "sh", holds), env=self.env, cwd=self.work)


def c_by_pkg_config(outside):
    need("pkg-config", "cc")
    outside.sources()
    outside.shell("cc -std=c99 first.c -o first $(pkg-config --cflags --libs")
    outside.prints("e3069283", env=outside.env)


def static_c_by_pkg_config(outside):
    need("pkg-config", "cc")
    outside.sources()
    outside.shell("-l:libvyre.a")
    outside.prints("e3069283")


def cpp_by_pkg_config(outside):
    need("pkg-config", "c++")
    outside.sources()
    outside.shell("c++ -std=c++20 first.cpp")
    outside.prints("2", env=outside.env)


def cpp_by_find_package(outside):
    """The page's project, and beside it the C program on the static library."""
    outside.sources()
    outside.write("CMakeLists.txt",
                  block(outside.install_page, "cmake", "find_package(vyre") +
                  "enable_language(C)\n"
                  "add_executable(first_static first.c)\n"
                  "target_link_libraries(first_static PRIVATE vyre::static)\n")
    run("cmake", "-G", "Ninja", "-S", outside.work, "-B", outside.work / "build",
        f"-DCMAKE_PREFIX_PATH={outside.prefix}")
    run("cmake", "--build", outside.work / "build")
    outside.prints("2", "build/first")
    outside.prints("e3069283", "build/first_static")
    if "libvyre" in run("ldd", outside.work / "build/first_static"):
        sys.exit("first_static needs libvyre.so")


def subproject(outside):
    """FetchContent, with the checkout in place of a download. Building every room again would take
    minutes, so the project is configured as a whole and two things are built: one room, and the
    user's source against the headers that vyre::vyre names."""
    outside.sources()
    page = block(outside.install_page, "cmake", "FetchContent_MakeAvailable(vyre)")
    here = re.sub(r"FetchContent_Declare\(vyre [^)]*\)",
                  f"FetchContent_Declare(vyre SOURCE_DIR {outside.source})", page)
    outside.write("CMakeLists.txt", f"""cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES CXX)
{here}
foreach(target vyre::vyre vyre::static first)
  if(NOT TARGET ${{target}})
    message(FATAL_ERROR "${{target}} is missing")
  endif()
endforeach()
foreach(target vyre vyre_manual test_precompiled vyre_bench_support vyre_cuda_kernel)
  if(TARGET ${{target}})
    message(FATAL_ERROR "${{target}} was not asked for")
  endif()
endforeach()
get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if("CUDA" IN_LIST languages OR BUILD_TESTING)
  message(FATAL_ERROR "CUDA or tests were not asked for")
endif()
get_target_property(libraries first LINK_LIBRARIES)
if(NOT libraries STREQUAL "vyre::vyre")
  message(FATAL_ERROR "first links ${{libraries}}")
endif()
add_library(source_of_first OBJECT first.cpp)
target_include_directories(source_of_first PRIVATE
                           $<TARGET_PROPERTY:vyre::vyre,INTERFACE_INCLUDE_DIRECTORIES>)
target_compile_features(source_of_first PRIVATE
                        $<TARGET_PROPERTY:vyre::vyre,INTERFACE_COMPILE_FEATURES>)
""")
    run("cmake", "-G", "Ninja", "-S", outside.work, "-B", outside.work / "build")
    run("cmake", "--build", outside.work / "build", "--target", "vyre_staging", "source_of_first")
    tests = run("ctest", "--test-dir", outside.work / "build", "-N")
    if "Total Tests: 0" not in tests:
        sys.exit(f"the project got tests of vyre:\n{tests}")


if __name__ == "__main__":
    CASES = (c_by_pkg_config, static_c_by_pkg_config, cpp_by_pkg_config, cpp_by_find_package,
             subproject)
    {case.__name__: case for case in CASES}[sys.argv[1]](Outside(*sys.argv[2:6]))
