#!/usr/bin/env bash
# A kind cluster with everything: KEDA, Prometheus, Grafana, Forescale, a demo service with an API token and its ScaledObject, and a
# load that follows the demo's patterns. Run any number of times: what is there is brought up to date. down.sh removes it.
#
# Needs docker (or podman, with KIND_EXPERIMENTAL_PROVIDER=podman), kind, kubectl and helm.
set -euo pipefail
cd "$(dirname "$0")/../.."

CLUSTER="${CLUSTER:-forescale}"
KEDA_VERSION="${KEDA_VERSION:-2.21.0}"
FORESCALE_IMAGE=forescale:0.1.0
DEMO_IMAGE=forescale-demo-service:0.1.0
ENGINE="${ENGINE:-docker}"

for tool in "$ENGINE" kind kubectl helm; do
    command -v "$tool" >/dev/null || { echo "error: there is no \`$tool\` on the PATH" >&2; exit 1; }
done
say() { printf '\n=== %s\n' "$*" >&2; }
k() { kubectl --context "kind-$CLUSTER" "$@"; }
# Makes or replaces what `kubectl create … --dry-run` describes.
put() { k create "$@" --dry-run=client --output=yaml | k apply --server-side --force-conflicts --filename=-; }

say "cluster"
if ! kind get clusters | grep --quiet --line-regexp "$CLUSTER"; then
    kind create cluster --name "$CLUSTER" --config deploy/kind/kind.yaml --wait 2m
fi

say "images"
"$ENGINE" build --tag "$FORESCALE_IMAGE" .
"$ENGINE" build --tag "$DEMO_IMAGE" loadtest/demo-service
kind load docker-image --name "$CLUSTER" "$FORESCALE_IMAGE" "$DEMO_IMAGE"

say "KEDA $KEDA_VERSION"
helm upgrade --install keda keda --repo https://kedacore.github.io/charts --version "$KEDA_VERSION" \
    --kube-context "kind-$CLUSTER" --namespace keda --create-namespace --wait

say "Prometheus and Grafana"
k apply --server-side --filename deploy/kind/monitoring.yaml
put configmap prometheus --namespace monitoring --from-file=deploy/kind/prometheus.yml
shopt -s nullglob
rules=(dashboard/rules/*.rules.yaml)
dashboards=(dashboard/*.json)
[ ${#rules[@]} -eq 0 ] || put configmap prometheus-rules --namespace monitoring "${rules[@]/#/--from-file=}"
[ ${#dashboards[@]} -eq 0 ] || put configmap grafana-dashboards --namespace monitoring "${dashboards[@]/#/--from-file=}"
k rollout restart deployment/prometheus deployment/grafana --namespace monitoring

say "Forescale"
k apply --server-side --kustomize keda
k rollout status deployment/forescale --namespace forescale --timeout 3m

say "demo service and load"
k create namespace demo --dry-run=client --output=yaml | k apply --server-side --filename=-
if ! k get secret api-token --namespace demo >/dev/null 2>&1; then
    # Through a file descriptor: a token on a command line is everybody's to read.
    k create secret generic api-token --namespace demo --from-file=api-token=<(head -c 24 /dev/urandom | base64)
fi
put configmap load --namespace demo --from-file=loadtest/demo/k6.js --from-file=loadtest/demo/curve.js \
    --from-file=loadtest/demo/curves/daily.csv
# A Job can't be changed.
k delete job load --namespace demo --ignore-not-found
k apply --server-side --filename deploy/kind/demo.yaml
k wait scaledobject/demo-service --namespace demo --for=condition=Ready --timeout=3m

cat <<TEXT

Watch it:
  kubectl --context kind-$CLUSTER -n demo get hpa,deploy -w
  kubectl --context kind-$CLUSTER -n forescale port-forward deploy/forescale 8080     # then http://localhost:8080, or
                                                                                      # forescale explain demo/demo-service
  kubectl --context kind-$CLUSTER -n monitoring port-forward svc/grafana 3000:80
Call the demo service:
  kubectl --context kind-$CLUSTER -n demo port-forward svc/demo-service 8081:80
  curl -H "Authorization: Bearer \$(kubectl --context kind-$CLUSTER -n demo get secret api-token -o jsonpath='{.data.api-token}' | base64 -d)" \\
      localhost:8081/workload
TEXT
