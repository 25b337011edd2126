# Sourced by scripts/test-chart.sh: how results are kept, the cluster is made ready, and a real Forescale is run.

RESULTS="$WORK/results"
forescale_pid=""
# What the chart is rendered for when no API server is asked; that one's own version otherwise.
KUBE_VERSION="1.37.0"

# Runs a command; its output is shown only when it fails. `check WHAT COMMAND…`
check() {
    local what="$1" start=$SECONDS
    shift
    if "$@" >"$WORK/out" 2>&1; then
        note ok "$what" "$((SECONDS - start)) s"
    else
        note FAILED "$what" "exit code $?"
        sed 's/^/    /' "$WORK/out" >&2
    fi
}

note() { printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"$RESULTS"; [ "$1" != FAILED ] || say "FAILED: $2"; }

report() {
    printf '\n%-8s %-88s %s\n' result what ''
    awk -F'\t' '{ printf "%-8s %-88s %s\n", $1, $2, $3 }' "$RESULTS"
    local failed passed
    failed="$(grep -c '^FAILED' "$RESULTS" || true)"
    passed="$(grep -c '^ok' "$RESULTS" || true)"
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ]
}

# The values files of the chart's tests, by their short names.
cases() { for file in "$CHART"/ci/*-values.yaml; do basename "$file" -values.yaml; done; }

render() { helm template forescale "$CHART" --namespace forescale --kube-version "$KUBE_VERSION" -f "$CHART/ci/$1-values.yaml" "${@:2}"; }

# What the chart's objects meet in a cluster: definitions, namespaces, nodes in two zones, volumes.
prepare_cluster() {
    local crds="$WORK/crds"
    mkdir -p "$crds"
    cp "$TOOLS_HOME"/keda-crds/keda.sh_*.yaml "$TOOLS_HOME"/cert-manager-*-crds/cert-manager.io_*.yaml \
        "$TOOLS_HOME"/prometheus-operator-*-crds/monitoring.coreos.com_{servicemonitors,podmonitors,prometheusrules}.yaml "$crds/"
    kubectl apply --server-side -f "$crds" >/dev/null
    established -f "$crds"
    {
        for namespace in keda shop; do printf -- '---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n' "$namespace"; done
        # Pods that need more than the strictest standard allows are refused.
        printf -- '---\napiVersion: v1\nkind: Namespace\nmetadata: {name: forescale, labels: {pod-security.kubernetes.io/enforce: restricted}}\n'
        for node in a b c; do
            printf -- '---\napiVersion: v1\nkind: Node\nmetadata: {name: node-%s, labels: {kubernetes.io/hostname: node-%s, kubernetes.io/os: linux, topology.kubernetes.io/zone: zone-%s}}\n' \
                "$node" "$node" "$([ "$node" = c ] && echo 2 || echo 1)"
        done
        # The node that has no zone takes no pods.
        printf -- '---\napiVersion: v1\nkind: Node\nmetadata: {name: kwok-node}\nspec: {unschedulable: true}\n'
        # Volumes that are there already: a claim is bound by the real controller, for a pod that the real scheduler has placed.
        printf -- '---\napiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: by-hand, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}\nprovisioner: kubernetes.io/no-provisioner\nvolumeBindingMode: WaitForFirstConsumer\n'
        for number in $(seq 12); do
            printf -- '---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: volume-%s}\nspec: {capacity: {storage: 10Gi}, accessModes: [ReadWriteOnce], storageClassName: by-hand, hostPath: {path: /nowhere/%s}}\n' "$number" "$number"
        done
    } | kubectl apply --server-side --force-conflicts -f - >/dev/null
    kubectl wait --for condition=Ready node --all --timeout 60s >/dev/null
    # Every new node has this taint until the controller that looks at nodes takes it away; that one is left out here.
    kubectl taint node node-a node-b node-c node.kubernetes.io/not-ready:NoSchedule- >/dev/null
    KUBE_VERSION="$(kubectl get --raw /version | sed -nE 's/.*"gitVersion": *"v([^"]+)".*/\1/p')"
}

