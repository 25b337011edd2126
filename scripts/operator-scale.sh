#!/usr/bin/env bash
# What the operator asks of a real API server when there are many PredictiveAutoscalers and nothing happens:
#
#   scripts/operator-scale.sh [COUNT]      2,000 of them by default, without KEDA; about ten minutes
#
# It makes COUNT workloads (ReplicaSets without pods) in 20 namespaces and a PredictiveAutoscaler for each, whose load a real
# Prometheus answers and which stays as it is, waits until each has its HPA, waits a minute more, and counts `apiserver_request_total` over two minutes with Forescale running and over two minutes
# without it: the difference is Forescale's, for the HPA controller asks too. FORESCALE_BIN is the program, which is built otherwise;
# MINUTES the length of a count.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

COUNT="${1:-2000}"
NAMESPACES=20
MINUTES="${MINUTES:-2}"
home="$CACHE/operator-scale"
pid="" prometheus=""
down() {
    for one in $pid $prometheus; do kill "$one" 2>/dev/null || true; done
    "$REPO/scripts/control-plane.sh" down "$home/plane" >/dev/null
}
"$REPO/scripts/control-plane.sh" down "$home/plane" >/dev/null
rm -rf "$home"
mkdir -p "$home"
"$REPO/scripts/install-prometheus.sh"
if [ -z "${FORESCALE_BIN:-}" ]; then
    cargo build --locked --manifest-path "$REPO/Cargo.toml"
    target="$(cargo metadata --manifest-path "$REPO/Cargo.toml" --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]+)".*/\1/')"
    FORESCALE_BIN="$target/debug/forescale"
fi
trap down EXIT
KUBECONFIG="$("$REPO/scripts/control-plane.sh" up "$home/plane" controllers | tail -1)"
export KUBECONFIG
kubectl() { "$("$REPO/scripts/install-control-plane.sh" --print)/bin/kubectl" "$@"; }

# Requests by verb and resource, watches left out: one of them is one request however long it lasts.
requests() {
    kubectl get --raw /metrics | awk '/^apiserver_request_total\{/ {
        n = split($0, parts, "\""); verb = resource = sub_ = ""
        for (i = 1; i < n; i += 2) {
            if (parts[i] ~ /[{,]verb=$/) verb = parts[i + 1]
            if (parts[i] ~ /[{,]resource=$/) resource = parts[i + 1]
            if (parts[i] ~ /[{,]subresource=$/) sub_ = parts[i + 1]
        }
        value = $0; sub(/.* /, "", value)
        if (verb != "WATCH") total[verb " " resource (sub_ == "" ? "" : "/" sub_)] += value
    } END { for (key in total) print key, total[key] }' | sort
}
# Requests a second between two counts, by verb and resource.
count() {
    requests >"$home/before"
    sleep $((MINUTES * 60))
    requests >"$home/after"
    awk -v seconds=$((MINUTES * 60)) 'NR == FNR { before[$1 " " $2] = $3; next }
        { print $1, $2, ($3 - before[$1 " " $2]) / seconds }' "$home/before" "$home/after" >"$1"
}

kubectl apply --server-side -f "$REPO/keda/crd/" >/dev/null
kubectl wait --for=condition=Established crd/predictiveautoscalers.forescale.dev --timeout=60s >/dev/null
workloads="$home/workloads.yaml" autoscalers="$home/autoscalers.yaml"
for ((i = 0; i < NAMESPACES; i++)); do kubectl create namespace "scale-$i" >/dev/null; done
for ((i = 0; i < COUNT; i++)); do
    cat >>"$workloads" <<YAML
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: app-$i, namespace: scale-$((i % NAMESPACES))}
spec:
  replicas: 0
  selector: {matchLabels: {app: app-$i}}
  template:
    metadata: {labels: {app: app-$i}}
    spec: {containers: [{name: app, image: app}]}
YAML
    cat >>"$autoscalers" <<YAML
---
apiVersion: forescale.dev/v1alpha1
kind: PredictiveAutoscaler
metadata: {name: app-$i, namespace: scale-$((i % NAMESPACES))}
spec:
  targetRef: {kind: ReplicaSet, name: app-$i}
  metric: {query: 'vector(25) + 0 * $i', target: 50}
  maxReplicas: 20
  mode: reactive
  triggerMetadata: {history: 1h, interval: 60s}
YAML
done
say "making $COUNT workloads and PredictiveAutoscalers"
kubectl create -f "$workloads" >/dev/null
kubectl create -f "$autoscalers" >/dev/null

cat >"$home/forescale.yaml" <<YAML
keda: {addr: "127.0.0.1:0"}
admin: {addr: "127.0.0.1:0", workloadMetrics: false}
operator: {enabled: true, kubeconfig: "$KUBECONFIG", lease: {namespace: default}}
YAML
echo "global: {scrape_interval: 1m}" >"$home/prometheus.yaml"
"$BIN/prometheus" --config.file="$home/prometheus.yaml" --storage.tsdb.path="$home/tsdb" --web.listen-address=127.0.0.1:0 \
    --query.max-concurrency=50 >"$home/prometheus.log" 2>&1 &
prometheus=$!
until address="$(grep -oE 'Listening on.*127\.0\.0\.1:[0-9]+' "$home/prometheus.log" | grep -oE '127.*$')"; do
    kill -0 "$prometheus" || die "Prometheus has ended" "$home/prometheus.log"
    sleep 0.2
done
start=$SECONDS
"$FORESCALE_BIN" serve --config "$home/forescale.yaml" --prometheus "http://$address" >"$home/forescale.log" 2>&1 &
pid=$!
while made="$(kubectl get hpa --all-namespaces --no-headers 2>/dev/null | wc -l)" && [ "$made" -lt "$COUNT" ]; do
    kill -0 "$pid" 2>/dev/null || die "Forescale has ended" "$home/forescale.log"
    sleep 2
done
say "all $COUNT HPAs are there after $((SECONDS - start)) s"
sleep 60
say "counting for $MINUTES min with Forescale"
ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
before="$(ticks)"
count "$home/with"
cpu=$(($(ticks) - before))
memory="$(awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$pid/status")"
kill "$pid"
wait "$pid" || true
pid=""
sleep 20
say "counting for $MINUTES min without it"
count "$home/without"
echo "Requests a second on the API server with $COUNT PredictiveAutoscalers, with Forescale and without, watches left out:"
awk 'NR == FNR { without[$1 " " $2] = $3; next } {
    key = $1 " " $2; mine = $3 - without[key]; all += mine
    if ($3 > 0.05 || without[key] > 0.05) printf "%-8s %-48s %8.1f %8.1f\n", $1, $2, $3, without[key]
} END { printf "Forescale: %.1f requests a second\n", all }' "$home/without" "$home/with"
echo "Forescale: $((cpu * 100 / $(getconf CLK_TCK) / (MINUTES * 60))) % of a core, $memory MiB"
