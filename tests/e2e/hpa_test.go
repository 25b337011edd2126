package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"forescale/tests/e2e/harness"
)

// hpaReader is a ServiceAccount that may read what docs/cluster.md calls `forescale-cluster-scaling`, and nothing else.
const hpaReader = `apiVersion: v1
kind: ServiceAccount
metadata: {name: hpa-reader, namespace: ` + operatorNamespace + `}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: hpa-reader}
rules:
  - {apiGroups: [keda.sh], resources: [scaledobjects], verbs: [list, watch]}
  - {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: hpa-reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: hpa-reader}
subjects: [{kind: ServiceAccount, name: hpa-reader, namespace: ` + operatorNamespace + `}]
`

// The workload stands in Forescale's settings, where nothing is said of bounds or tolerance: all of it comes from the HPA that
// follows the plan, and so do the replicas that there are, for Deployments may not be read.
func learnsMinMaxToleranceAndCurrentReplicasFromAnHPAWhereThereIsNoKEDA(t *testing.T, cluster bare) {
	scenario, ctx := begin(t, 15)
	cluster.apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: grasped}\n", deployment("grasped", "web", 3, 5*time.Second))
	web := object{namespace: "grasped", name: "web"}
	watched := cluster.watch(ctx, scenario, "grasped", cluster.knowing)
	before := detail(t, cluster.knowing, web, "a plan before there is an HPA", patience, func(d harness.Detail) bool { return d.Plan.Replicas > 0 })
	scenario.Log("without an HPA: %d replicas", before.Plan.Replicas)
	if before.Plan.Replicas != 2 {
		t.Errorf("%d replicas are planned where the load needs 2 and nobody says otherwise", before.Plan.Replicas)
	}

	hpa := shipped(t, "prometheus-adapter/hpa.yaml",
		"checkout", "web", "shop", "grasped", "maxReplicas: 60", "maxReplicas: 20",
		`averageValue: "50"`, fmt.Sprintf(`averageValue: "%d"`, perReplica), `tolerance: "0"`, `tolerance: "0.2"`)
	manifest, err := json.Marshal(hpa)
	if err != nil {
		t.Fatal(err)
	}
	cluster.apply(t, string(manifest))
	made := time.Now()
	low := detail(t, cluster.knowing, web, "the minimum of the HPA", patience, func(d harness.Detail) bool {
		return d.Plan.Replicas == 3 && strings.Contains(d.Reason("min-replicas"), "the HPA's `minReplicas`")
	})
	scenario.Timing("3 replicas %.0f s after the HPA was made: %s", time.Since(made).Seconds(), low.Reason("min-replicas"))
	// What is refused is known only once it has been asked for, which the HPA's target was the reason to do.
	counted := detail(t, cluster.knowing, web, "the replicas that the HPA saw, and that Deployments alone may not be read", patience, func(d harness.Detail) bool {
		return saysReplicas(3)(d) && len(d.Cluster.Missing) == 1
	})
	scenario.Log("what the cluster says: %s", strings.Join(counted.Cluster.Text, "; "))

	stepped := sinceEpoch(firstGrasped)
	settled := until(t, watched, "twelve replicas", patience, func(s harness.State) bool { return s.Spec >= 12 && s.Ready == s.Spec })
	scenario.Timing("load %.0f: replicas %d, %.0f s after the step", settled.Load, settled.Spec, settled.At.Sub(stepped).Seconds())
	detail(t, cluster.knowing, web, "the HPA's new view", patience, saysReplicas(settled.Spec))

	// Two replicas more are 17 %, and the HPA ignores 20 %: a plan that did not know would be told in vain.
	stepped = sinceEpoch(secondGrasped)
	led := detail(t, cluster.knowing, web, "a number that leads out of the HPA's tolerance", patience, func(d harness.Detail) bool {
		text := d.Reason("tolerance")
		return strings.Contains(text, "within 20 %") && strings.Contains(text, "`behavior`")
	})
	scenario.Timing("told %d: %s", led.Plan.Replicas, led.Reason("tolerance"))
	raised := until(t, watched, "more replicas", patience, func(s harness.State) bool { return s.Spec > settled.Spec && s.Ready == s.Spec })
	scenario.Timing("load %.0f: replicas %d, %.0f s after the step", raised.Load, raised.Spec, raised.At.Sub(stepped).Seconds())

	sinceEpoch(thirdGrasped)
	full := detail(t, cluster.knowing, web, "the maximum of the HPA", patience, func(d harness.Detail) bool {
		return d.Plan.Replicas == 20 && strings.Contains(d.Reason("max-replicas"), "the HPA's `maxReplicas`")
	})
	scenario.Timing("20 replicas: %s", full.Reason("max-replicas"))
	until(t, watched, "twenty Ready replicas", patience, func(s harness.State) bool { return s.Spec == 20 && s.Ready == 20 })
}

// saysReplicas looks that the cluster says how many replicas there are, and not how many of them are Ready: no HPA knows that.
func saysReplicas(count int) func(harness.Detail) bool {
	return func(d harness.Detail) bool {
		if d.Cluster == nil {
			return false
		}
		for _, text := range d.Cluster.Text {
			if text == fmt.Sprintf("replicas now: %d", count) {
				return true
			}
		}
		return false
	}
}
