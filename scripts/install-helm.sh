#!/usr/bin/env bash
# Builds `helm` into .cache/bin with Go, at a pinned version. Only the tests of the chart need it; takes some minutes.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

# `HELM_VERSION=v3.22.0` tries the chart with Helm 3, which it supports as well.
VERSION="${HELM_VERSION:-v4.3.1}"

if [ -x "$BIN/helm" ] && [ "$("$BIN/helm" version --template '{{ .Version }}' 2>/dev/null)" = "$VERSION" ]; then
    exit 0
fi
have go || die "building helm needs Go 1.26 or newer" "install Go (go.dev/dl)"
say "helm: building $VERSION with $(go env GOVERSION), this takes some minutes"
major="${VERSION%%.*}"
# The version is told by the linker; `go install` alone would leave it at what the source says.
GOBIN="$BIN" CGO_ENABLED=0 go install -trimpath \
    -ldflags "-s -w -X helm.sh/helm/$major/internal/version.version=$VERSION" \
    "helm.sh/helm/$major/cmd/helm@$VERSION" \
    || die "helm $VERSION could not be built" "its modules come through Go's module proxy: is it reachable?"
