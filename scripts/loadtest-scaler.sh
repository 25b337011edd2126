#!/usr/bin/env bash
# k6 at 1, 1,000 and 10,000 ScaledObjects against two replicas of Forescale on a real Prometheus, beside a gRPC server that
# does nothing. Takes about 20 minutes; arguments go on to loadtest/scaler/run.py (--help lists them).
#
# PROFILE=quick builds in a fraction of a release build's time, nearly as fast a program.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

PROFILE="${PROFILE:-release}"
have python3 || die "the runner needs Python 3.10 or newer"
"$REPO/scripts/install-prometheus.sh"
"$REPO/scripts/install-k6.sh"
cd "$REPO"
cargo build --locked --profile "$PROFILE" --bin forescale --bench getmetrics
target="$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]+)".*/\1/')/$PROFILE"
noop="$(find "$target/deps" -maxdepth 1 -name 'getmetrics-*' -executable -type f -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)"
exec python3 loadtest/scaler/run.py --forescale "$target/forescale" --noop "$noop" --tools "$BIN" "$@"
