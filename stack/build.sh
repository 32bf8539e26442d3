#!/bin/sh
# Builds the real programs that the stack tests run, once, into a directory outside the tree.
#
#   build.sh              build every part that is not there yet
#   build.sh PART...      build these
#   build.sh where PART   print the path of the part's program; if it is not built, say what to do, and exit 3
#
# Exit 0 done, 1 a build failed, 2 wrong usage, 3 something has to be installed or built first.
#
# A part is: a word in PARTS, inputs_PART (prints what the program is made from: change that, and it is built
# again), build_PART (leaves the program as ./PART in the current directory, which is empty) and needs_PART
# (answers whether the tools are there, and says what to install if not).
set -eu

PARTS="collector jaeger compose claude claude_2_1_76 claude_2_1_191"

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${CC_OTEL_STACK_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/cc-otel-stack}

# --- the parts --------------------------------------------------------------------------------------------------

inputs_collector() { cat "$here/otelcol-builder.yaml"; }
needs_collector() { needs_go; }
build_collector() {
  # The builder and what it builds are released together, under one version.
  version=$(sed -n 's/^  version: //p' "$here/otelcol-builder.yaml")
  GOBIN="$PWD/bin" go install -v "go.opentelemetry.io/collector/cmd/builder@v$version"
  CGO_ENABLED=0 bin/builder --config "$here/otelcol-builder.yaml" --skip-compilation
  (cd source && CGO_ENABLED=0 go build -v -trimpath -ldflags=-s -o ../collector .)
  rm -rf bin source
}

inputs_jaeger() { cat "$here/jaeger/go.mod" "$here/jaeger/go.sum"; }
needs_jaeger() { needs_go; }
build_jaeger() {
  out=$PWD/jaeger
  (cd "$here/jaeger" &&
    CGO_ENABLED=0 go build -v -trimpath -ldflags=-s -o "$out" github.com/jaegertracing/jaeger/cmd/jaeger)
}

inputs_compose() { cat "$here/compose/go.mod" "$here/compose/go.sum" "$here/compose/main.go"; }
needs_compose() { needs_go; }
build_compose() {
  out=$PWD/compose
  (cd "$here/compose" && CGO_ENABLED=0 go build -v -trimpath -ldflags=-s -o "$out" .)
}

inputs_claude() { echo "@anthropic-ai/claude-code@2.1.330"; }
needs_claude() { needs_npm; }
build_claude() {
  # What the package's install script would do is to put the native binary in place; nothing else of it is needed.
  npm install --prefix "$PWD" --no-save --no-audit --no-fund --ignore-scripts "$(inputs_claude)"
  mv node_modules/@anthropic-ai/claude-code-*/claude claude
  rm -rf node_modules
}

# Older clients: 2.1.76 writes prompt ids into its transcripts alone, and is JavaScript for Node; 2.1.191 is a binary.
inputs_claude_2_1_76() { echo "@anthropic-ai/claude-code@2.1.76"; }
needs_claude_2_1_76() { needs_npm; }
build_claude_2_1_76() {
  npm install --prefix "$PWD" --no-save --no-audit --no-fund --ignore-scripts "$(inputs_claude_2_1_76)"
  # Node is named by its path: who runs the tests has it on theirs, the person in them has not.
  printf '#!/bin/sh\nexec "%s" "${0%%/*}/node_modules/@anthropic-ai/claude-code/cli.js" "$@"\n' "$(command -v node)" >claude_2_1_76
  chmod +x claude_2_1_76
}

inputs_claude_2_1_191() { echo "@anthropic-ai/claude-code@2.1.191"; }
needs_claude_2_1_191() { needs_npm; }
build_claude_2_1_191() {
  npm install --prefix "$PWD" --no-save --no-audit --no-fund --ignore-scripts "$(inputs_claude_2_1_191)"
  mv node_modules/@anthropic-ai/claude-code-*/claude claude_2_1_191
  rm -rf node_modules
}

# --- the machinery ----------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }

needs_go() {
  # Go's version is asked for where no go.mod can send it off to fetch another one.
  version=$(cd / && go env GOVERSION 2>/dev/null) || version=none
  minor=${version#go1.}
  case $version in
    go1.*) [ "${minor%%[!0-9]*}" -ge 26 ] && return 0 ;;
  esac
  say "The real Collector and Jaeger are built from source, which needs Go 1.26 or newer (found: $version)."
  say "Install it (macOS: brew install go; elsewhere: the Go project's own archive), then run: make stack"
  return 3
}

needs_npm() {
  version=$(node --version 2>/dev/null) || version=none
  major=${version#v}
  case $version in
    v[1-9]*) [ "${major%%.*}" -ge 20 ] && command -v npm >/dev/null && return 0 ;;
  esac
  say "The real Claude Code is fetched with npm, which needs Node 20 or newer, with npm (found: $version)."
  say "Install it (macOS: brew install node; elsewhere: the Node project's own archive), then run: make stack"
  return 3
}

# The stamp: a part made from other inputs is another directory. A checksum is enough: it tells changes, not attacks.
home_of() { echo "$cache/$1-$("inputs_$1" | cksum | tr ' ' '-')"; }

# A minute of silence looks like a hang: tell every few seconds how many packages are compiled.
follow() {
  while sleep 5; do
    say "  $1: $(($(date +%s) - $2)) s, $(wc -l <"$3" | tr -d ' ') lines of build output"
  done
}

make_part() {
  part=$1 home=$(home_of "$1")
  if [ -x "$home/$part" ]; then
    say "  $part: ready ($home)"
    return 0
  fi
  if ! "needs_$part"; then
    # The others do not need it: they are built all the same.
    missing=3
    return 0
  fi
  if [ -z "${warned:-}" ]; then
    warned=yes
    say "Made once. From Go's source: about 6 minutes on 2 cores, 5 GB of caches (go clean -cache -modcache frees them)."
    say "Claude Code, now and in two older versions: a download of 0.2 GB, 0.7 GB on disk."
  fi
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/.making-$part-XXXXXX") log="$cache/$part.log"
  started=$(date +%s)
  : >"$log"
  follow "$part" "$started" "$log" & follower=$!
  trap 'kill "$follower" 2>/dev/null || :; rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  # Not `if (...)`: there the shell would ignore -e inside.
  set +e
  (set -e; cd "$work"; "build_$part") >"$log" 2>&1
  status=$?
  set -e
  kill "$follower" 2>/dev/null || :
  if [ "$status" -ne 0 ]; then
    say "  $part: failed; the end of $log:"
    tail -n 20 "$log" >&2
    exit 1
  fi
  # The name appears with everything in it, so that a build cut short is no program. If another build was faster,
  # its program stays.
  [ -e "$home" ] || mv "$work" "$home"
  say "  $part: built in $(($(date +%s) - started)) s ($home)"
  rm -rf "$work"
  trap - EXIT HUP INT TERM
}

known() {
  for part in $PARTS; do [ "$part" = "$1" ] && return 0; done
  say "No part is called $1; there are: $PARTS"
  exit 2
}

if [ "${1:-}" = where ]; then
  known "${2:-}"
  program="$(home_of "$2")/$2"
  if [ -x "$program" ]; then
    echo "$program"
    exit 0
  fi
  "needs_$2" && say "$2 is not built yet, run: make stack"
  exit 3
fi

for part in "$@"; do known "$part"; done
say "Real programs for the stack tests, in $cache"
for part in ${@:-$PARTS}; do make_part "$part"; done
exit "${missing:-0}"
