#ifndef HOLDFAST_API_CLI_SESSION_H_
#define HOLDFAST_API_CLI_SESSION_H_

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "api/cli/context.h"
#include "api/client/client.h"
#include "server/base/secret_bytes.h"

namespace holdfast::cli {

// Name and value, encoded here. Empty values are left out.
using Query = std::vector<std::pair<std::string_view, std::string>>;

// The cluster's /v1, as the commands need it.
//
// Threading   Thread-compatible.
// Failure     Statuses that know their exit code (exit_code.h).
class Session {
 public:
  // Reads certificate and token; connects with the first call.
  static absl::StatusOr<std::unique_ptr<Session>> Open(const Globals& globals);

  absl::StatusOr<boost::json::object> Get(const std::string& path, const Query& query = {});
  absl::StatusOr<std::string> GetText(const std::string& path);
  // A list of any length, page by page.
  absl::StatusOr<boost::json::array> List(const std::string& path, const std::string& key,
                                          const Query& query = {});
  absl::StatusOr<boost::json::object> Write(std::string_view method, const std::string& path,
                                            const boost::json::object& body = {});
  // To the node that is reached first, once; its answer is final.
  absl::StatusOr<boost::json::object> Order(const std::string& path,
                                            const boost::json::object& body);

  // By name; NO_SUCH_... when there is none, or none that the caller may see.
  absl::StatusOr<boost::json::object> FindUser(const std::string& name);
  absl::StatusOr<boost::json::object> FindResource(const std::string& name);
  absl::StatusOr<boost::json::object> FindAccount(const std::string& resource,
                                                  const std::string& account);

 private:
  explicit Session(client::Options options) : client_(std::move(options)) {}
  absl::StatusOr<client::Response> Call(client::Request request, client::Mode mode);
  absl::StatusOr<boost::json::object> FindOne(const std::string& path, const std::string& key,
                                              const std::string& name, std::string_view code);

  client::Client client_;
};

std::string PathOf(std::string_view collection, uint64_t id);  // "/v1/users/7"
uint64_t IdOf(const boost::json::object& object);
std::string TextIn(const boost::json::object& object, std::string_view key);  // empty: not there
bool FlagIn(const boost::json::object& object, std::string_view key);         // false: not there

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_SESSION_H_
