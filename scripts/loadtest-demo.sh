#!/usr/bin/env bash
# Proves that k6 and Locust follow the demo's patterns: a real demo service, each generator with each curve, a minute each,
# and what the service has counted beside what the curve asks for. Prints a table; exits with 1 when one is off.
#
# SECONDS_EACH (60) and PEAK (60 requests a second) may be set.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

SECONDS_EACH="${SECONDS_EACH:-60}"
export PEAK="${PEAK:-60}"
DEMO="$REPO/loadtest/demo"

"$REPO/scripts/install-k6.sh"
"$REPO/scripts/install-locust.sh"
manifest="$REPO/loadtest/demo-service/Cargo.toml"
cargo test --locked --quiet --manifest-path "$manifest" >&2
cargo build --locked --quiet --release --manifest-path "$manifest"
target="$(cargo metadata --format-version 1 --no-deps --manifest-path "$manifest" | sed -E 's/.*"target_directory":"([^"]+)".*/\1/')"

work="$(mktemp -d)"
stop() { [ -z "${service:-}" ] || kill "$service" 2>/dev/null || true; rm -rf "$work"; }
trap stop EXIT
head -c 24 /dev/urandom | base64 >"$work/token"
"$target/release/demo-service" --addr 127.0.0.1:0 --token-file "$work/token" --work 1ms 2>"$work/log" &
service=$!
until grep -q '^listening on ' "$work/log"; do
    kill -0 "$service" 2>/dev/null || die "the demo service has ended: $(cat "$work/log")"
    sleep 0.1
done
TARGET="http://$(sed -n 's/^listening on //p' "$work/log")"
TOKEN_FILE="$work/token"
export TARGET TOKEN_FILE

failed=0
echo "| generator, curve | requests counted | curve asks for | level | correlation | answers |"
echo "|---|---|---|---|---|---|"
for name in daily weekly spike; do
    export CURVE="$DEMO/curves/$name.csv"
    LENGTH="$(tail -1 "$CURVE" | cut -d, -f1)"
    # A spike that lasts for minutes is over in no time when a day takes a minute: three hours of them.
    [ "$name" != spike ] || LENGTH=10800
    SPEED="$(awk -v length_="$LENGTH" -v s="$SECONDS_EACH" 'BEGIN { print length_ / s }')"
    export LENGTH SPEED
    python3 "$DEMO/follows.py" "k6, $name" "$BIN/k6" run --quiet "$DEMO/k6.js" || failed=1
    python3 "$DEMO/follows.py" "Locust, $name" "$CACHE/locust/bin/locust" --headless --only-summary -f "$DEMO/locustfile.py" || failed=1
done
exit "$failed"