# An authority, a server certificate and a client certificate, made once: $WORK/pki/{server,client}/{ca.crt,tls.crt,tls.key}.
make_certificates() {
    [ ! -d "$WORK/pki" ] || return 0
    local pki="$WORK/pki" who
    mkdir -p "$pki/server" "$pki/client"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=chart-test-ca -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>/dev/null
    for who in server client; do
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$who" -keyout "$pki/$who/tls.key" -out "$pki/$who.csr" 2>/dev/null
        openssl x509 -req -in "$pki/$who.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -days 1 -out "$pki/$who/tls.crt" \
            -extfile <(printf 'subjectAltName=DNS:forescale.forescale.svc,DNS:scaler.forescale.svc\nextendedKeyUsage=%sAuth\n' "$who") 2>/dev/null
        cp "$pki/ca.crt" "$pki/$who/ca.crt"
    done
    cp "$pki/ca.crt" "$pki/server/client-ca.crt"
}

# The settings that a chart's ConfigMap holds.
settings_of() { kubectl create --dry-run=client -f - -o go-template='{{ index .data "forescale.yaml" }}'; }

# Starts the real program with settings from standard input, on ports of its own, and waits until it is ready. The folders of the pod
# (/etc/forescale, /var/lib/forescale) are made in a scratch folder. Sets GRPC and HTTP.
start_forescale() {
    stop_forescale
    local home="$WORK/forescale"
    rm -rf "$home"
    mkdir -p "$home/etc" "$home/data"
    make_certificates
    cp -r "$WORK/pki/server" "$home/etc/tls"
    mkdir "$home/etc/credentials"
    printf not-a-real-token >"$home/etc/credentials/token"
    sed -e "s#/etc/forescale/#$home/etc/#g" -e "s#/var/lib/forescale#$home/data#g" >"$home/forescale.yaml"
    "$FORESCALE_BIN" serve --config "$home/forescale.yaml" --grpc-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --log info --log-format json 2>"$home/log" &
    forescale_pid=$!
    local waited=0
    until HTTP="$(address_of http)" && [ -n "$HTTP" ] && curl -sf "http://$HTTP/readyz" >/dev/null; do
        if ! kill -0 "$forescale_pid" 2>/dev/null || [ "$waited" -ge 150 ]; then
            tail -5 "$home/log"
            return 1
        fi
        waited=$((waited + 1))
        sleep 0.2
    done
    GRPC="$(address_of grpc)"
}

# Where it listens, as its log says: `address_of grpc`.
address_of() { sed -nE "s/.*\"server\":\"$1\",\"addr\":\"([^\"]+)\".*/\1/p" "$WORK/forescale/log" | head -1; }

stop_forescale() {
    [ -n "$forescale_pid" ] || return 0
    local waited=0
    kill "$forescale_pid" 2>/dev/null || true
    # A pod that does not end by itself is killed after 30 s.
    while kill -0 "$forescale_pid" 2>/dev/null && [ "$waited" -lt 150 ]; do
        waited=$((waited + 1))
        sleep 0.2
    done
    if kill -KILL "$forescale_pid" 2>/dev/null; then note FAILED "Forescale ends when it is told to" "killed after 30 s"; fi
    wait "$forescale_pid" 2>/dev/null || true
    forescale_pid=""
}

# Runs, against the Forescale of start_forescale, what a pod of `helm test` runs; its manifest comes from standard input.
run_test_pod() {
    local pod="$WORK/test-pod.yaml" template words=() word
    cat >"$pod"
    template='{{ range (index .spec.containers 0).command }}{{ println . }}{{ end }}{{ range (index .spec.containers 0).args }}{{ println . }}{{ end }}'
    while IFS= read -r word; do words+=("$word"); done < <(kubectl create --dry-run=client -f "$pod" -o go-template="$template" | sed '/^$/d')
    if [ "${words[0]}" = wget ]; then
        word="${words[${#words[@]} - 1]}"
        curl -sf --max-time 10 "http://$HTTP/${word#http://*/}"
    else
        # The name in the certificate is the Service's, the address is that of this machine.
        local last=$((${#words[@]} - 2)) authority
        authority="${words[$last]%:*}"
        words[last]="$GRPC"
        grpcurl -authority "$authority" "${words[@]//\/tls\//$WORK/pki/client/}" | grep -q '"SERVING"'
    fi
}

# A block of code of docs/install.md, by its first line.
documented() { awk -v first="$1" '/^```/ { inside = 0 } inside { print } $0 == first { inside = 1; print }' docs/install.md; }
