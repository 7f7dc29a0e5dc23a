#ifndef HOLDFAST_API_NATIVE_RENDER_H_
#define HOLDFAST_API_NATIVE_RENDER_H_

#include <boost/json/object.hpp>
#include <cstddef>

#include "holdfast/v1/audit.pb.h"
#include "holdfast/v1/rows.pb.h"
#include "server/base/secret_bytes.h"
#include "server/desk/audit_gaps.h"

// Rows as the shapes of docs/reference/native-api.md. Pure; no shape but TOKEN and SECRET holds a
// secret, and no hash or sealed value leaves.
namespace holdfast::native {

boost::json::object RenderUser(const v1::UserRow& user);
boost::json::object RenderKey(const v1::SshKeyRow& key);
// Without the key `token`.
boost::json::object RenderToken(const v1::TokenRow& token);
// In memory that is wiped.
boost::json::object RenderNewToken(const v1::TokenRow& row, const SecretBytes& token);
boost::json::object RenderResource(const v1::ResourceRow& resource, size_t accounts);
boost::json::object RenderAccount(const v1::AccountRow& account);
boost::json::object RenderShare(const v1::ShareRow& share);
boost::json::object RenderMember(const v1::MemberRow& member);
boost::json::object RenderSshd(const v1::SshdRow& sshd);
boost::json::object RenderSettings(const v1::ClusterRow& cluster);
boost::json::object RenderAuditGaps(const desk::AuditGaps& gaps);
boost::json::object RenderAudit(const v1::AuditRecord& record);
// {"resource_id","account_id","secret","encoding"} in memory that is wiped.
boost::json::object RenderSecret(uint64_t resource_id, uint64_t account_id,
                                 const SecretBytes& secret);

}  // namespace holdfast::native

#endif  // HOLDFAST_API_NATIVE_RENDER_H_
