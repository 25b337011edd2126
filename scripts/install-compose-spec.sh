#!/usr/bin/env bash
# Builds `compose-spec` into .cache/bin with Go: the Compose project's own loader and validator, without an engine.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

VERSION="${COMPOSE_SPEC_VERSION:-v2.16.2}"

if [ -x "$BIN/compose-spec" ]; then
    exit 0
fi
have go || die "building compose-spec needs Go 1.24 or newer"
say "compose-spec: building $VERSION with $(go env GOVERSION)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
GOBIN="$work" go install "github.com/compose-spec/compose-go/v2/cmd@$VERSION"
mv "$work/cmd" "$BIN/compose-spec"
