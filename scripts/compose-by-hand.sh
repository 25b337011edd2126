#!/usr/bin/env bash
# Runs deploy/compose/compose.yaml without a container engine, each service as a process in namespaces of its own, and checks that
# they work together: scrapes, rules, the load with its token, plans on both replicas, answers for the client in the place of
# KEDA. Needs Linux and root. `--keep` leaves it running until Ctrl-C instead; other arguments go to deploy/compose/by-hand.py.
#
# FORESCALE_BIN names the program to run; without it the release build is made.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

target_of() { cargo metadata --format-version 1 --no-deps --manifest-path "$1" | sed -E 's/.*"target_directory":"([^"]+)".*/\1/'; }

is_root || die "namespaces and overlays need root"
have ip || die "there is no \`ip\`" "install Debian's package iproute2"
"$REPO/scripts/install-prometheus.sh"
"$REPO/scripts/install-k6.sh"
"$REPO/scripts/install-compose-spec.sh"
"$BIN/promtool" check config "$REPO/deploy/compose/prometheus.yml" >&2

if [ -z "${FORESCALE_BIN:-}" ]; then
    (cd "$REPO" && cargo build --locked --release)
    FORESCALE_BIN="$(target_of "$REPO/Cargo.toml")/release/forescale"
fi
demo="$REPO/loadtest/demo-service/Cargo.toml"
cargo build --locked --quiet --release --manifest-path "$demo"
programs="$BIN:$(dirname "$FORESCALE_BIN"):$(target_of "$demo")/release:$CACHE/locust/bin"

token="$REPO/deploy/compose/api-token"
[ -s "$token" ] || head -c 24 /dev/urandom | base64 >"$token"
how=(--check)
if [ "${1:-}" = --keep ]; then
    how=()
    shift
fi
# A minute of real time is six hours of load, so that a check sees it move.
export SPEED="${SPEED:-360}"
exec python3 "$REPO/deploy/compose/by-hand.py" --programs "$programs" --compose-spec "$BIN/compose-spec" "${how[@]}" "$@"
