// Has nothing of its own: the target around it holds the headers that tests share precompiled
// (test/CMakeLists.txt).
