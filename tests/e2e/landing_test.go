package e2e

import (
	"context"
	"testing"
	"time"

	"forescale/tests/e2e/harness"
)

// land puts a workload under a load that goes from 20 replicas to 23 and to 24, and gives the counts on which it stays.
func land(t *testing.T, ctx context.Context, scenario *harness.Scenario, name, tolerance string, advanced map[string]any) []harness.State {
	t.Helper()
	// From 3 the HPA's steps of at most double lead to 22 past the dead band: 3, 7, 14, 22. Without `replicasQuery`
	// Forescale can't see a fleet that has stopped within it.
	apply(t, deployment("landing", name, 3, 5*time.Second))
	apply(t, object{
		namespace: "landing", name: name, min: 1, max: 60,
		triggers: []trigger{forecast("external", world.forescale.GRPC, "exact", "leadTime", "30s", "hpaTolerance", tolerance)},
		spec:     map[string]any{"advanced": advanced},
	}.manifest())
	watched := watch(ctx, scenario, "landing", name, "exact", "", world.forescale)
	var landed []harness.State
	for _, moment := range []time.Duration{firstStep, secondStep, secondStep + 2*time.Minute} {
		// A plan that has just changed waits for the HPA's next look.
		sinceEpoch(moment - 40*time.Second)
		state := until(t, watched, "the fleet to be where the plan is", 40*time.Second, func(s harness.State) bool { return s.Spec == s.Plan })
		scenario.Log("settled: load %.0f, plan %d, HPA %d, replicas %d", state.Load, state.Plan, state.Desired, state.Spec)
		landed = append(landed, state)
	}
	return landed
}

func landsExactlyOnThePlanWithTolerance0(t *testing.T) {
	scenario, ctx := begin(t, 2)
	namespace(t, "landing")
	landed := land(t, ctx, scenario, "exact", "0", behavior())
	for _, state := range landed {
		scenario.Timing("load %.0f: plan %d, replicas %d", state.Load, state.Plan, state.Spec)
		if state.Spec != state.Plan || state.Desired != state.Plan {
			t.Errorf("the plan was %d, the HPA wanted %d and set %d", state.Plan, state.Desired, state.Spec)
		}
	}
	if landed[1].Plan <= landed[0].Plan {
		t.Errorf("a load of %.0f got no more than one of %.0f: %d", landed[1].Load, landed[0].Load, landed[1].Plan)
	}
}

func withoutToleranceTheNumberToldLeadsOutOfTheDeadBand(t *testing.T) {
	scenario, ctx := begin(t, 3)
	namespace(t, "landing")
	// Nothing is said of tolerance anywhere: the HPA ignores what is within 10 %, and Forescale knows that.
	landed := land(t, ctx, scenario, "plain", "0.1", map[string]any{})
	for _, state := range landed {
		scenario.Timing("load %.0f: told %d, replicas %d", state.Load, state.Plan, state.Spec)
		if state.Spec != state.Plan {
			t.Errorf("KEDA was told %d, which is %d replicas", state.Plan, state.Spec)
		}
		if float64(state.Spec)*perReplica*1.01 < state.Load {
			t.Errorf("%d replicas for a load of %.0f", state.Spec, state.Load)
		}
	}
}
