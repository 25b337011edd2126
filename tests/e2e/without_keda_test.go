package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"forescale/tests/e2e/controlplane"
	"forescale/tests/e2e/harness"

	autoscaling "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// bare is a cluster without KEDA, where prometheus-adapter serves the external metrics, and two Forescales for it: one with the
// operator, and one that may read HPAs and nothing else of the cluster.
type bare struct {
	plane     *controlplane.Plane
	client    kubernetes.Interface
	forescale *harness.Forescale
	knowing   *harness.Forescale
}

// A cluster has one server of external metrics: where that is prometheus-adapter, there is no KEDA. All that is scaled
// through it shares one cluster and one adapter with the rules as they are shipped.
func withoutKEDA(t *testing.T) {
	cluster := clusterWithoutKEDA(t)
	scenarios := []struct {
		name string
		run  func(*testing.T, bare)
	}{
		{"the plan as series, for an HPA through prometheus-adapter", thePlanAsSeriesForAnHPAThroughPrometheusAdapter},
		{"a PredictiveAutoscaler owns an HPA where there is no KEDA", aPredictiveAutoscalerOwnsAnHPAWhereThereIsNoKEDA},
		{"learns min, max, tolerance and current replicas from an HPA where there is no KEDA", learnsMinMaxToleranceAndCurrentReplicasFromAnHPAWhereThereIsNoKEDA},
	}
	for _, scenario := range scenarios {
		t.Run(scenario.name, func(t *testing.T) {
			t.Parallel()
			scenario.run(t, cluster)
		})
	}
}

func clusterWithoutKEDA(t *testing.T) bare {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	plane, err := controlplane.Up(filepath.Join(world.dir, "without-keda"), os.Getenv("CONTROL_PLANE_BIN"))
	must(err)
	t.Cleanup(func() { _ = plane.Down() })
	must(errors.Join(plane.StartControllerManager(15*time.Second), plane.StartKWOK()))
	config, err := clientcmd.BuildConfigFromFlags("", plane.Kubeconfig)
	must(err)
	client, err := kubernetes.NewForConfig(config)
	must(err)
	operator := fmt.Sprintf("operator: {enabled: true, kubeconfig: %q, statusEvery: 5s}\n", serviceAccount(t, plane))
	forescale := own(t, "without-keda", harness.Setup{Settings: standing("adapted", "web", "adapted") + operator})
	must(plane.Apply(hpaReader))
	reader, err := plane.KubeconfigOf(operatorNamespace, "hpa-reader")
	must(err)
	knowing := own(t, "without-keda-knowing", harness.Setup{
		Settings: silent("grasped", "web", "grasped") + fmt.Sprintf("cluster: {enabled: true, kubeconfig: %q}\n", reader),
	})
	prometheus, err := harness.StartPlanPrometheus(world.dir, "prometheus-without-keda", os.Getenv("PROMETHEUS_BIN"), forescale, knowing)
	must(err)
	rules, err := os.ReadFile(filepath.Join(doors, "prometheus-adapter/rules.yaml"))
	must(err)
	must(plane.StartPrometheusAdapter(prometheus, string(rules), 5*time.Second))
	return bare{plane, client, forescale, knowing}
}

func (b bare) apply(t *testing.T, manifests ...string) {
	t.Helper()
	for _, manifest := range manifests {
		if err := b.plane.Apply(manifest); err != nil {
			t.Fatal(err)
		}
	}
}

func (b bare) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	text, err := b.plane.Kubectl("", args...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// watch records the workload `web`, which an HPA of the same name scales.
func (b bare) watch(ctx context.Context, scenario *harness.Scenario, namespace string, forescale *harness.Forescale) *harness.Watched {
	return scenario.Watch(ctx, b.client, harness.Subject{
		Namespace: namespace,
		Name:      "web",
		Load:      func(at time.Time) float64 { return world.loads.At(namespace, at) },
		Forescale: forescale,
		HPA:       "web",
	})
}

// follows waits until the HPA `web` and as many Ready pods are where the plan is, and reads what the HPA reads.
func (b bare) follows(ctx context.Context, t *testing.T, scenario *harness.Scenario, watched *harness.Watched, namespace string, least int) harness.State {
	t.Helper()
	settled := until(t, watched, "the HPA and the Ready pods to be where the plan is", patience, func(s harness.State) bool {
		return s.Plan >= least && s.Desired == s.Plan && s.Spec == s.Plan && s.Ready == s.Plan
	})
	hpa, err := b.client.AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	metric := hpa.Spec.Metrics[0].External.Metric
	selector := metav1.FormatLabelSelector(metric.Selector)
	value, err := externalMetric(ctx, b.client, namespace, metric.Name, selector)
	if err != nil {
		t.Fatal(err)
	}
	scenario.Log("the HPA reads %s of %s{%s}, and its target is %s", value, metric.Name, selector, hpa.Spec.Metrics[0].External.Target.AverageValue)
	return settled
}

func thePlanAsSeriesForAnHPAThroughPrometheusAdapter(t *testing.T, cluster bare) {
	scenario, ctx := begin(t, 13)
	cluster.apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: adapted}\n", deployment("adapted", "web", 3, 5*time.Second))
	hpa, err := json.Marshal(shipped(t, "prometheus-adapter/hpa.yaml",
		"checkout", "web", "shop", "adapted", `averageValue: "50"`, fmt.Sprintf(`averageValue: "%d"`, perReplica)))
	if err != nil {
		t.Fatal(err)
	}
	cluster.apply(t, string(hpa))
	watched := cluster.watch(ctx, scenario, "adapted", cluster.forescale)
	settled := cluster.follows(ctx, t, scenario, watched, "adapted", 3)
	scenario.Timing("load %.0f: plan %d, replicas %d", settled.Load, settled.Plan, settled.Spec)
	stepped := sinceEpoch(firstStep)
	scenario.Log("it needs 7 from now on")
	settled = cluster.follows(ctx, t, scenario, watched, "adapted", 7)
	scenario.Timing("load %.0f: plan %d, replicas %d, %.0f s after the step", settled.Load, settled.Plan, settled.Spec, settled.At.Sub(stepped).Seconds())
}

