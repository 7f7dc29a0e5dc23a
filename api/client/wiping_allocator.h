#ifndef HOLDFAST_API_CLIENT_WIPING_ALLOCATOR_H_
#define HOLDFAST_API_CLIENT_WIPING_ALLOCATOR_H_

#include <string.h>

#include <cstddef>
#include <memory>

namespace holdfast::client {

// For the buffers in which an answer arrives: what a growing buffer leaves behind is wiped too.
template <typename T>
class WipingAllocator {
 public:
  using value_type = T;
  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) {}  // NOLINT: allocators convert

  T* allocate(size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* block, size_t count) {
    explicit_bzero(static_cast<void*>(block), count * sizeof(T));
    std::allocator<T>().deallocate(block, count);
  }
  template <typename U>
  bool operator==(const WipingAllocator<U>&) const {
    return true;
  }
};

}  // namespace holdfast::client

#endif  // HOLDFAST_API_CLIENT_WIPING_ALLOCATOR_H_
