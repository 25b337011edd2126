# What Forescale may do in the cluster: nothing by default, and no more than it needs otherwise. The API server is asked about its
# ServiceAccount, also for kinds that are not installed.

# may VERB GROUP RESOURCE[/SUBRESOURCE] [NAMESPACE]: the group `core` is the nameless one; without a namespace all of them are meant.
may() {
    local group="$2" resource="${3%%/*}" subresource=""
    [ "$group" != core ] || group=""
    case "$3" in */*) subresource="${3#*/}" ;; esac
    [ "$(kubectl create -o jsonpath='{.status.allowed}' -f - <<REVIEW
apiVersion: authorization.k8s.io/v1
kind: SubjectAccessReview
spec:
  user: system:serviceaccount:forescale:forescale
  groups: ["system:serviceaccounts", "system:serviceaccounts:forescale", "system:authenticated"]
  resourceAttributes: {verb: "$1", group: "$group", resource: "$resource", subresource: "$subresource", namespace: "${4:-}"}
REVIEW
    )" = true ]
}
# Lines of `yes|no` and what to ask.
expect() {
    local title="$1" want question got
    while read -r want question; do
        # shellcheck disable=SC2086
        if may $question; then got=yes; else got=no; fi
        if [ "$got" = "$want" ]; then note ok "$title: may $question" "$want"; else note FAILED "$title: may $question" "is $got, should be $want"; fi
    done
}
apply_rights() { render "$1" "${@:2}" | kubectl apply -f - >/dev/null; }
remove_rights() { render "$1" "${@:2}" | kubectl delete --ignore-not-found --wait=false -f - >/dev/null 2>&1; }

apply_rights default
expect "by default" <<'TABLE'
no list core pods
no get core secrets
no list keda.sh scaledobjects
no create coordination.k8s.io leases forescale
TABLE
apply_rights default --set clusterKnowledge.enabled=true
expect clusterKnowledge <<'TABLE'
yes list core pods
yes watch autoscaling horizontalpodautoscalers
yes list keda.sh scaledobjects
yes list apps deployments
no get apps deployments
yes watch apps statefulsets
no patch keda.sh scaledobjects
no delete core pods
no get core secrets
no get core configmaps
no create coordination.k8s.io leases forescale
TABLE
remove_rights default --set clusterKnowledge.enabled=true
apply_rights default --set clusterKnowledge.enabled=true,clusterKnowledge.pods=false,clusterKnowledge.targets=false
expect "clusterKnowledge.scaling alone" <<'TABLE'
yes watch autoscaling horizontalpodautoscalers
yes list keda.sh scaledobjects
no list apps deployments
no list core pods
TABLE
remove_rights default --set clusterKnowledge.enabled=true
apply_rights default --set operator.enabled=true
expect operator <<'TABLE'
yes watch forescale.dev predictiveautoscalers
yes patch forescale.dev predictiveautoscalers/status
yes create keda.sh scaledobjects
yes watch keda.sh scaledobjects
yes watch autoscaling horizontalpodautoscalers
yes patch autoscaling horizontalpodautoscalers
yes create coordination.k8s.io leases forescale
yes create events.k8s.io events
no create coordination.k8s.io leases keda
no delete forescale.dev predictiveautoscalers
no patch core pods/resize
no patch apps deployments
no get core secrets
TABLE
apply_rights roles
expect operator.verticalApply <<'TABLE'
yes patch core pods/resize
no patch core pods
no delete core pods
TABLE
remove_rights roles
apply_rights default --set operator.enabled=true,operator.verticalApply=template
expect "operator.verticalApply=template" <<'TABLE'
yes patch apps deployments
no patch core pods/resize
no list core pods
TABLE
remove_rights default --set operator.enabled=true
# Of its own writing rights an operator for some namespaces has none elsewhere; its lease lies where the settings say.
apply_rights namespaces
expect "operator of one namespace" <<'TABLE'
yes watch forescale.dev predictiveautoscalers shop
yes create keda.sh scaledobjects shop
yes patch apps deployments/scale shop
yes patch core pods/resize shop
yes create events.k8s.io events shop
yes create coordination.k8s.io leases keda
yes list keda.sh scaledobjects
no patch apps deployments shop
no create keda.sh scaledobjects
no create keda.sh scaledobjects keda
no patch apps deployments/scale forescale
no list core pods
no create coordination.k8s.io leases forescale
TABLE
remove_rights namespaces
