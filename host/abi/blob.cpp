// See blob.hpp.
#include "blob.hpp"

const void* vyre_blob_data(const vyre_blob* blob) {
  return blob == nullptr ? nullptr : blob->bytes.c_str();
}

uint64_t vyre_blob_size(const vyre_blob* blob) {
  return blob == nullptr ? 0 : blob->bytes.size();
}

void vyre_blob_free(vyre_blob* blob) {
  delete blob;
}
