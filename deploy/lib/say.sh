# Words to the person in front of the terminal. Results and progress go to stdout, trouble to stderr.

step() { printf '== %s\n' "$*"; }
say() { printf '   %s\n' "$*"; }
warn() { printf 'quickstart: %s\n' "$*" >&2; }

# die EXIT_CODE MESSAGE...: one clear line, then out.
die() {
  local code=$1
  shift
  warn "$*"
  exit "$code"
}

# wait_until SECONDS COMMAND...: polls ten times a second. 0: the command held in time; 1: it did not;
# 2: it said (by returning 2) that it never will.
wait_until() {
  local deadline=$((SECONDS + $1)) code
  shift
  while :; do
    code=0
    "$@" || code=$?
    [ "$code" -ne 0 ] || return 0
    [ "$code" -ne 2 ] || return 2
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# quoted VALUE: the value between single quotes, for a file that shells source.
quoted() { printf "'%s'" "${1//\'/\'\\\'\'}"; }
