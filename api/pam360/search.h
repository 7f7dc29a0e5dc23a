#ifndef HOLDFAST_API_PAM360_SEARCH_H_
#define HOLDFAST_API_PAM360_SEARCH_H_

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "api/pam360/input_data.h"
#include "server/vault/listing.h"
#include "server/vault/state_reader.h"

namespace holdfast::pam360 {

inline constexpr size_t kAllRows = std::numeric_limits<size_t>::max();

// What the list operations (R1, A1) take to choose rows.
struct Search {
  enum class Column {
    kAll,
    kName,
    kType,
    kDescription,
    kDnsName,
    kUrl,
    kDomainName,
    kDepartment,
    kLocation,
    kAccountName,
  };
  std::string value;  // contained, letter case aside; empty: everything
  Column column = Column::kAll;
  bool by_account = false;  // SEARCHTYPE ACCOUNT: kAll means the accounts' names
  std::string type;         // of the view: this resource type only; empty: any
  bool none = false;        // a view that holds nothing here: favourites, recently accessed
  vault::Page page;
};
absl::StatusOr<Search> SearchOf(const Parameters& parameters);

bool Contains(std::string_view text, std::string_view part);  // letter case aside
// Whether a resource that the user sees is one of those asked for.
bool Matches(const Search& search, const vault::StateReader& state, const v1::UserRow& user,
             const v1::ResourceRow& resource);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_SEARCH_H_
