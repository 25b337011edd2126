#!/usr/bin/env bash
# Checks what is in deploy/ without a container engine: compose.yaml by the Compose project's own loader, the settings of Prometheus
# by promtool, the scripts by bash and ShellCheck, the triggers by `forescale check`, and the manifests by a real API
# server with KEDA's definitions, pod security included.
#
# FORESCALE_BIN names the program; without it the release build is made.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

"$REPO/scripts/install-prometheus.sh"
"$REPO/scripts/install-compose-spec.sh"
"$REPO/scripts/install-control-plane.sh" etcd kubernetes keda
cd "$REPO"
if [ -z "${FORESCALE_BIN:-}" ]; then
    cargo build --locked --release
    FORESCALE_BIN="$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]+)".*/\1/')/release/forescale"
fi
say "=== compose"
API_TOKEN_MADE=
[ -e deploy/compose/api-token ] || { echo "only-to-be-checked" >deploy/compose/api-token; API_TOKEN_MADE=1; }
"$BIN/compose-spec" --format json deploy/compose/compose.yaml >/dev/null
[ -z "$API_TOKEN_MADE" ] || rm deploy/compose/api-token
say "=== Prometheus"
for config in deploy/*/prometheus.yml; do "$BIN/promtool" check config "$config"; done
say "=== scripts"
scripts=(deploy/kind/*.sh scripts/*.sh scripts/*/*.sh)
for script in "${scripts[@]}"; do bash -n "$script"; done
if have shellcheck; then
    shellcheck --shell=bash --external-sources --severity=warning "${scripts[@]}"
else
    say "skipped: ShellCheck (Debian's package \`shellcheck\`)"
fi
say "=== triggers"
"$FORESCALE_BIN" check deploy/kind/demo.yaml

say "=== manifests"
plane="$(mktemp -d)"
down() { "$REPO/scripts/control-plane.sh" down "$plane"; rm -rf "$plane"; }
trap down EXIT
KUBECONFIG="$("$REPO/scripts/control-plane.sh" up "$plane")"
export KUBECONFIG
tools="$("$REPO/scripts/install-control-plane.sh" --print)"
export PATH="$tools/bin:$PATH"
kubectl apply --server-side --filename "$tools/keda-crds" >/dev/null
established --filename "$tools/keda-crds"
kubectl apply --server-side --filename deploy/kind/monitoring.yaml
kubectl apply --server-side --filename deploy/kind/demo.yaml
kubectl apply --server-side --kustomize keda
# Nothing here runs pods; whether they would be let in under the strictest standard is asked for each.
kubectl label namespace monitoring pod-security.kubernetes.io/enforce=restricted >/dev/null
for namespace in monitoring demo forescale; do
    kubectl create serviceaccount default --namespace "$namespace" >/dev/null
    for owner in $(kubectl get deployments,jobs --namespace "$namespace" --output name); do
        kubectl get "$owner" --namespace "$namespace" --output=jsonpath='{.spec.template.spec}' >"$plane/spec.json"
        printf '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "%s", "namespace": "%s"}, "spec": %s}' \
            "${owner##*/}" "$namespace" "$(cat "$plane/spec.json")" | kubectl create --dry-run=server --filename=-
    done
done
