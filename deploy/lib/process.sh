# Starts, watches and ends the nodes of this cluster, and no other process.

readonly ready_seconds=60 caught_up_seconds=120 drain_seconds=30 primary_seconds=60 settle_seconds=10

# running_pid NODE: the node's process id if it lives, else nothing. A pid file alone proves nothing: the
# number may belong to another process by now, so the program and its configuration file must be ours.
running_pid() {
  local pid exe command
  pid=$(cat "$(node_pid_file "$1")" 2>/dev/null) || return 0
  [[ $pid =~ ^[0-9]+$ ]] && [ -r "/proc/$pid/cmdline" ] || return 0
  command=$(tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null) || return 0
  grep -qxF -- "$(node_config "$1")" <<<"$command" || return 0
  # A process that may not dump core hides its exe from other users; then the command line must do.
  exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || exe=${command%%$'\n'*}
  [ "$(basename "${exe% (deleted)}")" = holdfastd ] || return 0
  echo "$pid"
}

is_running() { [ -n "$(running_pid "$1")" ]; }

running_nodes() {
  local k
  for k in $(all_nodes); do
    if is_running "$k"; then echo "$k"; fi
  done
}

# launch NODE: starts the process in a session of its own, so that an interrupted terminal leaves it alone.
launch() {
  setsid "$bin/holdfastd" --config "$(node_config "$1")" </dev/null >>"$(node_console "$1")" 2>&1 9<&- &
  echo $! >"$(node_pid_file "$1")"
  disown
  wait_until 5 launched_or_dead "$1" $! || true
}

# launched_or_dead NODE PID: whether the program took the place of the shell that starts it. Its command line
# proves no death: it is empty for a moment while one program takes the place of another.
launched_or_dead() { is_running "$1" || ! kill -0 "$2" 2>/dev/null; }

answers() { curl -fs -o /dev/null --max-time 2 "$1"; }

# ready_or_dead NODE: for wait_until.
ready_or_dead() {
  if answers "$(health_url "$1")/readyz"; then return 0; fi
  is_running "$1" || return 2
  return 1
}

# start_node NODE: returns once the node answers reads, and is caught up if a primary lives.
start_node() {
  if is_running "$1"; then
    say "node $1 runs already (pid $(running_pid "$1"))"
  else
    require_free_ports "$1"
    launch "$1"
  fi
  await_node "$1"
}

await_node() {
  local code=0
  wait_until "$ready_seconds" ready_or_dead "$1" || code=$?
  case "$code" in
    1)
      show_log "$1"
      die 75 "node $1 runs, but was not ready within $ready_seconds s"
      ;;
    2)
      show_log "$1"
      die 1 "node $1 did not start"
      ;;
  esac
  # With all nodes there, one of them goes on as primary by itself, usually within 3 s.
  if [ "$(running_nodes | wc -l)" = "$nodes" ]; then wait_until "$settle_seconds" has_primary || true; fi
  wait_caught_up "$1"
  # What one node says of another it has from that one: who asks any node now shall see it as it is.
  wait_until "$settle_seconds" seen_by_all "$1" || true
}

show_log() {
  warn "the end of $(node_log "$1"):"
  tail -n 15 "$(node_log "$1")" >&2 2>/dev/null || true
  tail -n 5 "$(node_console "$1")" >&2 2>/dev/null || true
}

# status_of NODE [JQ_FILTER]: the cluster as this one node sees it. Status 3 says that it is not whole.
status_of() {
  {
    HOLDFAST_ADDR=$(rest_url "$1") HOLDFAST_CACERT=$dir/ca.pem HOLDFAST_TOKEN=$(cat "$dir/admin.token") \
      "$bin/holdfast" status --output json 2>/dev/null || [ $? = 3 ]
  } | jq -r "${2:-.}" 2>/dev/null
}

# row NODE FIELD: what a node says about itself.
row() { status_of "$1" ".nodes[] | select(.id == \"$(node_id "$1")\") | .$2"; }

# live_primary: the number of the node that says that it is primary, or nothing.
live_primary() {
  local k
  for k in $(running_nodes); do
    if answers "$(health_url "$k")/primary"; then
      echo "$k"
      return 0
    fi
  done
}

has_primary() { [ -n "$(live_primary)" ]; }

reached() {
  local applied
  applied=$(row "$1" applied_seq)
  [[ $applied =~ ^[0-9]+$ ]] && [ "$applied" -ge "$2" ]
}

# knows_target PRIMARY: sets the caller's `target`; a status that fails once is asked for again.
knows_target() { target=$(row "$1" committed_seq) && [[ $target =~ ^[0-9]+$ ]]; }

# wait_caught_up NODE: nothing to wait for when no primary lives, or when the node is it.
wait_caught_up() {
  local primary target
  primary=$(live_primary)
  if [ -z "$primary" ] || [ "$primary" = "$1" ]; then return 0; fi
  wait_until "$settle_seconds" knows_target "$primary" || return 0
  wait_until "$caught_up_seconds" reached "$1" "$target" ||
    die 75 "node $1 answers reads, but did not reach position $target within $caught_up_seconds s"
}

# seen_by_all NODE: whether every node that runs counts it among those that serve, and, where there is a primary to
# follow, among those that follow it.
seen_by_all() {
  local k wanted='.serving'
  if [ -n "$(live_primary)" ]; then wanted='.serving and (.state | IN("running", "streaming", "catchup"))'; fi
  for k in $(running_nodes); do
    [ "$(status_of "$k" ".nodes[] | select(.id == \"$(node_id "$1")\") | $wanted")" = true ] || return 1
  done
}

gone() { ! is_running "$1"; }

# stop_node NODE: lets it drain; one that does not end in time is killed, and that is said.
stop_node() {
  local pid
  pid=$(running_pid "$1")
  if [ -n "$pid" ]; then
    kill -TERM "$pid" 2>/dev/null || true
    if ! wait_until "$drain_seconds" gone "$1"; then
      warn "node $1 did not end within $drain_seconds s after SIGTERM; killing it"
      kill_node "$1"
    fi
  fi
  rm -f "$(node_pid_file "$1")"
}

# kill_node NODE: -9, as a power cut would.
kill_node() {
  local pid
  pid=$(running_pid "$1")
  if [ -n "$pid" ]; then
    kill -KILL "$pid" 2>/dev/null || true
    wait_until 10 gone "$1" || die 1 "node $1 (pid $pid) did not die"
  fi
  rm -f "$(node_pid_file "$1")"
}
