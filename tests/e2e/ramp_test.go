package e2e

import (
	"testing"
	"time"

	"forescale/tests/e2e/harness"
)

func aDeploymentIsScaledAheadOfARampItHasSeenOnTheDaysBefore(t *testing.T) {
	scenario, ctx := begin(t, 1)
	const startUp = 60 * time.Second
	namespace(t, "ahead")
	apply(t, deployment("ahead", "web", 2, startUp), deployment("ahead", "twin", 2, startUp))
	// The twin has KEDA's own prometheus trigger on the same load: what the ramp does without a forecast.
	apply(t, object{
		namespace: "ahead", name: "web", min: 1, max: 20,
		triggers: []trigger{forecast("external", world.forescale.GRPC, "ahead", "leadTime", "90s", "scaleDownWindow", "2m", "hpaTolerance", "0")},
		spec:     map[string]any{"advanced": behavior()},
	}.manifest(), object{
		namespace: "ahead", name: "twin", min: 1, max: 20,
		triggers: []trigger{{kind: "prometheus", metadata: map[string]string{
			"serverAddress": world.prometheus, "query": `sum(load{app="ahead"})`, "threshold": "100",
		}}},
	}.manifest())
	web := watch(ctx, scenario, "ahead", "web", "ahead", "forescale   ", world.forescale)
	twin := watch(ctx, scenario, "ahead", "twin", "ahead", "prometheus  ", nil)

	// The plan of a load that has been short of replicas every hour for a week may rise minutes before the ramp.
	until(t, web, "a planned fleet that carries the load", patience, func(s harness.State) bool {
		return s.Plan > 0 && float64(s.Ready)*perReplica >= s.Load
	})
	sinceEpoch(rampBegins - 2*time.Minute)
	twinCalm, _ := twin.Last()
	ramp := sinceEpoch(rampBegins)
	scenario.Log("the ramp begins")
	peak := sinceEpoch(rampBegins + rampTakes)
	scenario.Log("the ramp has ended, the load is %.0f", world.loads.At("ahead", peak))
	until(t, web, "ten Ready replicas", patience, func(s harness.State) bool { return s.Ready >= 10 })
	// At a load of 980 the twin's HPA may stop at nine, within its tolerance.
	until(t, twin, "nine Ready replicas of the twin", patience, func(s harness.State) bool { return s.Ready >= 9 })

	before := ramp.Add(-2 * time.Minute)
	// How long before, depends on how soon the first forecast was there.
	raised, ok := web.First(time.Time{}, func(s harness.State) bool {
		return s.Load > 0 && float64(s.Desired)*perReplica > 2*s.Load
	})
	if !ok {
		t.Fatal("the HPA never raised the fleet ahead of its load")
	}
	twinRaised, _ := twin.First(before, func(s harness.State) bool { return s.Desired > twinCalm.Desired })
	full, _ := web.First(time.Time{}, func(s harness.State) bool { return s.Ready >= 10 })
	twinFull, _ := twin.First(before, func(s harness.State) bool { return s.Ready >= 9 })
	end := ramp.Add(rampTakes + 2*time.Minute)
	over, twinOver := web.Overloaded(before, end, perReplica), twin.Overloaded(before, end, perReplica)
	scenario.Timing("first step %+.0f s of the ramp's begin (twin %+.0f s)", raised.At.Sub(ramp).Seconds(), twinRaised.At.Sub(ramp).Seconds())
	scenario.Timing("10 Ready %+.0f s of its end (twin: 9 Ready %+.0f s)", full.At.Sub(peak).Seconds(), twinFull.At.Sub(peak).Seconds())
	scenario.Timing("overloaded for %.0f s (twin %.0f s)", over.Seconds(), twinOver.Seconds())
	if !raised.At.Before(ramp) {
		t.Errorf("the first step came %s after the ramp began", raised.At.Sub(ramp))
	}
	// Beside the twin, for how late either is depends on how busy the machine is.
	if full.At.After(twinFull.At) {
		t.Errorf("ten replicas were Ready %s after nine of the twin, which has no forecast", full.At.Sub(twinFull.At))
	}
	if over*4 > twinOver {
		t.Errorf("overloaded for %s, the twin without a forecast for %s", over, twinOver)
	}

	sinceEpoch(rampEnds)
	scenario.Log("the load falls")
	falls := time.Now()
	back := until(t, web, "the fleet's way back", 10*time.Minute, func(s harness.State) bool { return s.Spec < 10 })
	scenario.Timing("scaled down %.0f s after the load began to fall", back.At.Sub(falls).Seconds())
	low, _ := web.First(ramp, func(s harness.State) bool { return s.Ready >= 10 })
	for _, state := range web.States() {
		if state.At.After(low.At) && float64(state.Ready)*perReplica*1.01 < state.Load {
			t.Errorf("scaled down to %d Ready replicas at a load of %.0f", state.Ready, state.Load)
			break
		}
	}
}

func wakesFromZeroBeforeTheLoadAndGoesBack(t *testing.T) {
	scenario, ctx := begin(t, 4)
	const startUp = 20 * time.Second
	namespace(t, "sleeper")
	apply(t, deployment("sleeper", "job", 0, startUp))
	apply(t, object{
		namespace: "sleeper", name: "job", min: 0, max: 10,
		triggers: []trigger{forecast("external-push", world.forescale.GRPC, "sleeper",
			"leadTime", "60s", "activationThreshold", "5", "scaleDownWindow", "1m", "hpaTolerance", "0")},
		spec: map[string]any{"advanced": behavior(), "cooldownPeriod": 30, "pollingInterval": 30},
	}.manifest())
	job := watch(ctx, scenario, "sleeper", "job", "sleeper", "", world.forescale)
	begins := world.loads.Epoch.Add(jobBegins)

	until(t, job, "sleep at zero", patience, func(s harness.State) bool { return s.Plan == 0 && s.Spec == 0 })
	scenario.Log("asleep; the load comes in %.0f s", time.Until(begins).Seconds())
	until(t, job, "the wake-up", time.Until(begins)+patience, func(s harness.State) bool { return s.Spec > 0 })
	until(t, job, "three Ready replicas", patience, func(s harness.State) bool { return s.Ready >= 3 })
	woken, _ := job.First(scenario.Started, func(s harness.State) bool { return s.Spec > 0 })
	ready, _ := job.First(scenario.Started, func(s harness.State) bool { return s.Ready >= 1 })
	full, _ := job.First(scenario.Started, func(s harness.State) bool { return s.Ready >= 3 })
	scenario.Timing("woken %+.0f s of the load's begin, first Ready %+.0f s, all 3 Ready %+.0f s", woken.At.Sub(begins).Seconds(), ready.At.Sub(begins).Seconds(), full.At.Sub(begins).Seconds())
	if !ready.At.Before(begins) {
		t.Errorf("the first replica was Ready %s after the load had come", ready.At.Sub(begins))
	}

	ends := sinceEpoch(jobEnds)
	scenario.Log("the load has gone")
	until(t, job, "zero again", 10*time.Minute, func(s harness.State) bool { return s.Spec == 0 && s.Ready == 0 })
	asleep, _ := job.First(ends, func(s harness.State) bool { return s.Spec == 0 })
	scenario.Timing("back at zero %.0f s after the load's end", asleep.At.Sub(ends).Seconds())
	for _, state := range job.States() {
		if state.At.After(full.At) && state.At.Before(ends) && state.Ready < 3 {
			t.Errorf("%d Ready replicas while there was load", state.Ready)
			break
		}
	}
}
