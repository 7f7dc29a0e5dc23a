#ifndef HOLDFAST_SERVER_STORAGE_DAMAGE_H_
#define HOLDFAST_SERVER_STORAGE_DAMAGE_H_

namespace holdfast::storage {

// What an operator does about a store or log that cannot be right; ends every such message.
inline constexpr char kDamageNextStep[] =
    "nothing was changed; let this machine join under a new name, or restore a backup: "
    "docs/runbooks/damaged-store.md";

}  // namespace holdfast::storage

#endif  // HOLDFAST_SERVER_STORAGE_DAMAGE_H_
