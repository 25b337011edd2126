#!/usr/bin/env bash
# Builds `grpcurl` into .cache/bin with Go, at a pinned version.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

VERSION="${GRPCURL_VERSION:-v1.9.3}"
# The newest version that the Go of Debian 12 (1.19) can build.
VERSION_FOR_OLD_GO="v1.8.9"

if [ -x "$BIN/grpcurl" ]; then
    exit 0
fi
if ! have go; then
    say "grpcurl: there is no Go on this machine, installing Debian's"
    install_go() { as_root apt-get install -y -qq --no-install-recommends golang-go >/dev/null; }
    # The first try fails where the package lists have never been read.
    install_go 2>/dev/null || { as_root apt-get update -qq && install_go; } \
        || die "building \`grpcurl\` needs Go, and only root can install it from Debian's packages" \
            "run \`apt-get update && apt-get install golang-go\` as root, or put \`go\` or \`grpcurl\` on the PATH"
fi
minor="$(go env GOVERSION | sed -E 's/^go1\.([0-9]+).*/\1/')"
if [ "$minor" -lt 21 ]; then
    VERSION="$VERSION_FOR_OLD_GO"
fi
say "grpcurl: building $VERSION with $(go env GOVERSION)"
GOBIN="$BIN" GOFLAGS=-mod=mod go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$VERSION" \
    || die "grpcurl $VERSION could not be built" "its modules come through Go's module proxy: is it reachable?"
