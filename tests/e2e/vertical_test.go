package e2e

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"forescale/tests/e2e/controlplane"
	"forescale/tests/e2e/harness"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// verticalLease lets a second operator work beside the one of the other scenarios, in a namespace of its own.
const verticalLease = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: forescale-operator-vertical, namespace: ` + operatorNamespace + `}
rules:
  - {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [forescale-operator-vertical], verbs: [get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: forescale-operator-vertical, namespace: ` + operatorNamespace + `}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: forescale-operator-vertical}
subjects: [{kind: ServiceAccount, name: forescale, namespace: ` + operatorNamespace + `}]
`

// coresOfAPod is what a pod has used during the hour before; it requests a whole core.
const coresOfAPod = 0.22

// Advice takes an hour of readings, and so that hour is put into the snapshot while Forescale is away. All that comes after is
// real: the plan's advice, the operator with the shipped roles, the `resize` subresource of the API server. No kubelet runs, and
// what a node does with a resize is not seen here.
func runningPodsAreResizedInPlaceAFewAtATime(t *testing.T) {
	scenario, ctx := begin(t, 14)
	namespace(t, "resized")
	apply(t, deployment("resized", "web", 3, 5*time.Second))
	account := serviceAccount(t, world.plane)
	apply(t, verticalLease)
	port, err := controlplane.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	forescale := own(t, "vertical", harness.Setup{Port: port, Settings: fmt.Sprintf(
		"operator: {enabled: true, kubeconfig: %q, namespaces: [resized], scalerAddress: \"127.0.0.1:%d\", statusEvery: 5s, lease: {name: forescale-operator-vertical}}\n",
		account, port)})
	apply(t, autoscaler("resized", "web", "resized", 2, map[string]any{"vertical": map[string]any{
		"mode":             "resize",
		"cpuQuery":         fmt.Sprintf(`sum(load{app="resized"}) / %d * %g`, perReplica, coresOfAPod),
		"maxChangePercent": 1000,
	}}))
	watched := watch(ctx, scenario, "resized", "web", "resized", "", forescale)
	settled := until(t, watched, "the plan's replicas", patience, func(s harness.State) bool { return s.Ready >= 6 && s.Ready == s.Plan })
	const state = "{.status.vertical.state}"
	eventually(t, "the want of advice to be told", "resized", "pa/web", state, func(text string) bool { return strings.Contains(text, "no advice yet") })
	before := podsOf(ctx, t, "resized", "web")
	if len(before) != settled.Ready {
		t.Fatalf("%d pods are Ready, and there are %d", settled.Ready, len(before))
	}
	for name, pod := range before {
		if pod.cores != 1 {
			t.Fatalf("pod `%s` requests %g cores before there is advice", name, pod.cores)
		}
	}

	forescale.Terminate()
	filled, err := exec.Command(os.Getenv("READINGS_BIN"), forescale.Data, fmt.Sprint(coresOfAPod)).CombinedOutput()
	if err != nil {
		t.Fatalf("no readings could be put into the snapshot: %v: %s", err, filled)
	}
	scenario.Log("while Forescale is away: %s", strings.TrimSpace(string(filled)))
	started := time.Now()
	if err := forescale.Start(); err != nil {
		t.Fatal(err)
	}
	advised := eventually(t, "advice", "resized", "pa/web", "{.status.vertical.requests.cpu}", func(text string) bool { return text != "" })
	scenario.Timing("advice of %s cores a pod %.0f s after the start; pods have used %g and request 1", advised, time.Since(started).Seconds(), coresOfAPod)

	// Each pod's turn, as it is seen.
	var turns []time.Time
	for since := time.Now(); len(turns) < len(before); time.Sleep(500 * time.Millisecond) {
		if time.Since(since) > 3*patience {
			t.Fatalf("%d of %d pods were resized within %s", len(turns), len(before), 3*patience)
		}
		resized := 0
		for _, pod := range podsOf(ctx, t, "resized", "web") {
			if pod.cores != 1 {
				resized++
			}
		}
		if resized > len(turns)+1 {
			t.Fatalf("%d pods were resized at once", resized-len(turns))
		}
		if resized > len(turns) {
			turns = append(turns, time.Now())
			scenario.Log("%d of %d pods are resized", resized, len(before))
		}
	}
	shortest := math.Inf(1)
	for index := 1; index < len(turns); index++ {
		shortest = math.Min(shortest, turns[index].Sub(turns[index-1]).Seconds())
	}
	scenario.Timing("%d pods resized one after another within %.0f s, never two within %.0f s", len(turns), turns[len(turns)-1].Sub(turns[0]).Seconds(), math.Floor(shortest))
	if shortest < 10 {
		t.Errorf("two pods were resized within %.1f s; the next one waits for 15 s", shortest)
	}

	after := podsOf(ctx, t, "resized", "web")
	wanted := resource.MustParse(strings.TrimSpace(kubectl(t, "get", "pa", "web", "-n", "resized", "-o", "jsonpath={.status.vertical.requests.cpu}")))
	for name, pod := range after {
		then, ok := before[name]
		switch {
		case !ok || then.uid != pod.uid:
			t.Errorf("pod `%s` is another one than before", name)
		case pod.restarts != 0:
			t.Errorf("pod `%s` was restarted", name)
		case math.Abs(pod.cores/wanted.AsApproximateFloat64()-1) > 0.1:
			t.Errorf("pod `%s` requests %g cores, and %s are advised", name, pod.cores, wanted.String())
		}
	}
	if cores := kubectl(t, "get", "deployment", "web", "-n", "resized", "-o", "jsonpath={.spec.template.spec.containers[0].resources.requests.cpu}"); cores != "1" {
		t.Errorf("the pod template requests %s", cores)
	}
	for _, state := range watched.States() {
		if state.At.After(started) && state.Ready < settled.Ready {
			t.Errorf("%d pods of %d were Ready while others were resized", state.Ready, settled.Ready)
			break
		}
	}
	scenario.Timing("the same %d pods run on without a restart, each with about %s", len(after), wanted.String())
	scenario.Log("status.vertical: %s", kubectl(t, "get", "pa", "web", "-n", "resized", "-o", "jsonpath={.status.vertical}"))
	events := kubectl(t, "get", "events", "-n", "resized", "--field-selector=reason=Resized")
	if !strings.Contains(events, "predictiveautoscaler/web") {
		t.Errorf("no event tells of it: %s", events)
	}
	scenario.Log("events:\n%s", events)
}

// running is what a resize in place changes of a pod, and what it leaves.
type running struct {
	uid      string
	cores    float64
	restarts int32
}

// podsOf gives the pods of a workload that are not being deleted, by name.
func podsOf(ctx context.Context, t *testing.T, namespace, app string) map[string]running {
	t.Helper()
	list, err := world.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		t.Fatal(err)
	}
	pods := map[string]running{}
	for _, pod := range list.Items {
		if pod.DeletionTimestamp != nil {
			continue
		}
		cores := pod.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU]
		found := running{uid: string(pod.UID), cores: cores.AsApproximateFloat64()}
		for _, status := range pod.Status.ContainerStatuses {
			found.restarts += status.RestartCount
		}
		pods[pod.Name] = found
	}
	return pods
}
