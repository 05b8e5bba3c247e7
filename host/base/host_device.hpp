// Annotations for single-source host/device code. Read by g++, clang and nvcc; owns nothing.
#pragma once

#if defined(__CUDACC__)
#define VYRE_HD __host__ __device__
#define VYRE_DEVICE __device__
#else
#define VYRE_HD
#define VYRE_DEVICE
#endif

// True while the translation unit is compiled for the device.
#if defined(__CUDA_ARCH__)
#define VYRE_ON_DEVICE 1
#else
#define VYRE_ON_DEVICE 0
#endif
