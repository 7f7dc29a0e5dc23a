#ifndef HOLDFAST_TESTS_CLUSTER_RANDOM_H_
#define HOLDFAST_TESTS_CLUSTER_RANDOM_H_

#include <chrono>
#include <cstdint>

namespace holdfast::sim {

using Nanos = std::chrono::nanoseconds;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The only source of chance in the simulated cluster: the same seed gives the same run with every
// compiler and library (so no <random>).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {  // splitmix64
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t n) { return Next() % n; }
  int Index(int n) { return static_cast<int>(Below(static_cast<uint64_t>(n))); }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  bool Chance(double p) { return Unit() < p; }
  Nanos Between(Nanos low, Nanos high) {
    return low + Nanos(static_cast<int64_t>(Unit() * static_cast<double>((high - low).count())));
  }

 private:
  uint64_t state_;
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_RANDOM_H_
