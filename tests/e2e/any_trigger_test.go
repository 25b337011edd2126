package e2e

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"forescale/tests/e2e/harness"
)

func theMetricOfAnyTriggerHandedOnByKEDAWithoutAPrometheus(t *testing.T) {
	scenario, ctx := begin(t, 11)
	namespace(t, "queue")
	apply(t, deployment("queue", "worker", 1, 5*time.Second))
	certificates := filepath.Join(world.dir, "queue")
	if err := world.plane.Identify(certificates, "forescale"); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(certificates, name) }
	// The one source is KEDA's operator: there is no Prometheus that this Forescale knows of.
	forescale := own(t, "queue", harness.Setup{NoPrometheus: true, Settings: fmt.Sprintf(
		"monitor: {sources: {keda: {kind: keda, url: %q, tls: {caFile: %q, certFile: %q, keyFile: %q}}}}\ncontrol: {record: %q}\n",
		world.plane.RawMetrics, file("ca.crt"), file("tls.crt"), file("tls.key"), file("record"))})
	worker := object{
		namespace: "queue", name: "worker", min: 1, max: 20,
		triggers: []trigger{
			{kind: "metrics-api", name: "backlog", metadata: map[string]string{
				"url": "http://" + world.loads.Address + "/metrics", "format": "prometheus",
				"valueLocation": `load{app="backlog"}`, "targetValue": fmt.Sprint(perReplica),
			}},
			{kind: "external", metadata: map[string]string{
				"scalerAddress": forescale.GRPC, "source": "keda", "triggerName": "backlog",
				"threshold": fmt.Sprint(perReplica), "step": "10s", "history": "1h", "leadTime": "30s", "hpaTolerance": "0",
			}},
		},
		spec: map[string]any{"advanced": behavior(), "pollingInterval": 5},
	}
	begun := time.Now()
	apply(t, worker.manifest())
	watched := watch(ctx, scenario, "queue", "worker", "backlog", "", forescale)
	first := until(t, watched, "a plan", patience, func(s harness.State) bool { return s.Plan >= 5 })
	value, err := read(ctx, worker, "s1-forescale")
	if err != nil {
		t.Fatal(err)
	}
	scenario.Timing("planned %.0f s after the ScaledObject, from nothing but KEDA's own readings; the HPA reads %s", first.At.Sub(begun).Seconds(), value)
	sinceEpoch(firstStep)
	scenario.Log("the backlog needs 9 replicas from now on")
	followed := until(t, watched, "nine planned and Ready", patience, func(s harness.State) bool { return s.Plan >= 9 && s.Ready >= 9 })
	scenario.Timing("a step of the backlog is planned and Ready %.0f s later", followed.At.Sub(world.loads.Epoch.Add(firstStep)).Seconds())
	plans := forescale.Plans("queue", "worker")
	if len(plans) != 1 || math.Abs(plans[0].Observed/world.loads.At("backlog", time.Now())-1) > 0.02 {
		t.Errorf("the load is %.1f and the plans are %+v", world.loads.At("backlog", time.Now()), plans)
	}
	up, err := forescale.Metric(`forescale_monitor_streams_up{source="keda"}`)
	if err != nil || up != 1 {
		t.Errorf("the stream is not up: %v, %v", up, err)
	}
	samples, err := forescale.Metric("forescale_workload_history_samples{")
	if err != nil || samples < 6 {
		t.Errorf("the history has %v samples: %v", samples, err)
	}

	// The stream is all there is of the past: the snapshot carries it over.
	forescale.Terminate()
	replayed, err := exec.Command(world.binary, "replay", file("record")).CombinedOutput()
	if err != nil {
		t.Errorf("what was decided on the stream is not decided again: %v\n%s", err, replayed)
	}
	if err := forescale.Start(); err != nil {
		t.Fatal(err)
	}
	kept, err := forescale.Metric("forescale_workload_history_samples{")
	if err != nil || kept < samples {
		t.Errorf("%v samples before the restart, %v after it: %v", samples, kept, err)
	}
	log, err := os.ReadFile(world.plane.Process("keda-operator").Log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "Unsubscribing metric") {
		t.Error("Forescale did not take leave of KEDA")
	}
	again := until(t, watched, "the stream after the restart", patience, func(s harness.State) bool {
		up, err := forescale.Metric(`forescale_monitor_streams_up{source="keda"}`)
		return err == nil && up == 1
	})
	if again.Spec < 9 {
		t.Errorf("the restart changed the fleet to %d", again.Spec)
	}
	scenario.Timing("restarted: %0.f of %0.f samples kept, the fleet unchanged, KEDA followed again", kept, samples)
}
