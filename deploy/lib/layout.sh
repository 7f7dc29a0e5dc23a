# Where things lie below the cluster's folder, and which ports a node has. Sets no state, starts nothing.
#
#   D/.holdfast-quickstart   says that the folder is ours; its last line is "complete" once it was set up
#   D/cluster.conf           nodes, port base, sync, store, folder of the programs (lines name=value)
#   D/cluster.env            for the user's shell
#   D/ca.pem, D/known_hosts  what clients check the nodes by
#   D/admin.token, D/recovery.key
#   D/node<n>/               holdfastd.toml, holdfastd.pid, holdfastd.log, data/
#   D/postgres/              the server of --store postgres; node<n>/pgpass is a role's password
#   D/demo/                  the demo user's key and token

readonly mark_name=.holdfast-quickstart

node_dir() { printf '%s/node%s' "$dir" "$1"; }
node_id() { printf 'node%s' "$1"; }
node_config() { printf '%s/holdfastd.toml' "$(node_dir "$1")"; }
node_pid_file() { printf '%s/holdfastd.pid' "$(node_dir "$1")"; }
node_log() { printf '%s/holdfastd.log' "$(node_dir "$1")"; }
node_console() { printf '%s/console.log' "$(node_dir "$1")"; }
node_data() { printf '%s/data' "$(node_dir "$1")"; }

# port NODE rest|ssh|peer|health
port() {
  local above=$(($1 - 1)) default offset
  case "$2" in
    rest) default=8282 offset=1 ;;
    ssh) default=6622 offset=2 ;;
    peer) default=6630 offset=3 ;;
    health) default=8280 offset=4 ;;
  esac
  if [ -n "$port_base" ]; then
    echo $((port_base + offset + 10 * above))
  else
    echo $((default + 100 * above))
  fi
}

rest_url() { printf 'https://127.0.0.1:%s' "$(port "$1" rest)"; }
health_url() { printf 'http://127.0.0.1:%s' "$(port "$1" health)"; }

all_nodes() { seq 1 "$nodes"; }

# all_addresses: the REST URLs of all nodes, comma separated.
all_addresses() {
  local k list=
  for k in $(all_nodes); do list+=${list:+,}$(rest_url "$k"); done
  printf '%s' "$list"
}

is_ours() { [ -f "$dir/$mark_name" ]; }
is_complete() { is_ours && grep -qx complete "$dir/$mark_name"; }

# save_cluster_conf, load_cluster_conf: what later calls must know.
save_cluster_conf() {
  printf '%s\n' "nodes=$nodes" "port_base=$port_base" "sync=$sync" "store=$store" "bin=$bin" >"$dir/cluster.conf"
}
load_cluster_conf() {
  local name value
  while IFS='=' read -r name value; do
    case "$name" in
      nodes) nodes=$value ;;
      port_base) port_base=$value ;;
      sync) sync=$value ;;
      store) store=$value ;;
      bin) bin=$value ;;
    esac
  done <"$dir/cluster.conf"
}

# write_cluster_env: all names of the contract, each value in single quotes, readable by the owner only.
write_cluster_env() {
  local file=$dir/cluster.env k
  {
    export_line HOLDFAST_BIN "$bin"
    export_line HOLDFAST_ADDR "$(all_addresses)"
    export_line HOLDFAST_CACERT "$dir/ca.pem"
    export_line HOLDFAST_TOKEN "$(cat "$dir/admin.token")"
    for k in $(all_nodes); do
      export_line "HOLDFAST_NODE${k}_ID" "$(node_id "$k")"
      export_line "HOLDFAST_NODE${k}_URL" "$(rest_url "$k")"
      export_line "HOLDFAST_NODE${k}_HEALTH_URL" "$(health_url "$k")"
      export_line "HOLDFAST_NODE${k}_SSH" "127.0.0.1:$(port "$k" ssh)"
      export_line "HOLDFAST_NODE${k}_PID_FILE" "$(node_pid_file "$k")"
      export_line "HOLDFAST_NODE${k}_DATA" "$(node_data "$k")"
      export_line "HOLDFAST_NODE${k}_LOG" "$(node_log "$k")"
    done
    export_line HOLDFAST_SSH_USER "$demo_user"
    export_line HOLDFAST_SSH_KEY "$dir/demo/id_ed25519"
    export_line HOLDFAST_KNOWN_HOSTS "$dir/known_hosts"
    export_line HOLDFAST_API_TOKEN "$(cat "$dir/demo/token")"
    export_line HOLDFAST_RESOURCE "$demo_resource"
    export_line HOLDFAST_ACCOUNT "$demo_account"
  } >"$file.new"
  chmod 0600 "$file.new"
  mv "$file.new" "$file"
}

export_line() { printf 'export %s=%s\n' "$1" "$(quoted "$2")"; }
