// Every target needs a source; what matters here is the precompiled header. See rooms.cmake.
