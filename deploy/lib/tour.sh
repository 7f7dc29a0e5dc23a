# The main job, shown: what is stored through the primary is read everywhere, also without the primary.

# over_ssh NODE COMMAND...: the stock client, with the demo user's key and the cluster's known_hosts.
over_ssh() {
  local k=$1
  shift
  ssh -F none -p "$(port "$k" ssh)" -i "$dir/demo/id_ed25519" -o IdentitiesOnly=yes -o BatchMode=yes \
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile="\"$dir/known_hosts\"" -o GlobalKnownHostsFile=none \
    -o ConnectTimeout=5 "$demo_user@127.0.0.1" "$@"
}

# over_rest NODE PATH [CURL_ARGUMENTS...]: stock curl; the token goes in by a file, not by an argument.
over_rest() {
  local k=$1 path=$2
  shift 2
  curl -sS --max-time 10 --cacert "$dir/ca.pem" -H "@$dir/demo/token.header" "$@" \
    "$(rest_url "$k")/restapi/json/v1/$path"
}

secret_over_ssh() {
  over_ssh "$1" RETRIEVE --resource="$demo_resource" --account="$demo_account" | tr -d '\r\n'
}

secret_over_rest() {
  local ids resource account
  ids=$(over_rest "$1" "resources/resourcename/$demo_resource/accounts/accountname/$demo_account")
  resource=$(jq -r '.operation.Details.RESOURCEID' <<<"$ids")
  account=$(jq -r '.operation.Details.ACCOUNTID' <<<"$ids")
  over_rest "$1" "resources/$resource/accounts/$account/password" | jq -r '.operation.Details.PASSWORD'
}

# expect_secret NODE WANTED: both ways, or the tour ends.
expect_secret() {
  local way got
  for way in ssh rest; do
    got=$("secret_over_$way" "$1") || die 1 "node $1 did not answer over $way"
    [ "$got" = "$2" ] || die 1 "node $1 answered something else than the secret over $way"
    say "node $1, ${way^^}: the secret, as it was stored"
  done
}

expect_refused_write() {
  local text code=0
  text=$(over_ssh "$1" RESET_LOCAL --resource="$demo_resource" --account="$demo_account" \
    --newpassword="$(new_secret)" 2>&1 >/dev/null) || code=$?
  [ "$code" = 75 ] || die 1 "node $1 should have refused a write with exit status 75, got $code: $text"
  say "node $1, SSH write: refused, exit status 75"
  say "  $(tr -d '\r' <<<"$text" | head -n 1)"
}

tour() {
  local secret
  printf 'AUTHTOKEN: %s\n' "$(cat "$dir/demo/token")" >"$dir/demo/token.header"
  secret=$(hf retrieve --resource "$demo_resource" --account "$demo_account")
  step "the secret, from every node"
  local k
  for k in $(all_nodes); do expect_secret "$k" "$secret"; done
  if [ "$nodes" -lt 2 ]; then
    say "one node only: nothing to fail over to"
    return 0
  fi
  step "node 1, the primary, is killed (-9)"
  kill_node 1
  step "the same key, token and known_hosts on the secondary"
  expect_secret 2 "$secret"
  expect_refused_write 2
  step "node 1 starts again"
  start_node 1
  wait_until "$primary_seconds" has_primary || die 75 "no node became primary within $primary_seconds s"
  for k in $(all_nodes); do
    wait_caught_up "$k"
    expect_secret "$k" "$secret"
  done
}

what_now() {
  local self=deploy/quickstart primary
  primary=$(live_primary)
  local where="No node is primary yet: deploy/quickstart status tells."
  [ -z "$primary" ] ||
    where="Node $primary is the primary: REST $(rest_url "$primary"), SSH port $(port "$primary" ssh)."
  cat <<TEXT

The cluster runs. $where
What now:
  . $(quoted "$dir/cluster.env")
  "\$HOLDFAST_BIN/holdfast" status
  "\$HOLDFAST_BIN/holdfast" retrieve --resource "\$HOLDFAST_RESOURCE" --account "\$HOLDFAST_ACCOUNT"
  $self --dir $(quoted "$dir") kill-node 1     and read again; start-node 1 brings it back
  $self --dir $(quoted "$dir") stop            ends the nodes; clean also removes the folder
The recovery key lies in $dir/recovery.key: in earnest it belongs somewhere else.
TEXT
}
