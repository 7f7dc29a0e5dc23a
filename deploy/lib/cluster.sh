# Makes a cluster: folders, configuration, init, join, the demo user and its secret.

readonly demo_user=demo demo_resource=orders-db demo_account=app

# hf ARGUMENTS...: the command line as the administrator, all nodes given.
hf() {
  HOLDFAST_ADDR=$(all_addresses) HOLDFAST_CACERT=$dir/ca.pem HOLDFAST_TOKEN=$(cat "$dir/admin.token") \
    "$bin/holdfast" "$@"
}

make_folders() {
  chmod 0700 "$dir"
  echo "made by deploy/quickstart; deploy/quickstart --dir D clean removes this folder" >"$dir/$mark_name"
  save_cluster_conf
  local k
  for k in $(all_nodes); do
    mkdir -p "$(node_dir "$k")"
    write_config "$k"
  done
  mkdir -p "$dir/demo"
}

write_config() {
  cat >"$(node_config "$1")" <<TOML
# Node $1 of a cluster made by deploy/quickstart.
[node]
id = "$(node_id "$1")"
data = "$(node_data "$1")"

[rest]
listen = "127.0.0.1:$(port "$1" rest)"

[ssh]
listen = "127.0.0.1:$(port "$1" ssh)"

[peer]
listen = "127.0.0.1:$(port "$1" peer)"

[health]
listen = "127.0.0.1:$(port "$1" health)"

[seal]
kind = "file"

$(store_config "$1")

[log]
file = "$(node_log "$1")"
level = "info"
TOML
}

# init_primary: node 1 makes the cluster and starts as primary.
init_primary() {
  step "node 1: a new cluster, started as primary"
  "$bin/holdfast" --quiet init --data "$(node_data 1)" --config "$(node_config 1)" --cluster-name quickstart \
    --admin-token-file "$dir/admin.token" --recovery-key-file "$dir/recovery.key" >"$dir/init.log" ||
    die 1 "holdfast init failed"
  cp "$(node_data 1)/ca.pem" "$dir/ca.pem"
  start_node 1
  wait_until "$primary_seconds" has_primary || die 75 "node 1 did not become primary within $primary_seconds s"
}

# join_secondary NODE
join_secondary() {
  step "node $1: joins as a secondary"
  local token
  token=$(node_dir "$1")/join.token
  hf node invite "$(node_id "$1")" --token-file "$token" >/dev/null || die 1 "node 1 gave no invitation for node $1"
  "$bin/holdfast" --quiet join --data "$(node_data "$1")" --config "$(node_config "$1")" --token-file "$token" \
    >"$(node_dir "$1")/join.log" || die 1 "node $1 could not join"
  rm -f "$token"
  start_node "$1"
}

set_sync() {
  [ "$sync" != local ] || return 0
  step "writes are acknowledged at $sync"
  hf settings set --sync "$sync" >/dev/null || die 1 "the level $sync could not be set"
}

# make_demo: a user with key and token, a resource with one account, and a secret nobody has chosen.
make_demo() {
  step "an API user with an SSH key and a token; a secret"
  local key=$dir/demo/id_ed25519
  ssh-keygen -q -t ed25519 -N '' -C "$demo_user@quickstart" -f "$key"
  hf user add "$demo_user" --role password-administrator --full-name "Demo user" --rest --ssh \
    --token-file "$dir/demo/token" --key-file "$key.pub" >/dev/null
  hf resource add "$demo_resource" --type Linux >/dev/null
  new_secret | hf account add --resource "$demo_resource" --account "$demo_account" >/dev/null
  hf share grant --user "$demo_user" --resource "$demo_resource" --level full >/dev/null
  hf sshd known-hosts >"$dir/known_hosts"
  local k
  for k in $(all_nodes); do wait_caught_up "$k"; done
}

# new_secret: 24 characters without a line feed.
new_secret() { head -c 18 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_'; }
