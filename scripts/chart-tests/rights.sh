# What Forescale may do in the cluster: nothing by default, and no more than it needs otherwise.
may() { kubectl auth can-i --as "system:serviceaccount:forescale:forescale" "$@" >/dev/null 2>&1; }
expect() {
    local want="$1"
    shift
    if may "$@"; then got=yes; else got=no; fi
    if [ "$got" = "$want" ]; then note ok "may $*: $want"; else note FAILED "may $*" "is $got, should be $want"; fi
}
apply_rights() { render "$1" "${@:2}" | kubectl apply --namespace forescale -f - >/dev/null; }
remove_rights() { render "$1" "${@:2}" | kubectl delete --namespace forescale --ignore-not-found --wait=false -f - >/dev/null; }

apply_rights default
for what in "list pods -A" "get secrets -A" "list scaledobjects.keda.sh -A" "create leases.coordination.k8s.io -n forescale"; do
    # shellcheck disable=SC2086
    expect no $what
done
apply_rights default --set clusterKnowledge.enabled=true
for what in "list pods -A" "watch horizontalpodautoscalers.autoscaling -A" "list scaledobjects.keda.sh -A" "get deployments.apps -A"; do
    # shellcheck disable=SC2086
    expect yes $what
done
for what in "patch scaledobjects.keda.sh -A" "delete pods -A" "get secrets -A" "get configmaps -A" "create leases.coordination.k8s.io -n forescale"; do
    # shellcheck disable=SC2086
    expect no $what
done
remove_rights default --set clusterKnowledge.enabled=true
apply_rights default --set operator.enabled=true
for what in "create scaledobjects.keda.sh -A" "patch horizontalpodautoscalers.autoscaling -A" "patch predictiveautoscalers.forescale.dev --subresource status -A" "create leases.coordination.k8s.io -n forescale" "create events.events.k8s.io -A"; do
    # shellcheck disable=SC2086
    expect yes $what
done
for what in "create leases.coordination.k8s.io -n keda" "patch pods --subresource resize -A" "list pods -A" "delete predictiveautoscalers.forescale.dev -A" "patch deployments.apps -A"; do
    # shellcheck disable=SC2086
    expect no $what
done
apply_rights roles
expect yes patch pods --subresource resize -A
expect no patch pods -A
remove_rights roles
