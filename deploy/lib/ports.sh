# Who listens where, read from /proc: no tool has to be installed, and nothing is connected to.

# listener_inode PORT: the socket's inode, or nothing when the port is free.
listener_inode() {
  local hex
  hex=$(printf '%04X' "$1")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v hex="$hex" '$4 == "0A" && !found { n = split($2, part, ":"); if (part[n] == hex) { print $10; found = 1 } }'
}

# listener_name PORT: "holdfastd (pid 12)" as far as this user may know it, else nothing.
listener_name() {
  local inode fd pid
  inode=$(listener_inode "$1")
  [ -n "$inode" ] || return 0
  fd=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
  [ -n "$fd" ] || return 0
  pid=${fd#/proc/}
  pid=${pid%%/*}
  printf '%s (pid %s)' "$(cat "/proc/$pid/comm" 2>/dev/null || echo 'a process')" "$pid"
}

# require_free_ports NODE...: names every port that is taken, then ends with 1.
require_free_ports() {
  local k kind number holder taken=0
  for k in "$@"; do
    for kind in rest ssh peer health; do
      number=$(port "$k" "$kind")
      if [ -n "$(listener_inode "$number")" ]; then
        holder=$(listener_name "$number")
        warn "port $number ($kind of node $k) is in use by ${holder:-another user\'s process}"
        taken=1
      fi
    done
  done
  [ "$taken" = 0 ] || die 1 "free the ports, or choose others with --port-base B"
}
