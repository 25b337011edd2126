#!/usr/bin/env bash
# Builds `k6` into .cache/bin with Go, at a pinned version. Only the load test needs it; takes some minutes.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

VERSION="${K6_VERSION:-v1.4.0}"

if [ -x "$BIN/k6" ]; then
    exit 0
fi
have go || die "building k6 needs Go 1.24 or newer" "install Go, or put a \`k6\` of your own into $BIN"
say "k6: building $VERSION with $(go env GOVERSION), this takes some minutes"
GOBIN="$BIN" go install "go.k6.io/k6@$VERSION"
