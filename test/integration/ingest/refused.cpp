// refused PROGRAM [ARGUMENT...]: becomes PROGRAM, to which io_uring_setup says EPERM.
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "sandbox.hpp"

int main(int count, char** arguments) {
  if (count < 2) {
    std::fputs("refused: name a program\n", stderr);
    return 125;
  }
  if (!vyre::test::refuse_call(425, EPERM)) {
    std::fprintf(stderr, "refused: no seccomp here: %s\n", std::strerror(errno));
    return 126;
  }
  ::execvp(arguments[1], arguments + 1);
  std::fprintf(stderr, "refused: %s: %s\n", arguments[1], std::strerror(errno));
  return 127;
}
