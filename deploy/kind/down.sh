#!/usr/bin/env bash
# Removes the cluster that up.sh has made, with everything in it.
set -euo pipefail
exec kind delete cluster --name "${CLUSTER:-forescale}"
