#!/usr/bin/env bash
# Writes dashboard/rules/prometheus-rule.yaml, the PrometheusRule object for the Prometheus Operator, from the plain rules,
# so that there is one place to change them. With `-` it goes to stdout; a URL puts your own place in for the runbook's:
#   scripts/prometheus-rule.sh - https://docs.example.com/forescale | kubectl apply -n monitoring -f -
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

rules="$REPO/dashboard/rules/forescale.rules.yaml"
target="${1:-$REPO/dashboard/rules/prometheus-rule.yaml}"
docs="${2:-https://forescale.example/docs}"

rule() {
    cat <<'HEAD'
# Made from forescale.rules.yaml by scripts/prometheus-rule.sh; change that one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: forescale
  labels:
    app.kubernetes.io/name: forescale
spec:
HEAD
    sed -e '/^#/d' -e "s|https://forescale.example/docs|$docs|" -e 's/^\(.\)/  \1/' "$rules"
}

if [ "$target" = - ]; then rule; else rule >"$target"; fi
