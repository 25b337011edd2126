package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"forescale/tests/e2e/controlplane"
	"forescale/tests/e2e/harness"

	autoscaling "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
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

func thePlanAsSeriesForAnHPAThroughPrometheusAdapter(t *testing.T) {
	scenario, ctx := begin(t, 13)
	// A cluster has one server of external metrics: where that is the adapter, there is no KEDA.
	plane, client := clusterWithoutKEDA(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	forescale := own(t, "adapted", harness.Setup{Settings: standing("adapted", "web", "adapted")})
	prometheus, err := harness.StartPlanPrometheus(world.dir, "prometheus-adapted", os.Getenv("PROMETHEUS_BIN"), forescale)
	must(err)
	rules, err := os.ReadFile(filepath.Join(doors, "prometheus-adapter/rules.yaml"))
	must(err)
	must(plane.StartPrometheusAdapter(prometheus, string(rules), 5*time.Second))
	must(plane.Apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: adapted}\n"))
	must(plane.Apply(deployment("adapted", "web", 3, 5*time.Second)))
	hpa, err := json.Marshal(shipped(t, "prometheus-adapter/hpa.yaml",
		"checkout", "web", "shop", "adapted", `averageValue: "50"`, fmt.Sprintf(`averageValue: "%d"`, perReplica)))
	must(err)
	must(plane.Apply(string(hpa)))

	atPlan := func(least int) (int, int) {
		var plan int
		var seen *autoscaling.HorizontalPodAutoscaler
		deadline := time.Now().Add(patience)
		for time.Now().Before(deadline) {
			plan = 0
			for _, one := range forescale.Plans("adapted", "web") {
				plan = one.Replicas
			}
			seen, err = client.AutoscalingV2().HorizontalPodAutoscalers("adapted").Get(ctx, "web", metav1.GetOptions{})
			web, failed := client.AppsV1().Deployments("adapted").Get(ctx, "web", metav1.GetOptions{})
			must(errors.Join(err, failed))
			if plan >= least && int(seen.Status.DesiredReplicas) == plan && int(*web.Spec.Replicas) == plan {
				return plan, int(*web.Spec.Replicas)
			}
			time.Sleep(500 * time.Millisecond)
		}
		t.Fatalf("the plan is %d and the HPA says %+v\n%s", plan, seen.Status, plane.Process("prometheus-adapter").Tail())
		return 0, 0
	}
	plan, replicas := atPlan(3)
	scenario.Timing("load %.0f: plan %d, replicas %d", world.loads.At("adapted", time.Now()), plan, replicas)
	value, err := externalMetric(ctx, client, "adapted", "forescale_plan", "name=web")
	must(err)
	scenario.Log("the HPA reads %s", value)
	sinceEpoch(firstStep)
	scenario.Log("it needs 7 from now on")
	plan, replicas = atPlan(7)
	scenario.Timing("load %.0f: plan %d, replicas %d, %.0f s after the step", world.loads.At("adapted", time.Now()), plan, replicas, time.Since(world.loads.Epoch.Add(firstStep)).Seconds())
}

func clusterWithoutKEDA(t *testing.T) (*controlplane.Plane, kubernetes.Interface) {
	t.Helper()
	plane, err := controlplane.Up(filepath.Join(world.dir, "without-keda"), os.Getenv("CONTROL_PLANE_BIN"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plane.Down() })
	if err := errors.Join(plane.StartControllerManager(15*time.Second), plane.StartKWOK()); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", plane.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return plane, client
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
