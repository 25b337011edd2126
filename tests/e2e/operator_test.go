package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"forescale/tests/e2e/controlplane"
	"forescale/tests/e2e/harness"
)

const operatorNamespace = "forescale"

// operators starts Forescales with the operator, with the rights of the shipped roles and no others.
func operators(t *testing.T, namespaces string, count int) []*harness.Forescale {
	t.Helper()
	kubeconfig := serviceAccount(t, world.plane)
	var started []*harness.Forescale
	for index := range count {
		port, err := controlplane.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		settings := fmt.Sprintf(
			"operator: {enabled: true, kubeconfig: %q, namespaces: [%s], scalerAddress: \"127.0.0.1:%d\", statusEvery: 5s}\n",
			kubeconfig, namespaces, port)
		started = append(started, own(t, fmt.Sprintf("operator-%d", index), harness.Setup{Port: port, Settings: settings}))
	}
	return started
}

// serviceAccount makes Forescale's ServiceAccount with the roles in keda/components/operator, and gives a kubeconfig of it.
func serviceAccount(t *testing.T, plane *controlplane.Plane) string {
	t.Helper()
	manifests := []string{fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: forescale, namespace: %[1]s}
`, operatorNamespace)}
	for _, pattern := range []string{"../../keda/crd/*.yaml", "../../keda/components/operator*/rbac.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing at %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			manifests = append(manifests, string(text))
		}
	}
	for _, manifest := range manifests {
		if err := plane.Apply(manifest); err != nil {
			t.Fatal(err)
		}
	}
	if err := plane.Established("crd/predictiveautoscalers.forescale.dev"); err != nil {
		t.Fatal(err)
	}
	config, err := plane.KubeconfigOf(operatorNamespace, "forescale")
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	text, err := world.plane.Kubectl("", args...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// autoscaler is a PredictiveAutoscaler for an application's load.
func autoscaler(namespace, name, app string, least int, more map[string]any) string {
	spec := map[string]any{
		"targetRef":       map[string]any{"name": name},
		"metric":          map[string]any{"query": fmt.Sprintf(`sum(load{app=%q})`, app), "target": perReplica},
		"minReplicas":     least,
		"maxReplicas":     20,
		"leadTime":        "30s",
		"triggerMetadata": map[string]any{"history": "8d"},
	}
	for key, value := range more {
		spec[key] = value
	}
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": "forescale.dev/v1alpha1",
		"kind":       "PredictiveAutoscaler",
		"metadata":   map[string]any{"name": name, "namespace": namespace},
		"spec":       spec,
	})
	if err != nil {
		panic(err)
	}
	return string(manifest)
}

// eventually waits until a field of an object is as it should be.
func eventually(t *testing.T, what, namespace, resource, path string, probe func(string) bool) string {
	t.Helper()
	return eventuallyOn(t, world.plane, what, namespace, resource, path, probe)
}

func eventuallyOn(t *testing.T, plane *controlplane.Plane, what, namespace, resource, path string, probe func(string) bool) string {
	t.Helper()
	since := time.Now()
	for {
		text, err := plane.Kubectl("", "get", resource, "-n", namespace, "--ignore-not-found", "-o", "jsonpath="+path)
		if err == nil && probe(text) {
			return text
		}
		if time.Since(since) > patience {
			t.Fatalf("waited %s in vain for %s; %s of %s is %q (%v)", patience, what, path, resource, text, err)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func is(wanted string) func(string) bool { return func(text string) bool { return text == wanted } }

const readyOf = `{.status.conditions[?(@.type=="Ready")].status}`

// A PredictiveAutoscaler's whole life: it scales, gives way to a user, survives its operator, and goes.
func aPredictiveAutoscalerScalesAWorkloadAndGivesWayToItsUser(t *testing.T) {
	scenario, ctx := begin(t, 12)
	namespace(t, "operated")
	apply(t, deployment("operated", "web", 2, 5*time.Second))
	namespace(t, "asleep")
	forescales := operators(t, "operated, asleep", 2)
	begun := time.Now()
	apply(t, autoscaler("operated", "web", "operated", 2, nil))
	watched := watch(ctx, scenario, "operated", "web", "operated", "", forescales[0])
	until(t, watched, "the plan's replicas", patience, func(s harness.State) bool { return s.Ready >= 6 && s.Ready == s.Plan })
	eventually(t, "the resource to be Ready", "operated", "pa/web", readyOf, is("True"))
	scenario.Timing("Ready and at the plan's replicas %.0f s after it was applied, with the shipped roles' rights alone", time.Since(begun).Seconds())
	scenario.Log("kubectl get pa:\n%s", kubectl(t, "get", "pa", "-n", "operated", "-o", "wide"))
	// KEDA hands over exactly the trigger that the operator has registered: one workload, not two.
	if plans := forescales[0].Plans("operated", "web"); len(plans) != 1 {
		t.Errorf("Forescale has %d workloads for one PredictiveAutoscaler", len(plans))
	}

	edited := kubectl(t, "patch", "scaledobject", "web", "-n", "operated", "--field-manager=kubectl-edit", "--type=merge", "-p", `{"spec":{"maxReplicaCount":5}}`)
	scenario.Log("a user: %s", strings.TrimSpace(edited))
	yielded := eventually(t, "the field to be left to the user", "operated", "pa/web", "{.status.yielded[0]}", func(text string) bool {
		return strings.Contains(text, ".spec.maxReplicaCount") && strings.Contains(text, "kubectl-edit")
	})
	until(t, watched, "the user's five replicas", patience, func(s harness.State) bool { return s.Spec == 5 })
	apply(t, autoscaler("operated", "web", "operated", 3, nil))
	eventually(t, "a change of another field to go through", "operated", "scaledobject/web", "{.spec.minReplicaCount}", is("3"))
	if most := kubectl(t, "get", "scaledobject", "web", "-n", "operated", "-o", "jsonpath={.spec.maxReplicaCount}"); most != "5" {
		t.Errorf("the user's maxReplicaCount became %s", most)
	}
	scenario.Timing("a user's edit stays theirs: %s", yielded)

	leader := 0
	if !leads(forescales[0]) {
		leader = 1
	}
	killed := time.Now()
	forescales[leader].Kill()
	scenario.Log("the replica that holds the Lease is killed")
	for !leads(forescales[1-leader]) {
		if time.Since(killed) > patience {
			t.Fatal("no other replica took the Lease")
		}
		time.Sleep(250 * time.Millisecond)
	}
	scenario.Timing("the other replica holds the Lease %.0f s after its holder was killed", time.Since(killed).Seconds())
	if err := forescales[leader].Start(); err != nil {
		t.Fatal(err)
	}

	kubectl(t, "delete", "scaledobject", "web", "-n", "operated", "--wait=true", "--timeout=60s")
	deleted := time.Now()
	eventually(t, "the ScaledObject to be made anew", "operated", "scaledobject/web", "{.spec.maxReplicaCount}", is("20"))
	scenario.Timing("a deleted ScaledObject is there again after %.0f s", time.Since(deleted).Seconds())
	until(t, watched, "the plan's replicas again", patience, func(s harness.State) bool { return s.Ready >= 6 && s.Ready == s.Plan })

	state, _ := watched.Last()
	kubectl(t, "delete", "pa", "web", "-n", "operated", "--wait=true", "--timeout=60s")
	eventually(t, "the ScaledObject to go", "operated", "scaledobject/web", "{.metadata.name}", is(""))
	eventually(t, "the HPA to go", "operated", "hpa/keda-hpa-web", "{.metadata.name}", is(""))
	after := kubectl(t, "get", "deployment", "web", "-n", "operated", "-o", "jsonpath={.spec.replicas}")
	scenario.Timing("deleted: ScaledObject and HPA are gone, %s replicas stay of %d", after, state.Spec)
	if after != fmt.Sprint(state.Spec) {
		t.Errorf("%s replicas are left of %d", after, state.Spec)
	}
	scenario.Log("events:\n%s", kubectl(t, "get", "events", "-n", "operated", "--field-selector=involvedObject.kind=PredictiveAutoscaler"))

	// One Lease, and so one operator at a time: the same two look after this one too.
	t.Run("what a PredictiveAutoscaler can not do is told, and a sleeping workload is woken when nothing scales it any more", whatAPredictiveAutoscalerCanNotDoIsToldAndASleepingWorkloadIsWokenWhenNothingScalesItAnyMore)
}

// What can't work is told; a workload that sleeps is woken when nothing would wake it any more; without KEDA there is an HPA.
func whatAPredictiveAutoscalerCanNotDoIsToldAndASleepingWorkloadIsWokenWhenNothingScalesItAnyMore(t *testing.T) {
	scenario, _ := begin(t, 13)
	apply(t, deployment("asleep", "batch", 0, 5*time.Second), deployment("asleep", "taken", 2, 5*time.Second))
	apply(t, autoscaler("asleep", "batch", "asleep", 0, map[string]any{"cooldownPeriod": 5}))
	eventually(t, "the sleeping workload's object to be Ready", "asleep", "pa/batch", readyOf, is("True"))

	apply(t, object{namespace: "asleep", name: "taken", min: 1, max: 3, triggers: []trigger{forecast("external", world.forescale.GRPC, "again")}}.manifest())
	twin := strings.ReplaceAll(autoscaler("asleep", "twin", "asleep", 1, nil), `"targetRef":{"name":"twin"}`, `"targetRef":{"name":"taken"}`)
	apply(t, twin)
	const message = `{.status.conditions[?(@.type=="Ready")].reason}: {.status.conditions[?(@.type=="Ready")].message}`
	taken := eventually(t, "the other ScaledObject to be named", "asleep", "pa/twin", message, func(text string) bool { return strings.Contains(text, "TargetTaken") })
	scenario.Timing("a workload that is scaled already: %s", taken)

	wrong := autoscaler("asleep", "wrong", "asleep", 1, map[string]any{"model": "crystal-ball", "timezone": "Europe/Atlantis"})
	apply(t, wrong)
	invalid := eventually(t, "both mistakes to be told", "asleep", "pa/wrong", message, func(text string) bool {
		return strings.Contains(text, "crystal-ball") && strings.Contains(text, "Atlantis")
	})
	scenario.Timing("mistakes are told: %s", strings.ReplaceAll(invalid, "\n", "; "))

	before := kubectl(t, "get", "deployment", "batch", "-n", "asleep", "-o", "jsonpath={.spec.replicas}")
	if before != "0" {
		t.Fatalf("the workload has %s replicas and does not sleep", before)
	}
	apply(t, deployment("asleep", "nightly", 0, 5*time.Second))
	kubectl(t, "patch", "pa", "batch", "-n", "asleep", "--type=merge", "-p", `{"spec":{"targetRef":{"name":"nightly"}}}`)
	turned := time.Now()
	eventually(t, "the other workload to be scaled", "asleep", "scaledobject/batch", "{.spec.scaleTargetRef.name}", is("nightly"))
	eventually(t, "the workload before to be woken", "asleep", "deployment/batch", "{.spec.replicas}", is("1"))
	scenario.Timing("given another workload: the one before slept at zero and has 1 replica after %.0f s", time.Since(turned).Seconds())
	// Two looks of KEDA, which must not put it back to sleep.
	time.Sleep(35 * time.Second)
	left := kubectl(t, "get", "deployment", "batch", "nightly", "-n", "asleep", "-o", "jsonpath={.items[*].spec.replicas}")
	if left != "1 0" {
		t.Errorf("the workload before and the one that sleeps now have these replicas: %s", left)
	}

	kubectl(t, "delete", "pa", "batch", "-n", "asleep", "--wait=true", "--timeout=60s")
	after := eventually(t, "the workload to be woken", "asleep", "deployment/nightly", "{.spec.replicas}", is("1"))
	eventually(t, "the ScaledObject to go", "asleep", "scaledobject/batch", "{.metadata.name}", is(""))
	scenario.Timing("a workload that slept at zero has %s replica after its PredictiveAutoscaler was deleted", after)
}

// leads says whether a Forescale holds the operator's Lease.
func leads(forescale *harness.Forescale) bool {
	value, err := forescale.Metric("forescale_operator_leads ")
	return err == nil && value == 1
}
