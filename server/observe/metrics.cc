#include "server/observe/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <unordered_map>

#include "server/base/mutex.h"

namespace holdfast {

struct Metrics::Rep {
  prometheus::Registry registry;
  Mutex mu;
  std::unordered_map<std::string, prometheus::Family<prometheus::Counter>*> counters
      ABSL_GUARDED_BY(mu);
  std::unordered_map<std::string, prometheus::Family<prometheus::Gauge>*> gauges
      ABSL_GUARDED_BY(mu);
  std::unordered_map<std::string, prometheus::Family<prometheus::Histogram>*> histograms
      ABSL_GUARDED_BY(mu);
};

void Counter::Add(double amount) {
  if (counter_ != nullptr) static_cast<prometheus::Counter*>(counter_)->Increment(amount);
}
void Gauge::Set(double value) {
  if (gauge_ != nullptr) static_cast<prometheus::Gauge*>(gauge_)->Set(value);
}
void Histogram::Observe(double value) {
  if (histogram_ != nullptr) static_cast<prometheus::Histogram*>(histogram_)->Observe(value);
}

Metrics::Metrics() : rep_(std::make_unique<Rep>()) {}
Metrics::~Metrics() = default;

Counter Metrics::AddCounter(const std::string& name, const std::string& help,
                            const Labels& labels) {
  MutexLock lock(rep_->mu);
  auto*& family = rep_->counters[name];
  if (family == nullptr) {
    family = &prometheus::BuildCounter().Name(name).Help(help).Register(rep_->registry);
  }
  Counter counter;
  counter.counter_ = &family->Add(labels);
  return counter;
}

Gauge Metrics::AddGauge(const std::string& name, const std::string& help, const Labels& labels) {
  MutexLock lock(rep_->mu);
  auto*& family = rep_->gauges[name];
  if (family == nullptr) {
    family = &prometheus::BuildGauge().Name(name).Help(help).Register(rep_->registry);
  }
  Gauge gauge;
  gauge.gauge_ = &family->Add(labels);
  return gauge;
}

Histogram Metrics::AddHistogram(const std::string& name, const std::string& help,
                                const Labels& labels) {
  static const prometheus::Histogram::BucketBoundaries kBuckets = {
      0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
      0.05,    0.1,    0.2,    0.5,    1,     2,     5,     10};
  MutexLock lock(rep_->mu);
  auto*& family = rep_->histograms[name];
  if (family == nullptr) {
    family = &prometheus::BuildHistogram().Name(name).Help(help).Register(rep_->registry);
  }
  Histogram histogram;
  histogram.histogram_ = &family->Add(labels, kBuckets);
  return histogram;
}

std::string Metrics::Render() const {
  return prometheus::TextSerializer().Serialize(rep_->registry.Collect());
}

}  // namespace holdfast
