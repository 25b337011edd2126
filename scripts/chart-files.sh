#!/usr/bin/env bash
# Makes what the chart has from elsewhere: the table in keda/chart/README.md out of values.yaml (helm-docs), keda/chart/files out of
# dashboard/ and keda/chart/crds out of keda/crd. `scripts/chart-files.sh --check` changes nothing and fails when something is not current.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

VERSION="${HELM_DOCS_VERSION:-v1.14.2}"
if [ ! -x "$BIN/helm-docs" ]; then
    have go || die "building helm-docs needs Go" "install Go (go.dev/dl)"
    say "helm-docs: building $VERSION with $(go env GOVERSION)"
    GOBIN="$BIN" CGO_ENABLED=0 go install "github.com/norwoodj/helm-docs/cmd/helm-docs@$VERSION"
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp -r "$REPO/keda/chart" "$work/chart"
rm -rf "$work/chart/files"
mkdir -p "$work/chart/files"
RULES="$REPO/dashboard/rules/forescale.rules.yaml"
[ ! -f "$RULES" ] || cp "$RULES" "$work/chart/files/"
for dashboard in "$REPO"/dashboard/*.json "$REPO"/dashboard/grafana/*.json; do
    [ -f "$dashboard" ] || continue
    mkdir -p "$work/chart/files/dashboards"
    cp "$dashboard" "$work/chart/files/dashboards/"
done
rm -rf "$work/chart/crds"
mkdir -p "$work/chart/crds"
cp "$REPO"/keda/crd/*.yaml "$work/chart/crds/"
[ -n "$(ls "$work/chart/files")" ] || rm -r "$work/chart/files"
(cd "$work/chart" && "$BIN/helm-docs" --log-level warning --skip-version-footer --sort-values-order file)

if [ "${1:-}" = --check ]; then
    diff -r -q "$work/chart" "$REPO/keda/chart" || die "the chart's README.md or files/ are not current" "run scripts/chart-files.sh"
    exit 0
fi
rm -rf "$REPO/keda/chart/files"
rm -rf "$REPO/keda/chart/crds"
cp -r "$work/chart/crds" "$REPO/keda/chart/crds"
[ ! -d "$work/chart/files" ] || cp -r "$work/chart/files" "$REPO/keda/chart/files"
cp "$work/chart/README.md" "$REPO/keda/chart/README.md"
