#include "support/device.hpp"

namespace vyre::bench {

Status check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return {};
  return fail(Errc::device_lost, std::string(what) + ": " + cudaGetErrorName(error) + " (" +
                                     cudaGetErrorString(error) + ")");
}

Result<Stream> Stream::make() {
  cudaStream_t stream = nullptr;
  VYRE_TRY(check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream"));
  Stream made;
  made.stream_.reset(stream);
  return made;
}

Result<EventPair> EventPair::make() {
  EventPair pair;
  for (Event* event : {&pair.first_, &pair.last_}) {
    cudaEvent_t made = nullptr;
    VYRE_TRY(check(cudaEventCreate(&made), "making an event"));
    event->reset(made);
  }
  return pair;
}

Result<double> EventPair::seconds(cudaStream_t stream) const {
  VYRE_TRY(check(cudaEventRecord(last_.get(), stream), "recording an event"));
  VYRE_TRY(check(cudaEventSynchronize(last_.get()), "waiting for device work"));
  float milliseconds = 0;
  VYRE_TRY(check(cudaEventElapsedTime(&milliseconds, first_.get(), last_.get()),
                 "reading the time between two events"));
  return static_cast<double>(milliseconds) * 1e-3;
}

Result<DeviceNames> device_names() {
  int device = 0;
  VYRE_TRY(check(cudaGetDevice(&device), "finding the device"));
  cudaDeviceProp properties{};
  VYRE_TRY(check(cudaGetDeviceProperties(&properties, device), "asking for the device's name"));
  int driver = 0;
  VYRE_TRY(check(cudaDriverGetVersion(&driver), "asking for the driver's version"));
  return DeviceNames{std::string(properties.name) + ", sm_" + std::to_string(properties.major) +
                         std::to_string(properties.minor),
                     std::to_string(driver / 1000) + "." + std::to_string(driver % 100 / 10)};
}

}  // namespace vyre::bench
