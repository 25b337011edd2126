#!/usr/bin/env bash
# Tries the Helm chart and the kustomizations of keda/ against a real API server, with a real scheduler, real controllers and the
# CustomResourceDefinitions of KEDA, cert-manager and the Prometheus operator. Prints a table; exit code 1 when anything is not
# as it should be. `scripts/test-chart.sh lint refusals` runs only those parts.
#
# What is not real: nodes and pods. KWOK makes pods Ready, nothing runs in them; Forescale itself is run beside, with the settings
# that the chart has written. FORESCALE_BIN names the program; without it the release build is made.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"
cd "$REPO"

PARTS=(lint refusals files server settings rights life kustomize)
[ $# -eq 0 ] || PARTS=("$@")
for part in "${PARTS[@]}"; do
    [ -f "scripts/chart-tests/$part.sh" ] || die "there is no part \`$part\`" "allowed: lint, refusals, files, server, settings, rights, life, kustomize"
done

export PATH="$BIN:$PATH"
CHART="$REPO/keda/chart"
WORK="$CACHE/chart"
export WORK CHART

scripts/install-helm.sh
# shellcheck source=scripts/chart-tests/lib.sh
. scripts/chart-tests/lib.sh

needs_cluster=false needs_program=false
for part in "${PARTS[@]}"; do
    case "$part" in
        server | rights | kustomize) needs_cluster=true ;;
        settings | life) needs_cluster=true needs_program=true ;;
    esac
done

down() { scripts/control-plane.sh down "$WORK/plane" >/dev/null 2>&1 || true; }
finish() {
    local status=$?
    stop_forescale
    if $needs_cluster; then down; fi
    exit "$status"
}
if $needs_cluster; then down; fi
rm -rf "$WORK"
mkdir -p "$WORK"
# Helm keeps to this folder, whatever the user's own has.
export HELM_CONFIG_HOME="$WORK/helm/config" HELM_CACHE_HOME="$WORK/helm/cache" HELM_DATA_HOME="$WORK/helm/data"
trap finish EXIT

if $needs_program && [ -z "${FORESCALE_BIN:-}" ]; then
    cargo build --locked --release
    FORESCALE_BIN="$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]+)".*/\1/')/release/forescale"
fi
if $needs_program; then scripts/install-grpcurl.sh; fi
if $needs_cluster; then
    scripts/install-control-plane.sh crds
    TOOLS_HOME="$(scripts/install-control-plane.sh --print)"
    export PATH="$TOOLS_HOME/bin:$PATH"
    KUBECONFIG="$(scripts/control-plane.sh up "$WORK/plane" controllers scheduler kwok)"
    export KUBECONFIG
    prepare_cluster
fi

for part in "${PARTS[@]}"; do
    say "chart: $part"
    # shellcheck source=/dev/null
    . "scripts/chart-tests/$part.sh"
done
report
