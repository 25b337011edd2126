#!/usr/bin/env bash
# A real, local Kubernetes control plane for tests and for trying things out, on free ports and without root:
#
#   scripts/control-plane.sh up DIR [controllers] [scheduler] [kwok] [keda]    prints the path of its kubeconfig when it is ready
#   scripts/control-plane.sh down DIR                                          ends everything that was started under DIR
#
# etcd and kube-apiserver always run; `controllers` is kube-controller-manager with the HPA controller, `scheduler` is
# kube-scheduler (without it pods name their node), `kwok` lets pods become Ready, `keda` is KEDA's operator and metrics
# adapter. kubectl lies in $(scripts/install-control-plane.sh --print)/bin.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
dir="$(realpath -m "$2")"
if [ "$1" = up ]; then
    parts=(etcd kubernetes)
    for part in "${@:3}"; do
        case "$part" in scheduler | kwok | keda) parts+=("$part") ;; esac
    done
    scripts/install-control-plane.sh "${parts[@]}"
fi
CONTROL_PLANE_BIN="$(scripts/install-control-plane.sh --print)/bin"
export CONTROL_PLANE_BIN
exec go run -C tests/e2e ./cmd/control-plane "$1" "$dir" "${@:3}"
