# --store postgres: one private server in D/postgres, a database and a role for each node. Nothing here
# does anything for --store sqlite.

postgres_dir() { printf '%s/postgres' "$dir"; }
private_postgres() { "$checkout/deploy/dev/private-postgres" "$1" "$(postgres_dir)"; }
uses_postgres() { [ "$store" = postgres ]; }

# admin_psql ARGUMENTS...: as the server's superuser; statements come by stdin, so that no password is an argument.
admin_psql() {
  PGPASSFILE=$(postgres_dir)/admin.pgpass PGAPPNAME=quickstart \
    psql -X -q -v ON_ERROR_STOP=1 -h "$(postgres_dir)/socket" -U admin "$@"
}

start_store() {
  uses_postgres || return 0
  if private_postgres status 2>/dev/null; then return 0; fi
  # The server runs as another user when this is root; it must be able to reach its folder.
  if [ "$(id -u)" = 0 ]; then chmod 0711 "$dir"; fi
  private_postgres start || die 1 "the PostgreSQL server in $(postgres_dir) did not start"
}

stop_store() {
  uses_postgres && [ -d "$(postgres_dir)/data" ] || return 0
  if private_postgres status 2>/dev/null; then say "PostgreSQL stops"; fi
  private_postgres stop || warn "the PostgreSQL server in $(postgres_dir) did not stop"
}

show_store() {
  uses_postgres || return 0
  local state=stopped
  if private_postgres status 2>/dev/null; then state=runs; fi
  say "PostgreSQL: $state, socket in $(postgres_dir)/socket, one database for each node"
}

# make_databases: after the folders, before the first node.
make_databases() {
  uses_postgres || return 0
  step "a private PostgreSQL server with a database for each node"
  start_store
  role_password holdfast_owner "$(postgres_dir)/owner.pgpass"
  local k
  for k in $(all_nodes); do
    role_password "$(node_id "$k")" "$(node_dir "$k")/pgpass"
    printf 'CREATE DATABASE %s' "$(node_id "$k")" | admin_psql -d postgres
    admin_psql -d "$(node_id "$k")" -v owner=holdfast_owner -v runtime="$(node_id "$k")" \
      -f "$checkout/deploy/postgres/roles.sql"
  done
}

# role_password ROLE PASSFILE
role_password() {
  local password
  password=$(new_secret)
  printf '*:*:*:%s:%s\n' "$1" "$password" >"$2"
  printf "CREATE ROLE %s LOGIN PASSWORD '%s'" "$1" "$password" | admin_psql -d postgres
}

# in_connection VALUE: as a value of a connection string inside a text in double quotes of the configuration
# file: a quote gets a backslash, and the backslash another one. The folder's name holds none itself.
in_connection() { printf "'%s'" "${1//\'/\\\\\'}"; }

# connection NODE ROLE PASSFILE
connection() {
  printf 'host=%s dbname=%s user=%s passfile=%s' "$(in_connection "$(postgres_dir)/socket")" "$(node_id "$1")" "$2" \
    "$(in_connection "$3")"
}

# store_config NODE: the section [store].
store_config() {
  printf '[store]\nkind = "%s"\n' "$store"
  uses_postgres || return 0
  printf 'connection = "%s"\n' "$(connection "$1" "$(node_id "$1")" "$(node_dir "$1")/pgpass")"
  printf 'migrate_connection = "%s"\n' "$(connection "$1" holdfast_owner "$(postgres_dir)/owner.pgpass")"
}
