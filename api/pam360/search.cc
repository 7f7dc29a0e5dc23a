#include "api/pam360/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "api/http/request.h"
#include "server/base/status_macros.h"

namespace holdfast::pam360 {
namespace {

using Column = Search::Column;

struct ColumnName {
  std::string_view text;
  Column column;
};
constexpr ColumnName kColumns[] = {{"ALL", Column::kAll},
                                   {"RESOURCENAME", Column::kName},
                                   {"RESOURCE_TYPE", Column::kType},
                                   {"RESOURCEDESC", Column::kDescription},
                                   {"IPADDRESS", Column::kDnsName},
                                   {"DNSNAME", Column::kDnsName},
                                   {"RESOURCEURL", Column::kUrl},
                                   {"DOMAINNAME", Column::kDomainName},
                                   {"DEPARTMENT", Column::kDepartment},
                                   {"LOCATION", Column::kLocation},
                                   {"LOGINNAME", Column::kAccountName},
                                   {"ACCOUNTNAME", Column::kAccountName}};

absl::Status Unknown(std::string_view name, std::string_view expected) {
  return absl::InvalidArgumentError(fmt::format("parameter {}: expected {}", name, expected));
}

absl::Status ReadView(std::string_view view, Search& search) {
  if (view.empty() || http::EqualsIgnoringCase(view, "ALLMYPASSWORD")) return absl::OkStatus();
  if (http::EqualsIgnoringCase(view, "LINUXSSHPASSWORD")) {
    search.type = "Linux";
  } else if (http::EqualsIgnoringCase(view, "WINDOWSRDPPASSWORD")) {
    search.type = "Windows";
  } else if (http::EqualsIgnoringCase(view, "FAVOURITEPASSWORD") ||
             http::EqualsIgnoringCase(view, "RECENTLYACCESSEDPASSWORD")) {
    search.none = true;
  } else {
    return Unknown("VIEWTYPE",
                   "ALLMYPASSWORD, FAVOURITEPASSWORD, RECENTLYACCESSEDPASSWORD, LINUXSSHPASSWORD "
                   "or WINDOWSRDPPASSWORD");
  }
  return absl::OkStatus();
}

absl::Status ReadColumn(std::string_view column, Search& search) {
  if (column.empty()) return absl::OkStatus();
  for (const ColumnName& row : kColumns) {
    if (!http::EqualsIgnoringCase(row.text, column)) continue;
    search.column = row.column;
    return absl::OkStatus();
  }
  return Unknown("SEARCHCOLUMN",
                 "ALL, RESOURCENAME, RESOURCE_TYPE, RESOURCEDESC, IPADDRESS, DNSNAME, RESOURCEURL, "
                 "DOMAINNAME, DEPARTMENT, LOCATION, LOGINNAME or ACCOUNTNAME");
}

absl::Status ReadType(std::string_view type, Search& search) {
  search.by_account = http::EqualsIgnoringCase(type, "ACCOUNT");
  if (type.empty() || search.by_account || http::EqualsIgnoringCase(type, "RESOURCE")) {
    return absl::OkStatus();
  }
  return Unknown("SEARCHTYPE", "RESOURCE or ACCOUNT");
}

std::string_view TextIn(Column column, const v1::ResourceRow& resource) {
  switch (column) {
    case Column::kName:
      return resource.name();
    case Column::kType:
      return resource.type();
    case Column::kDescription:
      return resource.description();
    case Column::kDnsName:
      return resource.dns_name();
    case Column::kUrl:
      return resource.url();
    case Column::kDomainName:
      return resource.domain_name();
    case Column::kDepartment:
      return resource.department();
    case Column::kLocation:
      return resource.location();
    case Column::kAll:
    case Column::kAccountName:
      break;
  }
  return "";
}

bool MatchesAccounts(const Search& search, const vault::StateReader& state, const v1::UserRow& user,
                     const v1::ResourceRow& resource) {
  const auto accounts = vault::ListAccounts(state, user, resource, {.limit = kAllRows});
  return std::any_of(
      accounts.rows.begin(), accounts.rows.end(),
      [&](const v1::AccountRow* account) { return Contains(account->name(), search.value); });
}

}  // namespace

absl::StatusOr<Search> SearchOf(const Parameters& parameters) {
  Search search;
  HOLDFAST_ASSIGN_OR_RETURN(search.value, parameters.Text("SEARCHVALUE"));
  HOLDFAST_ASSIGN_OR_RETURN(const std::string view, parameters.Text("VIEWTYPE"));
  HOLDFAST_RETURN_IF_ERROR(ReadView(view, search));
  HOLDFAST_ASSIGN_OR_RETURN(const std::string type, parameters.Text("SEARCHTYPE"));
  HOLDFAST_RETURN_IF_ERROR(ReadType(type, search));
  HOLDFAST_ASSIGN_OR_RETURN(const std::string column, parameters.Text("SEARCHCOLUMN"));
  HOLDFAST_RETURN_IF_ERROR(ReadColumn(column, search));
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<uint64_t> skip, parameters.Number("STARTINDEX"));
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<uint64_t> limit, parameters.Number("LIMIT"));
  search.page = {.offset = skip.value_or(0), .limit = limit.value_or(kAllRows)};
  return search;
}

bool Contains(std::string_view text, std::string_view part) {
  return vault::FoldCase(text).find(vault::FoldCase(part)) != std::string::npos;
}

bool Matches(const Search& search, const vault::StateReader& state, const v1::UserRow& user,
             const v1::ResourceRow& resource) {
  if (search.none) return false;
  if (!search.type.empty() && !http::EqualsIgnoringCase(search.type, resource.type())) return false;
  if (search.value.empty()) return true;
  if (search.column == Column::kAccountName ||
      (search.column == Column::kAll && search.by_account)) {
    return MatchesAccounts(search, state, user, resource);
  }
  if (search.column != Column::kAll) return Contains(TextIn(search.column, resource), search.value);
  return std::any_of(std::begin(kColumns), std::end(kColumns), [&](const ColumnName& row) {
    return Contains(TextIn(row.column, resource), search.value);
  });
}

}  // namespace holdfast::pam360
