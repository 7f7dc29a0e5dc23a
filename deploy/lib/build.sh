# From a checkout to programs.

# programs WITH_INSTALL WITH_BUILD: leaves holdfastd and holdfast in $bin.
programs() {
  local started=$SECONDS
  if [ "$1" = 1 ]; then
    step "packages"
    if uses_postgres; then
      "$checkout/deploy/dev/install-packages" --postgres
    else
      "$checkout/deploy/dev/install-packages"
    fi
  fi
  require_tools
  if [ "$2" = 1 ]; then
    step "build (release, into build/release; the first time takes some minutes)"
    build
    say "built in $((SECONDS - started)) s"
  fi
  local name
  for name in holdfastd holdfast; do
    [ -x "$bin/$name" ] || die 1 "$bin/$name is not there: leave out --no-build"
  done
}

require_tools() {
  local tool
  local tools=(curl jq ssh ssh-keygen setsid)
  if uses_postgres; then tools+=(psql); fi
  for tool in "${tools[@]}"; do
    command -v "$tool" >/dev/null || die 1 "$tool is not installed: leave out --no-install"
  done
}

# A folder that was configured for the tests stays so: only the two programs are built in it.
build() {
  local tree=$checkout/build/release
  (
    cd "$checkout"
    if [ -f "$tree/build.ninja" ]; then
      cmake "$tree" >/dev/null
    else
      cmake --preset release -DHOLDFAST_TESTS=OFF -DHOLDFAST_BENCH=OFF >/dev/null
    fi
    NINJA_STATUS='   [%f/%t, %e s] ' cmake --build "$tree" --target holdfastd holdfast
  ) || die 1 "the build failed"
}
