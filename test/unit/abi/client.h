/* The client in C that abi_test runs. */
#ifndef VYRE_TEST_ABI_CLIENT_H
#define VYRE_TEST_ABI_CLIENT_H

#include "vyre/vyre.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 1: all went well. Else `why` says what did not. */
int c_client(char* why, size_t size);
/* sizeof and offsets as C sees them, in the order of layout_test.cpp; the number of values. */
size_t c_layout(size_t* values, size_t room);

#ifdef __cplusplus
}
#endif

#endif
