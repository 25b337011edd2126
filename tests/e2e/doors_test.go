package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"forescale/tests/e2e/harness"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"
)

// doors is where the manifests of the other doors are.
const doors = "../../keda/doors"

// standing are settings of a Forescale with a workload of its own, which nobody asks about.
func standing(namespace, name, app string) string {
	return fmt.Sprintf(`workloads:
  - namespace: %s
    name: %s
    metadata: {query: 'sum(load{app=%q})', threshold: "%d", history: 8d, leadTime: 30s, hpaTolerance: "0"}
`, namespace, name, app, perReplica)
}

// silent are settings as of standing, for a workload of which everything that a cluster may tell is left open.
func silent(namespace, name, app string) string {
	return fmt.Sprintf(`workloads:
  - namespace: %s
    name: %s
    metadata: {query: 'sum(load{app=%q})', threshold: "%d", history: 8d, leadTime: 15s}
`, namespace, name, app, perReplica)
}

// shipped reads a manifest as it is shipped, with some of its words replaced.
func shipped(t *testing.T, file string, words ...string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(doors, file))
	if err != nil {
		t.Fatal(err)
	}
	for index := 0; index < len(words); index += 2 {
		if !strings.Contains(string(text), words[index]) {
			t.Fatalf("`%s` has no `%s`", file, words[index])
		}
	}
	var manifest map[string]any
	if err := yaml.Unmarshal([]byte(strings.NewReplacer(words...).Replace(string(text))), &manifest); err != nil {
		t.Fatal(err)
	}
	return manifest
}

func thePlanAsSeriesForKEDAsPrometheusTrigger(t *testing.T) {
	scenario, ctx := begin(t, 12)
	namespace(t, "shifted")
	apply(t, deployment("shifted", "web", 3, 5*time.Second))
	forescale := own(t, "shifted", harness.Setup{Settings: standing("shifted", "web", "shifted")})
	prometheus, err := harness.StartPlanPrometheus(world.dir, "prometheus-shifted", os.Getenv("PROMETHEUS_BIN"), forescale)
	if err != nil {
		t.Fatal(err)
	}
	// Only what is OpenShift's own differs: the address, the token, and the label that its monitoring renames.
	manifest := shipped(t, "openshift/scaledobject.yaml",
		"https://thanos-querier.openshift-monitoring.svc.cluster.local:9092", prometheus,
		"exported_namespace", "namespace",
		"checkout", "web", "shop", "shifted", `threshold: "50"`, fmt.Sprintf(`threshold: "%d"`, perReplica))
	trigger := manifest["spec"].(map[string]any)["triggers"].([]any)[0].(map[string]any)
	delete(trigger, "authenticationRef")
	metadata := trigger["metadata"].(map[string]any)
	delete(metadata, "authModes")
	delete(metadata, "namespace")
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	watched := watch(ctx, scenario, "shifted", "web", "shifted", "", forescale)
	planned := until(t, watched, "a plan that nobody asked for", patience, func(s harness.State) bool { return s.Plan >= 4 })
	scenario.Log("planned %d before there is a ScaledObject", planned.Plan)
	apply(t, string(text))
	settled := until(t, watched, "the fleet to be where the plan is", patience, func(s harness.State) bool { return s.Plan >= 4 && s.Spec == s.Plan })
	scenario.Timing("load %.0f: plan %d, replicas %d", settled.Load, settled.Plan, settled.Spec)
	sinceEpoch(firstStep)
	scenario.Log("it needs 8 from now on")
	stepped := until(t, watched, "the step's plan and as many replicas", patience, func(s harness.State) bool { return s.Plan >= 8 && s.Spec == s.Plan })
	scenario.Timing("load %.0f: plan %d, replicas %d, %.0f s after the step", stepped.Load, stepped.Plan, stepped.Spec, stepped.At.Sub(world.loads.Epoch.Add(firstStep)).Seconds())

	// Without a plan there is no number: the HPA keeps what it has, and `ignoreNullValues` turns nothing into no zero.
	forescale.Terminate()
	ended := time.Now()
	scenario.Log("Forescale is stopped")
	for time.Since(ended) < 75*time.Second {
		if state, ok := watched.Last(); ok && state.Spec < stepped.Spec {
			t.Fatalf("without Forescale the fleet fell to %d", state.Spec)
		}
		time.Sleep(time.Second)
	}
	scenario.Timing("without Forescale: never fewer than %d replicas", stepped.Spec)
}

// externalMetric asks the API server for an external metric as the HPA does.
func externalMetric(ctx context.Context, client kubernetes.Interface, namespace, metric, selector string) (string, error) {
	path := fmt.Sprintf("/apis/external.metrics.k8s.io/v1beta1/namespaces/%s/%s", namespace, metric)
	body, err := client.CoreV1().RESTClient().Get().AbsPath(path).Param("labelSelector", selector).DoRaw(ctx)
	if err != nil {
		return "", err
	}
	var answer struct{ Items []struct{ Value string } }
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", err
	}
	if len(answer.Items) != 1 {
		return "", fmt.Errorf("%d values instead of one", len(answer.Items))
	}
	return answer.Items[0].Value, nil
}
