#include "api/pam360/utf8.h"

#include "server/base/check.h"

namespace holdfast::pam360 {
namespace {

// Bytes that follow `lead`, and the smallest point that needs so many; -1: not a lead byte.
int Followers(unsigned char lead, uint32_t& smallest) {
  if (lead < 0x80) {
    smallest = 0;
    return 0;
  }
  if (lead >= 0xC2 && lead < 0xE0) {
    smallest = 0x80;
    return 1;
  }
  if (lead >= 0xE0 && lead < 0xF0) {
    smallest = 0x800;
    return 2;
  }
  if (lead >= 0xF0 && lead < 0xF5) {
    smallest = 0x10000;
    return 3;
  }
  return -1;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    uint32_t smallest = 0;
    const int followers = Followers(lead, smallest);
    if (followers < 0) return false;
    uint32_t point = followers == 0 ? lead : lead & (0x3Fu >> followers);
    for (int n = 0; n < followers; ++n) {
      if (i >= text.size()) return false;
      const auto next = static_cast<unsigned char>(text[i++]);
      if ((next & 0xC0u) != 0x80u) return false;
      point = (point << 6) | (next & 0x3Fu);
    }
    if (point < smallest || point > 0x10FFFF) return false;
    if (point >= 0xD800 && point <= 0xDFFF) return false;
  }
  return true;
}

Utf8Char EncodeUtf8(uint32_t point) {
  HOLDFAST_CHECK(point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF));
  const auto tail = [point](int shift) {
    return static_cast<char>(0x80 | ((point >> shift) & 0x3F));
  };
  if (point < 0x80) return {{static_cast<char>(point), 0, 0, 0}, 1};
  if (point < 0x800) return {{static_cast<char>(0xC0 | (point >> 6)), tail(0), 0, 0}, 2};
  if (point < 0x10000) return {{static_cast<char>(0xE0 | (point >> 12)), tail(6), tail(0), 0}, 3};
  return {{static_cast<char>(0xF0 | (point >> 18)), tail(12), tail(6), tail(0)}, 4};
}

}  // namespace holdfast::pam360
