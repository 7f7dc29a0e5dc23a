#ifndef HOLDFAST_API_PAM360_DETAILS_H_
#define HOLDFAST_API_PAM360_DETAILS_H_

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "api/pam360/texts.h"
#include "server/vault/state_reader.h"

// Rows as the dialect shows them. Every value is a text, ids and flags too: typed clients read maps
// of texts. What the vault does not know (favourites, tickets, remote sessions) is answered as what
// it is for an account without them.
namespace holdfast::pam360 {

// One value in a list of key and text.
boost::json::object Texts(
    std::initializer_list<std::pair<std::string_view, std::string_view>> values);

// A resource, in A1 and R13.
boost::json::object ResourceDetails(const vault::StateReader& state,
                                    const v1::ResourceRow& resource);
// An account in the list of its resource, A1.
boost::json::object AccountItem(const v1::AccountRow& account);
// An account by itself, A3 and R13.
boost::json::object AccountDetails(const v1::AccountRow& account, const UtcOffset& offset);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_DETAILS_H_
