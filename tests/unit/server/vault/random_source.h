#ifndef HOLDFAST_TESTS_UNIT_SERVER_VAULT_RANDOM_SOURCE_H_
#define HOLDFAST_TESTS_UNIT_SERVER_VAULT_RANDOM_SOURCE_H_

#include <cstdint>
#include <random>
#include <vector>

namespace holdfast::vault {

// Choices from a seed: the same on every machine (the distributions of <random> are not).
class RandomSource {
 public:
  explicit RandomSource(uint64_t seed) : engine_(seed) {}
  uint64_t Below(uint64_t bound) { return engine_() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  template <typename T>
  const T& Of(const std::vector<T>& all) {
    return all[Below(all.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace holdfast::vault

#endif  // HOLDFAST_TESTS_UNIT_SERVER_VAULT_RANDOM_SOURCE_H_
