#!/usr/bin/env bash
# The operator's tests that need a real API server, without KEDA: what it owns is watched, pods are resized in place, pod
# templates, field managers.
# What needs KEDA is in tests/e2e.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

plane="$CACHE/operator-plane"
down() { "$REPO/scripts/control-plane.sh" down "$plane" >/dev/null; }
down
rm -rf "$plane"
trap down EXIT
FORESCALE_TEST_KUBECONFIG="$("$REPO/scripts/control-plane.sh" up "$plane" controllers kwok | tail -1)"
export FORESCALE_TEST_KUBECONFIG
FORESCALE_TEST_KEDA_CRDS="$("$REPO/scripts/install-control-plane.sh" --print)/keda-crds"
export FORESCALE_TEST_KEDA_CRDS
cd "$REPO"
cargo test --all-features --lib -- operator::
