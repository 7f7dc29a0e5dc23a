#ifndef HOLDFAST_SERVER_OBSERVE_METRICS_H_
#define HOLDFAST_SERVER_OBSERVE_METRICS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace holdfast {

// Handles are cheap to copy, valid as long as the Metrics they came from, and thread-safe. Keep
// them: looking one up by name on a hot path costs a lock and a hash.
class Counter {
 public:
  void Add(double amount = 1);

 private:
  friend class Metrics;
  void* counter_ = nullptr;
};

// A counter of what somebody else counts, and which only grows.
//
// Threading   Thread-compatible.
class CountedElsewhere {
 public:
  explicit CountedElsewhere(Counter counter) : counter_(counter) {}
  void Set(uint64_t now) {
    counter_.Add(static_cast<double>(now - told_));
    told_ = now;
  }

 private:
  Counter counter_;
  uint64_t told_ = 0;
};

class Gauge {
 public:
  void Set(double value);

 private:
  friend class Metrics;
  void* gauge_ = nullptr;
};

class Histogram {
 public:
  void Observe(double value);

 private:
  friend class Metrics;
  void* histogram_ = nullptr;
};

// The metrics of one node. Names and units: ha-conventions section 5; label values are bounded and
// never hold a user's or a secret's name. Hides prometheus-cpp.
//
// Threading   Thread-safe.
class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;
  Metrics();
  ~Metrics();
  Counter AddCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge AddGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // Buckets in seconds, from 50 us to 10 s.
  Histogram AddHistogram(const std::string& name, const std::string& help,
                         const Labels& labels = {});
  // The text exposition format, version 0.0.4.
  std::string Render() const;

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_OBSERVE_METRICS_H_
