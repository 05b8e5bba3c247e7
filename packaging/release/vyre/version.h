/* The version of Vyre, for C, C++ and CMake. CMakeLists.txt reads the three numbers from here. */
#ifndef VYRE_VERSION_H
#define VYRE_VERSION_H

#define VYRE_VERSION_MAJOR 0
#define VYRE_VERSION_MINOR 1
#define VYRE_VERSION_PATCH 0
#define VYRE_VERSION_STRING "0.1.0"
/* MAJOR * 1,000,000 + MINOR * 1,000 + PATCH, for comparisons. */
#define VYRE_VERSION_NUMBER \
  (VYRE_VERSION_MAJOR * 1000000 + VYRE_VERSION_MINOR * 1000 + VYRE_VERSION_PATCH)

/* The number in the name of the shared library: libvyre.so.VYRE_ABI_VERSION. Programs that were
   compiled with one number run on every library of the same number that is not older. */
#define VYRE_ABI_VERSION 0

#endif
