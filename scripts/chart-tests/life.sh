# A chart's life as a new user sees it, in a namespace of its own: install, test, upgrade, refused upgrade, rollback, persistence on
# and off, uninstall; then each set of values once. Nothing may stay behind except what the notes say.
SPACE=scaling
helm_() { helm "$@" --namespace "$SPACE"; }
kube() { kubectl --namespace "$SPACE" "$@"; }
get() { kube get "$1" -o "go-template=$2"; }
# equal COMMAND… WANT: the output is exactly that
equal() {
    local want="${*: -1}" got
    got="$("${@:1:$#-1}")" || return 1
    [ "$got" = "$want" ] || { echo "is \`$got\`, should be \`$want\`"; return 1; }
}
ready_addresses() { kube get endpointslices -l kubernetes.io/service-name="$1" -o go-template='{{ range .items }}{{ range .endpoints }}{{ if .conditions.ready }}{{ println .addresses }}{{ end }}{{ end }}{{ end }}' | sort -u | grep -c .; }

# Everything of a namespace that is not there in every namespace.
left_in() {
    kubectl api-resources --verbs list --namespaced -o name | grep -vE '^(events|events\.events\.k8s\.io|bindings)' | paste -sd, \
        | xargs -I{} kubectl -n "$1" get {} -o name --ignore-not-found 2>/dev/null \
        | grep -vE '^(configmap/kube-root-ca.crt|serviceaccount/default|podmetrics|lease)' | sort || true
}
left_in_cluster() { kubectl get clusterroles,clusterrolebindings,clustertriggerauthentications.keda.sh -l app.kubernetes.io/part-of=forescale -o name; }
# Things that go in the background need a moment.
nothing_left() {
    local left
    for _ in $(seq 50); do
        left="$(left_in "$SPACE")$(left_in_cluster)"
        [ -n "$left" ] || return 0
        sleep 0.5
    done
    echo "left behind: $left"
    return 1
}

check "helm install --create-namespace --wait" helm_ install forescale "$CHART" --create-namespace --wait --timeout 2m
helm_ get notes forescale >"$WORK/notes"
check "two pods are ready" equal get deployment/forescale '{{ .status.readyReplicas }}' 2
nodes() { kube get pods -l app.kubernetes.io/component=external-scaler -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | grep -c .; }
zones() { kube get pods -l app.kubernetes.io/component=external-scaler -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' | xargs -n1 -I{} kubectl get node {} -o jsonpath='{.metadata.labels.topology\.kubernetes\.io/zone}{"\n"}' | sort -u | grep -c .; }
check "… on two nodes" equal nodes 2
check "… in two zones" equal zones 2
check "the Service is headless" equal get service/forescale '{{ .spec.clusterIP }}' None
eventually() { for _ in $(seq 40); do ! "$@" >/dev/null || return 0; sleep 0.5; done; "$@"; }
check "… and has both pods" eventually equal ready_addresses forescale 2
check "the disruption budget lets one go" equal get pdb/forescale '{{ .status.disruptionsAllowed }}' 1
kube create serviceaccount drain >/dev/null
evict() {
    local pod="$1"
    printf '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"%s","namespace":"%s"}}' "$pod" "$SPACE" \
        | kubectl create --raw "/api/v1/namespaces/$SPACE/pods/$pod/eviction" -f -
}
mapfile -t pods < <(kube get pods -l app.kubernetes.io/component=external-scaler -o name | sed 's#pod/##')
second_eviction_is_refused() { evict "${pods[0]}" && ! evict "${pods[1]}"; }
check "a drain takes one pod, the second is refused" second_eviction_is_refused
kube delete serviceaccount drain >/dev/null
check "… and is made good" kube rollout status deployment/forescale --timeout 60s

check "the notes' first command" bash -c "$(grep 'rollout status' "$WORK/notes")"
# As it would be pasted: the whole here-document.
sed -n '/<<END$/,/^END$/p' "$WORK/notes" | sed 's/kubectl apply/& --dry-run=server --warnings-as-errors/' >"$WORK/notes.sh"
check "the notes' ScaledObject is accepted" bash -euc "[ -s '$WORK/notes.sh' ]; . '$WORK/notes.sh'"
sed '1d;$d' "$WORK/notes.sh" >"$WORK/notes.yaml"
check "… and by forescale check" "$FORESCALE_BIN" check "$WORK/notes.yaml"
outage_of() { kubectl create --dry-run=client -f "$1" -o jsonpath='{.spec.triggers[*].type} {.spec.fallback.failureThreshold} {.spec.fallback.behavior}'; }
check "… and is one that an outage of Forescale does not harm" equal outage_of "$WORK/notes.yaml" "external-push 0 currentReplicasIfHigher"

# The pods of `helm test` do nothing here. What they would run is run against a real Forescale with the release's settings, and how
# that ended becomes the pod's phase.
play_test_pods() {
    while sleep 0.5; do
        for pod in $(kube get pods -l app.kubernetes.io/component=test -o jsonpath='{range .items[?(@.status.phase=="Running")]}{.metadata.name}{"\n"}{end}' 2>/dev/null); do
            if kube get pod "$pod" -o yaml | run_test_pod >>"$WORK/test-pods" 2>&1; then phase=Succeeded; else phase=Failed; fi
            kube patch pod "$pod" --subresource status --patch "{\"status\":{\"phase\":\"$phase\"}}" >/dev/null 2>&1
        done
    done
}
kube get configmap forescale -o go-template='{{ index .data "forescale.yaml" }}' >"$WORK/live.settings"
start_forescale <"$WORK/live.settings"
play_test_pods &
player=$!
check "helm test" helm_ test forescale --timeout 1m
stop_forescale
if helm_ test forescale --timeout 1m >"$WORK/out" 2>&1; then
    note FAILED "helm test with Forescale gone" "passed"
else
    note ok "helm test with Forescale gone fails"
fi
kill "$player" 2>/dev/null || true
wait "$player" 2>/dev/null || true
kube delete pods -l app.kubernetes.io/component=test --wait >/dev/null

template_hash() { kube get pods -l app.kubernetes.io/component=external-scaler -o jsonpath='{range .items[*]}{.metadata.labels.pod-template-hash}{"\n"}{end}' | sort -u | paste -sd, ; }
before="$(template_hash)"
check "helm upgrade: settings and replicas" helm_ upgrade forescale "$CHART" --reuse-values --set replicas=3,config.plan.defaultLeadTime=4m --wait --timeout 2m
check "… three pods" equal get deployment/forescale '{{ .status.readyReplicas }}' 3
changed() { [ "$(template_hash)" != "$before" ] && kube get configmap forescale -o yaml | grep -q 'defaultLeadTime: 4m'; }
check "… and changed settings have replaced the pods" changed
check "helm upgrade: nothing to do" helm_ upgrade forescale "$CHART" --reuse-values --wait --timeout 2m
same() { [ "$(template_hash)" != "$before" ] && [ "$(get deployment/forescale '{{ .metadata.generation }}')" = 2 ]; }
check "… does nothing" same
if helm_ upgrade forescale "$CHART" --reuse-values --set tls.enable=true >"$WORK/out" 2>&1; then note FAILED "a mistyped upgrade is refused" "was accepted"; else
    note ok "a mistyped upgrade is refused" "$(grep -o "additional properties.*" "$WORK/out" | head -1)"; fi
check "… and leaves the release as it was" equal get deployment/forescale '{{ .status.readyReplicas }}' 3
check "helm rollback" helm_ rollback forescale 1 --wait --timeout 2m
check "… two pods again" equal get deployment/forescale '{{ .status.readyReplicas }}' 2
check "… of the first settings" equal template_hash "$before"

check "helm upgrade: persistence on" helm_ upgrade forescale "$CHART" --set persistence.enabled=true --wait --timeout 2m
check "… a StatefulSet with two pods" equal get statefulset/forescale '{{ .status.readyReplicas }}' 2
bound() { kube get pvc -o jsonpath='{range .items[*]}{.status.phase}{"\n"}{end}' | grep -c Bound; }
check "… each with a bound volume" equal bound 2
check "… and no Deployment" equal kube get deployments -o name ""
check "… all of it behind the Service" eventually equal ready_addresses forescale 2
check "helm upgrade: persistence off" helm_ upgrade forescale "$CHART" --wait --timeout 2m
check "… the volumes stay" equal bound 2
helm_ upgrade forescale "$CHART" --set persistence.enabled=true --wait --timeout 2m >/dev/null
helm_ get notes forescale >"$WORK/notes"
check "helm uninstall" helm_ uninstall forescale --wait --timeout 2m
only_claims() { for _ in $(seq 50); do [ "$(left_in "$SPACE" | sed 's#/.*##' | sort -u)" = persistentvolumeclaim ] && return 0; sleep 0.5; done; left_in "$SPACE"; return 1; }
check "… leaves only the volumes that the notes name" only_claims
check "… and the notes' command takes those" bash -c "$(grep -o 'kubectl .* delete pvc .*' "$WORK/notes")"
check "… nothing is left" nothing_left

# Leaving with the operator, with the release's settings and its ServiceAccount's rights: a workload that sleeps at zero has to wake
# before its PredictiveAutoscaler can go. The definition is there since the first install.
established crd/predictiveautoscalers.forescale.dev
check "helm install with the operator" helm_ install forescale "$CHART" --set operator.enabled=true --wait --timeout 2m
helm_ get notes forescale >"$WORK/notes"
run_operator() {
    local account="$WORK/account.kubeconfig" token
    token="$(kube create token forescale)"
    kubectl config view --raw --minify --flatten >"$account"
    kubectl --kubeconfig "$account" config set-credentials forescale --token "$token" >/dev/null
    kubectl --kubeconfig "$account" config set-context --current --user forescale --namespace "$SPACE" >/dev/null
    kube get configmap forescale -o go-template='{{ index .data "forescale.yaml" }}' >"$WORK/operator.settings"
    start_forescale < <(sed "s#^operator:#&\n  kubeconfig: $account#" "$WORK/operator.settings")
}
asleep() {
    kube create deployment asleep --image registry.example.com/app --replicas 0 >/dev/null
    kube apply -f - >/dev/null <<'OWNER'
apiVersion: forescale.dev/v1alpha1
kind: PredictiveAutoscaler
metadata: {name: asleep}
spec:
  targetRef: {name: asleep}
  metric: {query: load, target: 100}
  minReplicas: 0
  maxReplicas: 5
OWNER
    eventually kube get scaledobject asleep && eventually equal finalizers '["forescale.dev/leave-running"]'
}
finalizers() { kube get predictiveautoscaler asleep -o jsonpath='{.metadata.finalizers}'; }
owners() { kubectl get predictiveautoscalers -A -o name; }
take_away() { kube delete deployment asleep --wait >/dev/null; }
check "… runs with the rights that come with it" run_operator
check "… makes a ScaledObject of a workload at zero" asleep
check "the notes' command deletes the PredictiveAutoscaler" bash -c "$(grep -o 'kubectl delete predictiveautoscalers .*' "$WORK/notes") --timeout 60s"
check "… none is left" equal owners ""
check "… and the workload is awake" equal get deployment/asleep '{{ .spec.replicas }}' 1
take_away
check "… one more workload at zero" asleep
stop_forescale
kubectl delete predictiveautoscalers -A --all --wait=false >/dev/null
check "with the operator gone a PredictiveAutoscaler stays" equal finalizers '["forescale.dev/leave-running"]'
documented "# the operator is gone already" >"$WORK/let-go.sh"
check "… until the command of docs/install.md lets go of it" bash -euc "[ -s '$WORK/let-go.sh' ]; . '$WORK/let-go.sh'"
check "… none is left" eventually equal owners ""
take_away
check "helm uninstall with the operator" helm_ uninstall forescale --wait --timeout 2m
check "… nothing is left" nothing_left

for case in $(cases); do
    check "helm install, $case" helm_ install forescale "$CHART" -f "$CHART/ci/$case-values.yaml" --wait --timeout 2m
    check "helm upgrade to the defaults and back, $case" bash -c "helm upgrade forescale '$CHART' --namespace $SPACE --reset-values --wait --timeout 2m && helm upgrade forescale '$CHART' --namespace $SPACE -f '$CHART/ci/$case-values.yaml' --wait --timeout 2m"
    check "helm uninstall, $case" helm_ uninstall forescale --wait --timeout 2m
    kube delete pvc --all --wait >/dev/null
    check "… nothing is left, $case" nothing_left
done
