#!/usr/bin/env bash
# Runs the end-to-end scenarios against a control plane of their own; what they wrote stays in .cache/e2e until the next run.
#
# FORESCALE_BIN names the program to test; without it the release build is made. READINGS_BIN is the built example
# `hour_of_readings`, which lies beside it or is built. Arguments go to `go test`:
# `scripts/e2e.sh -run 'TestForescale/over_mutual'`.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

built="$(cd "$REPO" && cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]+)".*/\1/')"
if [ -z "${FORESCALE_BIN:-}" ]; then
    (cd "$REPO" && cargo build --locked --release --bin forescale --example hour_of_readings)
    FORESCALE_BIN="$built/release/forescale"
fi
if [ -z "${READINGS_BIN:-}" ]; then
    READINGS_BIN="$(dirname "$FORESCALE_BIN")/examples/hour_of_readings"
    if [ ! -x "$READINGS_BIN" ]; then
        (cd "$REPO" && cargo build --locked --example hour_of_readings)
        READINGS_BIN="$built/debug/examples/hour_of_readings"
    fi
fi
"$REPO/scripts/install-prometheus.sh"
"$REPO/scripts/install-control-plane.sh"

E2E_DIR="$CACHE/e2e"
CONTROL_PLANE_BIN="$("$REPO/scripts/install-control-plane.sh" --print)/bin"
PROMETHEUS_BIN="$BIN"
export FORESCALE_BIN READINGS_BIN E2E_DIR CONTROL_PLANE_BIN PROMETHEUS_BIN

# A run that was cut off can't end its programs itself.
down() {
    "$REPO/scripts/control-plane.sh" down "$E2E_DIR/without-keda"
    "$REPO/scripts/control-plane.sh" down "$E2E_DIR"
}
down
rm -rf "$E2E_DIR"
mkdir -p "$E2E_DIR"
trap down EXIT
go test -C "$REPO/tests/e2e" -count=1 -timeout 40m -parallel 32 -v "$@" . 2>&1 | tee "$E2E_DIR/run.log"
say "e2e: table and timelines are in $E2E_DIR/e2e.md, logs in $E2E_DIR/logs"
