#!/usr/bin/env bash
# Builds the control plane of the end-to-end tests with Go: etcd, kube-apiserver, kube-controller-manager, kubectl,
# KEDA's operator, metrics adapter and webhooks, KWOK and prometheus-adapter, at the versions pinned in
# tests/e2e/tools/*/go.mod; also, when they are asked for, kube-scheduler and the CustomResourceDefinitions that the
# chart's objects need.
#
# They are built once into a cache outside the clone, so that every clone of the same versions shares them; a run
# that finds them all takes a second. `install-control-plane.sh --print` only says where that is.
# `install-control-plane.sh kubernetes etcd` builds those two and leaves the others.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

TOOLS="$REPO/tests/e2e/tools"

# The version of a module that a tool's go.mod requires, without the leading v.
pinned() { awk -v m="$2" '$1 == "require" && $2 == m { print substr($3, 2) } $1 == m && $2 ~ /^v/ { print substr($2, 2) }' "$TOOLS/$1/go.mod" | head -1; }

KUBERNETES="$(pinned kubernetes k8s.io/kubernetes)"
ETCD="$(pinned etcd go.etcd.io/etcd/server/v3)"
KEDA="$(pinned keda github.com/kedacore/keda/v2)"
KWOK="$(pinned kwok sigs.k8s.io/kwok)"
ADAPTER="$(pinned prometheus-adapter sigs.k8s.io/prometheus-adapter)"
HOME_OF_ALL="${XDG_CACHE_HOME:-$HOME/.cache}/forescale/control-plane"
TARGET="$HOME_OF_ALL/kubernetes-$KUBERNETES+etcd-$ETCD+keda-$KEDA+kwok-$KWOK"
mkdir -p "$TARGET/bin"

if [ "${1:-}" = --print ]; then
    echo "$TARGET"
    exit 0
fi

# Builds one program: the tool module it belongs to, its package, its file name, further linker flags.
build() {
    local module="$1" package="$2" name="$3" flags="${4:-}"
    [ ! -x "$TARGET/bin/$name" ] || return 0
    have go || die "building the control plane needs Go 1.26 or newer" "install Go (go.dev/dl)"
    local start=$SECONDS
    say "control plane: building $name"
    # Written under another name first, so that a build cut short leaves nothing that looks finished.
    CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -mod=readonly" \
        go build -C "$TOOLS/$module" -trimpath -ldflags "-s -w $flags" -o "$TARGET/bin/.$name.part" "$package"
    mv "$TARGET/bin/.$name.part" "$TARGET/bin/$name"
    say "control plane: $name is built ($((SECONDS - start)) s)"
}

build_kubernetes() {
    # Without its version the API server calls itself v0.0.0, and KEDA asks for it.
    local version="-X k8s.io/component-base/version.gitVersion=v$KUBERNETES"
    version+=" -X k8s.io/component-base/version.gitMajor=${KUBERNETES%%.*}"
    version+=" -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES")"
    local name
    for name in kube-apiserver kubectl kube-controller-manager; do
        build kubernetes "k8s.io/kubernetes/cmd/$name" "$name" "$version"
    done
}

# Only what tests of the chart need: the scenarios name the node of each pod themselves.
build_scheduler() {
    build kubernetes k8s.io/kubernetes/cmd/kube-scheduler kube-scheduler "-X k8s.io/component-base/version.gitVersion=v$KUBERNETES"
}

# Copies CustomResourceDefinitions out of a module: tool, module, folder in it, name of the copy.
copy_crds() {
    local target="$TARGET/$4" source
    [ ! -d "$target" ] || return 0
    have go || die "the CustomResourceDefinitions come out of Go modules" "install Go (go.dev/dl)"
    go mod download -C "$TOOLS/$1" "$2"
    source="$(GOFLAGS="${GOFLAGS:-} -mod=readonly" go list -C "$TOOLS/$1" -m -f '{{.Dir}}' "$2")"
    rm -rf "$TARGET/.$4.part"
    mkdir "$TARGET/.$4.part"
    install -m 644 "$source/$3"/*.yaml "$TARGET/.$4.part/"
    mv "$TARGET/.$4.part" "$target"
}

build_crds() {
    copy_crds keda github.com/kedacore/keda/v2 config/crd/bases keda-crds
    copy_crds crds github.com/cert-manager/cert-manager deploy/crds "cert-manager-$(pinned crds github.com/cert-manager/cert-manager)-crds"
    copy_crds crds github.com/prometheus-operator/prometheus-operator example/prometheus-operator-crd \
        "prometheus-operator-$(pinned crds github.com/prometheus-operator/prometheus-operator)-crds"
}

build_etcd() { build etcd go.etcd.io/etcd/server/v3 etcd; }

build_keda() {
    local version="-X github.com/kedacore/keda/v2/version.Version=$KEDA"
    build keda github.com/kedacore/keda/v2/cmd/operator keda-operator "$version"
    build keda github.com/kedacore/keda/v2/cmd/adapter keda-metrics-adapter "$version"
    build keda github.com/kedacore/keda/v2/cmd/webhooks keda-webhooks "$version"
    copy_crds keda github.com/kedacore/keda/v2 config/crd/bases keda-crds
}

build_kwok() { build kwok sigs.k8s.io/kwok/cmd/kwok kwok "-X sigs.k8s.io/kwok/pkg/consts.Version=v$KWOK"; }

# Its version is in its name: a newer one leaves the rest as it is built.
build_prometheus-adapter() {
    build prometheus-adapter sigs.k8s.io/prometheus-adapter/cmd/adapter "prometheus-adapter-$ADAPTER"
    ln -sf "prometheus-adapter-$ADAPTER" "$TARGET/bin/prometheus-adapter"
}

[ $# -gt 0 ] || set -- etcd kubernetes keda kwok prometheus-adapter
for tool in "$@"; do
    case "$tool" in
        etcd | kubernetes | keda | kwok | prometheus-adapter | scheduler | crds) "build_$tool" ;;
        *) die "there is no tool \`$tool\`" "allowed: etcd, kubernetes, keda, kwok, prometheus-adapter, scheduler, crds" ;;
    esac
done
