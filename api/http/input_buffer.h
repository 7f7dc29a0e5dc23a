#ifndef HOLDFAST_API_HTTP_INPUT_BUFFER_H_
#define HOLDFAST_API_HTTP_INPUT_BUFFER_H_

#include <string.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

#include "server/base/check.h"

namespace holdfast::http {

// Bytes received and not used yet, in one piece. Whatever passed through is wiped when the buffer
// grows or runs empty: it held passwords and tokens.
//
// Threading   Thread-compatible.
class InputBuffer {
 public:
  InputBuffer() = default;
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;
  ~InputBuffer() { Wipe(); }

  std::string_view View() const { return {block_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }

  // Room for `size` more bytes; Commit says how many came.
  char* Prepare(size_t size) {
    if (size_ - end_ >= size) return block_.get() + end_;
    const size_t held = end_ - begin_;
    const size_t larger = std::max(held + size, std::min(2 * size_, held + 4 * size));
    std::unique_ptr<char[]> block(new char[larger]);
    std::copy_n(block_.get() + begin_, held, block.get());
    Wipe();
    block_ = std::move(block);
    size_ = larger;
    begin_ = 0;
    end_ = high_ = held;
    return block_.get() + end_;
  }
  void Commit(size_t size) {
    HOLDFAST_CHECK(size <= size_ - end_);
    end_ += size;
    high_ = std::max(high_, end_);
  }
  void Drop(size_t size) {
    HOLDFAST_CHECK(size <= end_ - begin_);
    begin_ += size;
    if (empty()) Wipe();
  }

 private:
  void Wipe() {
    if (high_ > 0) explicit_bzero(block_.get(), high_);
    begin_ = end_ = high_ = 0;
  }

  std::unique_ptr<char[]> block_;
  size_t size_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t high_ = 0;  // bytes below were written since the last wipe
};

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_INPUT_BUFFER_H_
