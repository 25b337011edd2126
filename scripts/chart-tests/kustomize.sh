# README's `kubectl apply -k keda/` for real, each component and all of them together by server-side dry run, and the examples.
overlay() {
    local folder="$WORK/overlay" component
    mkdir -p "$folder"
    {
        printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: forescale\nresources: [../../../keda/base]\ncomponents:\n'
        for component in "$@"; do printf '  - ../../../keda/components/%s\n' "$component"; done
    } >"$folder/kustomization.yaml"
    kubectl apply --dry-run=server --warnings-as-errors -k "$folder"
}
kubectl delete namespace forescale --wait >/dev/null
check "kubectl apply -k keda/" kubectl apply --warnings-as-errors -k keda/
check "… rolled out" kubectl -n forescale rollout status deployment/forescale --timeout 60s
# kubectl always finds something to patch in a PodDisruptionBudget: its selector is replaced as a whole.
check "… again, nothing changes" bash -c "! kubectl apply -k keda/ | grep -v -e unchanged -e poddisruptionbudget"
for component in keda/components/*/; do
    component="$(basename "$component")"
    # On top of the NetworkPolicy, which some of them add to; mutual-tls needs a certificate.
    case "$component" in
        networkpolicy) check "component $component" overlay "$component" ;;
        mutual-tls) check "component tls-secret + $component" overlay networkpolicy tls-secret "$component" ;;
        *) check "component $component" overlay networkpolicy "$component" ;;
    esac
done
everything=(networkpolicy persistence tls-cert-manager mutual-tls servicemonitor cluster-knowledge operator)
check "all components, persistence first" overlay "${everything[@]}"
check "all components, persistence last" overlay networkpolicy tls-cert-manager mutual-tls servicemonitor cluster-knowledge operator persistence
documented_overlay() {
    mkdir -p "$WORK/documented"
    documented "# kustomization.yaml" | sed 's#forescale/keda/#../../../keda/#' >"$WORK/documented/kustomization.yaml"
    [ -s "$WORK/documented/kustomization.yaml" ] && kubectl apply --dry-run=server --warnings-as-errors -k "$WORK/documented"
}
check "the overlay of docs/install.md" documented_overlay
for door in keda/doors/openshift/*.yaml; do
    check "${door#keda/}" kubectl apply --dry-run=server --warnings-as-errors -f "$door"
done
check "kubectl delete -k keda/" kubectl delete -k keda/
check "keda/crd" kubectl apply --server-side -f keda/crd
established crd/predictiveautoscalers.forescale.dev
for example in keda/examples/*.yaml; do
    check "${example#keda/}" kubectl apply --dry-run=server --warnings-as-errors -f "$example"
done
# The chart and the components give the same rights.
rules() { kubectl create --dry-run=client -f - -o json | jq -rc '(.items // [.])[] | .rules[]? | [.apiGroups, .resources, .verbs]' | sort; }
chart_rules() { render default --set clusterKnowledge.enabled=true,operator.enabled=true --show-only templates/rbac.yaml | rules; }
component_rules() { for file in keda/components/{cluster-knowledge,operator}/rbac.yaml; do printf -- '---\n'; cat "$file"; done | rules; }
same_rules() { [ -n "$(chart_rules)" ] && diff <(chart_rules) <(component_rules); }
check "the chart's roles are the components'" same_rules
