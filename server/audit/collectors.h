#ifndef HOLDFAST_SERVER_AUDIT_COLLECTORS_H_
#define HOLDFAST_SERVER_AUDIT_COLLECTORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace holdfast::audit {

// Somebody who copies the journal: another member, this node's own store, a sink.
struct Collector {
  std::string name;
  bool keeps = false;  // its copy outlives this node: enough for a record to go when room is short
};

// How far each has come. Nobody's word removes a record; retention asks before it does.
//
// Threading   Thread-compatible, pure.
class Collectors {
 public:
  // Who there is. How far one that stays has come is kept. Until the first call nobody is known,
  // and no record counts as collected.
  void Set(const std::vector<Collector>& collectors);
  // That one has all records up to `number`. Only forward; unknown names are remembered for a Set
  // that comes later.
  void Collected(const std::string& name, uint64_t number);

  uint64_t by_all() const;     // the highest number that everybody has
  uint64_t by_keeper() const;  // that at least one who keeps it has
  // Who does not have record `number`.
  std::vector<std::string> Lacking(uint64_t number) const;
  std::map<std::string, uint64_t> marks() const;

 private:
  std::vector<Collector> collectors_;
  std::map<std::string, uint64_t> marks_;
};

}  // namespace holdfast::audit

#endif  // HOLDFAST_SERVER_AUDIT_COLLECTORS_H_
