#ifndef HOLDFAST_API_HTTP_WIPING_RESOURCE_H_
#define HOLDFAST_API_HTTP_WIPING_RESOURCE_H_

#include <string.h>

#include <boost/json/memory_resource.hpp>
#include <cstddef>
#include <new>

namespace holdfast::http {

// Where JSON of requests and answers lives: every block is overwritten before it is given back, so
// that a password in a request does not outlive it, growth of a string included.
//
// Threading   Thread-safe; use one per JSON value through boost::json::make_shared_resource.
class WipingResource final : public boost::json::memory_resource {
 private:
  // Boost.JSON 1.81 allocates a key with alignment 1 and gives it back with 16, so the alignment
  // cannot choose the operator; nothing in it needs more than operator new gives.
  void* do_allocate(size_t bytes, size_t /*alignment*/) override { return ::operator new(bytes); }
  void do_deallocate(void* block, size_t bytes, size_t /*alignment*/) override {
    explicit_bzero(block, bytes);
    ::operator delete(block);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override {
    return dynamic_cast<const WipingResource*>(&other) != nullptr;
  }
};

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_WIPING_RESOURCE_H_
