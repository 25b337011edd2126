package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"forescale/tests/e2e/harness"
)

// asking is a Forescale that asks the cluster with the rights of a ServiceAccount in the namespace `forescale`.
func asking(t *testing.T, account string) *harness.Forescale {
	t.Helper()
	apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: forescale}\n",
		"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: "+account+", namespace: forescale}\n")
	kubeconfig, err := world.plane.KubeconfigOf("forescale", account)
	if err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf("cluster: {enabled: true, kubeconfig: %q}\n", kubeconfig)
	forescale, err := harness.StartForescale(world.dir, "cluster-"+account, world.binary, world.prometheus, harness.Setup{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(forescale.Terminate)
	return forescale
}

// detail waits until what Forescale says of a workload satisfies probe.
func detail(t *testing.T, forescale *harness.Forescale, object object, what string, wait time.Duration, probe func(harness.Detail) bool) harness.Detail {
	t.Helper()
	since := time.Now()
	for {
		detail, ok := forescale.Detail(object.namespace, object.name)
		if ok && probe(detail) {
			return detail
		}
		if time.Since(since) > wait {
			t.Fatalf("waited %s in vain for %s; last seen: %+v", wait, what, detail)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func learnsMinMaxToleranceAndLeadTimeFromTheClusterWithoutAnyMetadata(t *testing.T) {
	scenario, ctx := begin(t, 11)
	const startUp = 20 * time.Second
	roles, err := os.ReadFile("../../keda/components/cluster-knowledge/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	namespace(t, "known")
	forescale := asking(t, "forescale")
	apply(t, string(roles), deployment("known", "web", 3, startUp))
	web := object{
		namespace: "known", name: "web", min: 3, max: 12,
		triggers: []trigger{forecast("external", forescale.GRPC, "known")},
		spec:     map[string]any{"advanced": behavior()},
	}
	apply(t, web.manifest())
	watched := watch(ctx, scenario, "known", "web", "known", "", forescale)

	low := detail(t, forescale, web, "the minimum of the ScaledObject", patience, func(d harness.Detail) bool {
		return d.Plan.Replicas == 3 && strings.Contains(d.Reason("min-replicas"), "minReplicaCount")
	})
	scenario.Log("3 replicas: %s", low.Reason("min-replicas"))
	if missing := low.Cluster.Missing; len(missing) > 0 {
		t.Errorf("the shipped roles are not enough: %+v", missing)
	}

	// Each step is a scale-up whose pods are seen; with a dead band of 10 % some of them would be told higher.
	begins := world.loads.Epoch.Add(stairsBegin)
	learned := detail(t, forescale, web, "a learned lead time", time.Until(begins)+10*time.Minute, func(d harness.Detail) bool {
		if text := d.Reason("tolerance"); text != "" {
			t.Errorf("the HPA has no tolerance, and the plan reckons with one: %s", text)
		}
		return d.Plan.LeadSource.From == "learned"
	})
	scenario.Timing("lead time %s learned from pods that take %s", learned.Plan.LeadTime, startUp)
	lead, err := time.ParseDuration(strings.ReplaceAll(learned.Plan.LeadTime, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if lead < startUp || lead > 3*startUp {
		t.Errorf("the lead time is %s, and pods take %s", lead, startUp)
	}

	ends := world.loads.Epoch.Add(stairsEnd)
	full := detail(t, forescale, web, "the maximum of the ScaledObject", time.Until(ends)+patience, func(d harness.Detail) bool {
		return d.Plan.Replicas == 12 && strings.Contains(d.Reason("max-replicas"), "maxReplicaCount")
	})
	scenario.Log("12 replicas: %s", full.Reason("max-replicas"))
	until(t, watched, "twelve Ready replicas", patience, func(s harness.State) bool { return s.Ready == 12 && s.Spec == 12 })
	for _, state := range watched.States() {
		if state.Plan > 12 {
			t.Errorf("told %d, and the HPA may go to 12", state.Plan)
			break
		}
	}
}

func withAServiceAccountOfFewerRightsEverythingStillWorksOnDefaults(t *testing.T) {
	scenario, ctx := begin(t, 12)
	namespace(t, "blind")
	forescale := asking(t, "without-rights")
	apply(t, deployment("blind", "web", 2, 5*time.Second))
	web := object{
		namespace: "blind", name: "web", min: 1, max: 20,
		triggers: []trigger{forecast("external", forescale.GRPC, "blind")},
	}
	apply(t, web.manifest())
	watched := watch(ctx, scenario, "blind", "web", "blind", "", forescale)
	told := detail(t, forescale, web, "the rules that are missing", patience, func(d harness.Detail) bool {
		return d.Cluster != nil && len(d.Cluster.Missing) == 2
	})
	for _, missing := range told.Cluster.Missing {
		scenario.Log("left out: %s; missing: %s", missing.Feature, missing.Rule)
	}
	state := until(t, watched, "a fleet for its load", patience, func(s harness.State) bool {
		return s.Plan >= 5 && s.Spec == s.Plan && s.Ready == s.Spec
	})
	scenario.Timing("load %.0f: plan %d, Ready %d", state.Load, state.Plan, state.Ready)
	after, _ := forescale.Detail("blind", "web")
	if from := after.Plan.LeadSource.From; from != "default" {
		t.Errorf("the lead time comes from `%s`, and nothing can be learned", from)
	}
}
