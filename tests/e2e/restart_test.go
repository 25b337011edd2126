package e2e

import (
	"context"
	"testing"
	"time"

	"forescale/tests/e2e/harness"
)

func kedaIsRestarted(t *testing.T) {
	scenario, ctx := begin(t, 11)
	namespace(t, "kept")
	apply(t, deployment("kept", "web", 1, 5*time.Second))
	web := object{
		namespace: "kept", name: "web", min: 1, max: 20,
		triggers: []trigger{forecast("external-push", world.forescale.GRPC, "kept", "leadTime", "30s", "hpaTolerance", "0")},
		spec:     map[string]any{"advanced": behavior()},
	}
	apply(t, web.manifest())
	watched := watch(ctx, scenario, "kept", "web", "kept", "", world.forescale)
	settled := until(t, watched, "the plan's replicas", patience, func(s harness.State) bool { return s.Ready >= 9 && s.Spec == s.Plan })
	for _, name := range []string{"keda-operator", "keda-metrics-adapter"} {
		restart(ctx, t, scenario, name, web)
	}
	least, most := settled.Spec, settled.Spec
	for _, state := range watched.States() {
		if state.At.After(settled.At) {
			least, most = min(least, state.Spec), max(most, state.Spec)
		}
	}
	scenario.Timing("%d to %d replicas throughout", least, most)
	if least < 9 {
		t.Errorf("the fleet fell to %d replicas", least)
	}
}

func restart(ctx context.Context, t *testing.T, scenario *harness.Scenario, name string, object object) {
	t.Helper()
	process := world.plane.Process(name)
	process.Kill()
	scenario.Log("%s is killed", name)
	if _, err := read(ctx, object, "s0-forescale"); err == nil {
		t.Errorf("a read went through although %s was dead", name)
	} else {
		scenario.Log("the HPA reads: %v", err)
	}
	time.Sleep(20 * time.Second)
	begun := time.Now()
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	value, err := read(ctx, object, "s0-forescale")
	for err != nil && time.Since(begun) < patience {
		time.Sleep(250 * time.Millisecond)
		value, err = read(ctx, object, "s0-forescale")
	}
	if err != nil {
		t.Fatalf("no read since %s is back: %v", name, err)
	}
	scenario.Timing("%s: reads again (%s) %.0f s after its start", name, value, time.Since(begun).Seconds())
	time.Sleep(20 * time.Second)
}