// The operator with the shipped roles; the workload of the same name in the other scenario's namespace is not mixed up with this one.
func aPredictiveAutoscalerOwnsAnHPAWhereThereIsNoKEDA(t *testing.T, cluster bare) {
	scenario, ctx := begin(t, 14)
	cluster.apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: unaided}\n", deployment("unaided", "web", 2, 5*time.Second))
	begun := time.Now()
	cluster.apply(t, autoscaler("unaided", "web", "unaided", 2, nil))
	watched := cluster.watch(ctx, scenario, "unaided", cluster.forescale)
	settled := cluster.follows(ctx, t, scenario, watched, "unaided", 5)
	eventuallyOn(t, cluster.plane, "the resource to be Ready", "unaided", "pa/web", readyOf, is("True"))
	scenario.Timing("load %.0f: plan %d, replicas %d, and Ready %.0f s after it was applied", settled.Load, settled.Plan, settled.Spec, time.Since(begun).Seconds())
	scenario.Log("kubectl get pa:\n%s", cluster.kubectl(t, "get", "pa", "-n", "unaided", "-o", "wide"))
	scenario.Log("kubectl get hpa:\n%s", cluster.kubectl(t, "get", "hpa", "-n", "unaided"))
	belongsTo(ctx, t, cluster.client, cluster.kubectl(t, "get", "pa", "web", "-n", "unaided", "-o", "jsonpath={.metadata.uid}"))

	stepped := sinceEpoch(firstStep)
	scenario.Log("it needs 9 from now on")
	settled = cluster.follows(ctx, t, scenario, watched, "unaided", 9)
	scenario.Timing("load %.0f: plan %d, replicas %d, %.0f s after the step", settled.Load, settled.Plan, settled.Spec, settled.At.Sub(stepped).Seconds())

	// An edited metric is another workload; the one that it was is planned for a while longer, and must not count.
	cluster.kubectl(t, "patch", "pa", "web", "-n", "unaided", "--type=merge", "-p", fmt.Sprintf(`{"spec":{"metric":{"target":%d}}}`, 2*perReplica))
	edited := time.Now()
	scenario.Log("a replica carries twice as much from now on")
	eventuallyOn(t, cluster.plane, "the replicas of the edited plan", "unaided", "deployment/web", "{.spec.replicas}", func(text string) bool {
		told := cluster.kubectl(t, "get", "pa", "web", "-n", "unaided", "-o", "jsonpath={.status.plan.replicas}")
		return text == told && text != fmt.Sprint(settled.Spec)
	})
	edit := until(t, watched, "its Ready pods and no others", patience, func(s harness.State) bool { return s.Spec < settled.Spec && s.Ready == s.Spec })
	scenario.Timing("edited to carry twice as much: %d replicas after %.0f s", edit.Spec, time.Since(edited).Seconds())
	scenario.Log("what Forescale plans: %+v", cluster.forescale.Plans("unaided", "web"))

	before := cluster.kubectl(t, "get", "deployment", "web", "-n", "unaided", "-o", "jsonpath={.spec.replicas}")
	deleted := time.Now()
	cluster.kubectl(t, "delete", "pa", "web", "-n", "unaided", "--wait=true", "--timeout=60s")
	eventuallyOn(t, cluster.plane, "the HPA to go", "unaided", "hpa/web", "{.metadata.name}", is(""))
	gone := time.Since(deleted)
	// Two looks of the HPA controller.
	time.Sleep(30 * time.Second)
	left := cluster.kubectl(t, "get", "deployment", "web", "-n", "unaided", "-o", "jsonpath={.spec.replicas} {.status.readyReplicas}")
	scenario.Timing("deleted: the HPA is gone after %.0f s, %s replicas stay", gone.Seconds(), before)
	if left != before+" "+before {
		t.Errorf("of %s replicas these are left, and Ready: %s", before, left)
	}
	scenario.Log("events:\n%s", cluster.kubectl(t, "get", "events", "-n", "unaided", "--field-selector=involvedObject.kind=PredictiveAutoscaler"))
}

// belongsTo looks that the HPA `unaided/web` is a PredictiveAutoscaler's own, one replica for each that is asked for.
func belongsTo(ctx context.Context, t *testing.T, client kubernetes.Interface, uid string) {
	t.Helper()
	hpa, err := client.AutoscalingV2().HorizontalPodAutoscalers("unaided").Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	owner := metav1.GetControllerOf(hpa)
	if owner == nil || owner.Kind != "PredictiveAutoscaler" || string(owner.UID) != uid {
		t.Errorf("the HPA belongs to %+v", owner)
	}
	metric := hpa.Spec.Metrics[0]
	if metric.Type != autoscaling.ExternalMetricSourceType || metric.External.Metric.Name != "forescale_workload_served_replicas" ||
		metric.External.Target.AverageValue.Value() != 1 {
		t.Errorf("the HPA follows %+v", metric)
	}
}
