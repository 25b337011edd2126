package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"forescale/tests/e2e/harness"
)

// variant is one way to put a trigger of ours beside another one.
type variant struct {
	name   string
	kind   string
	beside string
	// threshold is the fallback's `failureThreshold`; without one there is no fallback.
	threshold *int
	// follows: the HPA still follows the trigger beside while Forescale is dead.
	follows bool
}

var never, atOnce, afterThree = (*int)(nil), new(0), new(3)

// What KEDA 2.21 and the HPA do with each while Forescale is dead and the trigger beside asks for 12 replicas.
//
// KEDA asks a dead scaler for its metric's name first, fails, and fails every read of the ScaledObject with it, those of
// other triggers included (keda#5914); the fallback needs that name and never comes (keda#8056). CPU is read past KEDA,
// and so the HPA still scales up by it. A name that `external-push` has streamed is kept until a read fails: a fallback
// from the first failure on suppresses that failure, and everything goes on.
var variants = []variant{
	{name: "external-cron", kind: "external", beside: "cron", threshold: never},
	{name: "external-cron-fallback-3", kind: "external", beside: "cron", threshold: afterThree},
	{name: "external-cron-fallback-0", kind: "external", beside: "cron", threshold: atOnce},
	{name: "push-cron", kind: "external-push", beside: "cron", threshold: never},
	{name: "push-cron-fallback-3", kind: "external-push", beside: "cron", threshold: afterThree},
	{name: "push-cron-fallback-0", kind: "external-push", beside: "cron", threshold: atOnce, follows: true},
	{name: "external-cpu", kind: "external", beside: "cpu", threshold: never, follows: true},
	{name: "push-cpu-fallback-0", kind: "external-push", beside: "cpu", threshold: atOnce, follows: true},
}

const outageNamespace = "killed"

func (v variant) object(address string, cronFrom time.Time) object {
	ours := forecast(v.kind, address, "killed", "leadTime", "30s", "hpaTolerance", "0")
	beside := trigger{kind: "cpu", metricType: "Utilization", metadata: map[string]string{"value": "50"}}
	if v.beside == "cron" {
		until := cronFrom.Add(time.Hour)
		beside = trigger{kind: "cron", metadata: map[string]string{
			"timezone":        "UTC",
			"start":           fmt.Sprintf("%d %d * * *", cronFrom.Minute(), cronFrom.Hour()),
			"end":             fmt.Sprintf("%d %d * * *", until.Minute(), until.Hour()),
			"desiredReplicas": "12",
		}}
	}
	spec := map[string]any{"advanced": behavior()}
	if v.threshold != nil {
		spec["fallback"] = map[string]any{"failureThreshold": *v.threshold, "replicas": 2, "behavior": "currentReplicasIfHigher"}
	}
	return object{namespace: outageNamespace, name: v.name, min: 1, max: 20, triggers: []trigger{ours, beside}, spec: spec}
}

func forescaleIsKilledWhileACPUOrCronTriggerIsBesideIt(t *testing.T) {
	scenario, ctx := begin(t, 8)
	namespace(t, outageNamespace)
	forescale := own(t, "killed", harness.Setup{})
	// A minute to settle, one in which Forescale is dead and nothing else has changed.
	cronFrom := time.Now().UTC().Add(150 * time.Second).Truncate(time.Minute).Add(time.Minute)
	watched := map[string]*harness.Watched{}
	objects := map[string]object{}
	for _, variant := range variants {
		world.podMetrics.Set(outageNamespace, variant.name, 2)
		apply(t, deployment(outageNamespace, variant.name, 5, 5*time.Second))
		objects[variant.name] = variant.object(forescale.GRPC, cronFrom)
		apply(t, objects[variant.name].manifest())
		watched[variant.name] = watch(ctx, scenario, outageNamespace, variant.name, "killed", fmt.Sprintf("%-26s", variant.name), forescale)
	}
	for _, variant := range variants {
		until(t, watched[variant.name], variant.name+" to follow the plan", patience, func(s harness.State) bool { return s.Ready >= 6 && s.Spec == s.Plan })
	}
	time.Sleep(time.Until(cronFrom.Add(-60 * time.Second)))
	killed := time.Now()
	forescale.Kill()
	scenario.Log("Forescale is killed")

	time.Sleep(time.Until(cronFrom.Add(-15 * time.Second)))
	for _, variant := range variants {
		explain(ctx, scenario, variant, objects[variant.name])
		world.podMetrics.Set(outageNamespace, variant.name, 6)
	}
	scenario.Log("CPU use rises to what 12 replicas need, and the cron triggers' time comes in 15 s")
	time.Sleep(time.Until(cronFrom.Add(75 * time.Second)))
	for _, variant := range variants {
		outage(ctx, t, scenario, variant, objects[variant.name], watched[variant.name], killed)
	}

	begun := time.Now()
	if err := forescale.Start(); err != nil {
		t.Fatal(err)
	}
	scenario.Log("Forescale is back")
	for _, variant := range variants {
		until(t, watched[variant.name], variant.name+" to follow all of its triggers again", patience, func(s harness.State) bool { return s.Spec >= 12 })
	}
	scenario.Timing("all at 12 replicas %.0f s after Forescale's return", time.Since(begun).Seconds())
}

// explain writes down what a user sees while Forescale is dead.
func explain(ctx context.Context, scenario *harness.Scenario, variant variant, object object) {
	var reads []string
	for _, metric := range metricsOf(variant, object) {
		value, err := read(ctx, object, metric)
		if err != nil {
			value = "error: " + err.Error()
		}
		reads = append(reads, metric+" = "+value)
	}
	scenario.Log("%s: the HPA reads %s\n         %s", variant.name, strings.Join(reads, "; "), conditions(object))
}

func metricsOf(variant variant, object object) []string {
	metrics := []string{"s0-forescale"}
	if variant.beside == "cron" {
		names, err := world.plane.Kubectl("", "get", "hpa", "keda-hpa-"+object.name, "-n", object.namespace, "-o", "jsonpath={.spec.metrics[*].external.metric.name}")
		if err == nil {
			metrics = strings.Fields(names)
		}
	}
	return metrics
}

func outage(ctx context.Context, t *testing.T, scenario *harness.Scenario, variant variant, object object, watched *harness.Watched, killed time.Time) {
	t.Helper()
	explain(ctx, scenario, variant, object)
	state, _ := watched.Last()
	fewest := state.Spec
	for _, seen := range watched.States() {
		if seen.At.After(killed) {
			fewest = min(fewest, seen.Spec)
		}
	}
	if variant.follows {
		scenario.Timing("%s: follows its other trigger, %d replicas (never below %d)", variant.name, state.Spec, fewest)
	} else {
		scenario.Timing("%s: frozen at %d (never below %d)", variant.name, state.Spec, fewest)
	}
	if fewest < 6 {
		t.Errorf("%s: fell to %d replicas while Forescale was dead", variant.name, fewest)
	}
	if follows := state.Spec >= 12; follows != variant.follows {
		t.Errorf("%s: %d replicas while the other trigger asked for 12; expected it to be followed: %t", variant.name, state.Spec, variant.follows)
	}
}
