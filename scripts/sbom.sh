#!/usr/bin/env bash
# Writes the software bill of materials of the image as CycloneDX JSON: every crate that the program is built of (cargo-cyclonedx, from
# Cargo.lock), ONNX Runtime and the shipped networks. Debian's libraries in the base image are not in it: `docker buildx build --sbom=true`
# adds a bill of those.
#
#   scripts/sbom.sh [FILE]        by default .cache/forescale.cdx.json
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

VERSION="0.5.9"
target="$(realpath -m "${1:-$CACHE/forescale.cdx.json}")"
triple="${SBOM_TARGET:-x86_64-unknown-linux-gnu}"

if ! "$BIN/cargo-cyclonedx" cyclonedx --version 2>/dev/null | grep -qF "$VERSION"; then
    have cargo || die "there is no \`cargo\` on the PATH"
    say "cargo-cyclonedx: building $VERSION"
    cargo install --quiet --locked --root "$CACHE" "cargo-cyclonedx@$VERSION"
fi

# It writes beside Cargo.toml.
name="forescale-sbom-part"
trap 'rm -f "$REPO/$name.json"' EXIT
(cd "$REPO" && "$BIN/cargo-cyclonedx" cyclonedx --format json --spec-version 1.5 --target "$triple" --no-build-deps \
    --override-filename "$name" --quiet)

onnxruntime="$(sed -nE 's/^ARG ONNXRUNTIME_VERSION=//p' "$REPO/Dockerfile" | head -1)"
python3 "$REPO/scripts/sbom-complete.py" "$REPO/$name.json" "$onnxruntime" "$REPO/models" "$target"
