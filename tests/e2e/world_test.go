// Package e2e holds Forescale against the real KEDA, the real HPA controller and a real API server. `make e2e` runs it.
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

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// perReplica is the load that one replica carries in every scenario.
const perReplica = 100

// daysBefore is how many days of each load are in Prometheus when a run begins.
const daysBefore = 8

// patience is how long a scenario waits for something that should happen soon.
const patience = 3 * time.Minute

// world is what all scenarios share.
var world struct {
	dir        string
	plane      *controlplane.Plane
	client     kubernetes.Interface
	loads      *harness.Loads
	prometheus string
	forescale  *harness.Forescale
	podMetrics *harness.PodMetrics
	binary     string
	report     harness.Report
}

func TestMain(m *testing.M) {
	code, err := live(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		code = 1
	}
	os.Exit(code)
}

func live(m *testing.M) (int, error) {
	for _, name := range []string{"E2E_DIR", "CONTROL_PLANE_BIN", "PROMETHEUS_BIN", "FORESCALE_BIN", "READINGS_BIN"} {
		if os.Getenv(name) == "" {
			return 1, fmt.Errorf("`%s` is not set; run `make e2e`", name)
		}
	}
	world.dir = os.Getenv("E2E_DIR")
	world.binary = os.Getenv("FORESCALE_BIN")
	begun := time.Now()
	defer func() { _ = controlplane.Stop(world.dir) }()
	if err := build(); err != nil {
		return 1, err
	}
	fmt.Printf("everything is up after %.0f s\n", time.Since(begun).Seconds())
	code := m.Run()
	table, err := world.report.Write(filepath.Join(world.dir, "e2e.md"), head(time.Since(begun)))
	fmt.Printf("\n%s\ntook %.0f s\n", table, time.Since(begun).Seconds())
	return code, err
}

func build() error {
	plane, err := controlplane.Up(world.dir, os.Getenv("CONTROL_PLANE_BIN"))
	if err != nil {
		return err
	}
	world.plane = plane
	err = errors.Join(plane.StartControllerManager(15*time.Second), plane.StartKWOK(), plane.StartKEDA())
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", plane.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 200, 400
	if world.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if world.podMetrics, err = harness.ServePodMetrics(plane, world.client); err != nil {
		return err
	}
	world.loads = harness.NewLoads(time.Now(), loads)
	world.prometheus, err = harness.StartPrometheus(world.dir, os.Getenv("PROMETHEUS_BIN"), world.loads, daysBefore)
	if err != nil {
		return err
	}
	world.forescale, err = harness.StartForescale(world.dir, "shared", world.binary, world.prometheus, harness.Setup{})
	return err
}

func head(took time.Duration) string {
	versions := strings.Split(filepath.Base(filepath.Dir(os.Getenv("CONTROL_PLANE_BIN"))), "+")
	return fmt.Sprintf(`# On a real control plane

What `+"`make e2e`"+` saw on %s: KEDA's operator and metrics adapter, the HPA controller, kube-apiserver and etcd as they are
released (%s), KWOK for the pods' start-up times and a Prometheus with %d days of each load. The HPA
looks every 15 s, KEDA polls every 30 s. The run took %.0f s. [How it is built](../tests/e2e/README.md).
`, time.Now().UTC().Format("2006-01-02"), strings.ReplaceAll(strings.Join(versions, ", "), "-", " "), daysBefore, took.Seconds())
}

// === What the cluster is given ===

// deployment is a workload whose pods take a start-up time until they are Ready.
func deployment(namespace, name string, replicas int, startUp time.Duration) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}, annotations: {e2e.forescale/start-up: %[4]s}}
    spec:
      nodeName: %[5]s
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: app, resources: {requests: {cpu: "1"}}}]
`, name, namespace, replicas, startUp, controlplane.Node)
}

// object is a ScaledObject; `spec` is merged into what every one has.
type object struct {
	namespace, name string
	min, max        int
	triggers        []trigger
	spec            map[string]any
}

type trigger struct {
	kind string
	// name is the trigger's own, if it has one.
	name     string
	metadata map[string]string
	auth     string
	// metricType is the kind of target, KEDA's default when empty.
	metricType string
}

func (o object) manifest() string {
	var triggers []map[string]any
	for _, trigger := range o.triggers {
		entry := map[string]any{"type": trigger.kind, "metadata": trigger.metadata}
		if trigger.name != "" {
			entry["name"] = trigger.name
		}
		if trigger.auth != "" {
			entry["authenticationRef"] = map[string]any{"name": trigger.auth}
		}
		if trigger.metricType != "" {
			entry["metricType"] = trigger.metricType
		}
		triggers = append(triggers, entry)
	}
	spec := map[string]any{
		"scaleTargetRef":  map[string]any{"name": o.name},
		"minReplicaCount": o.min,
		"maxReplicaCount": o.max,
		"triggers":        triggers,
	}
	for key, value := range o.spec {
		spec[key] = value
	}
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": "keda.sh/v1alpha1",
		"kind":       "ScaledObject",
		"metadata":   map[string]any{"name": o.name, "namespace": o.namespace},
		"spec":       spec,
	})
	if err != nil {
		panic(err)
	}
	return string(manifest)
}

// forecast is a trigger of Forescale for an application's load; later pairs of key and value win.
func forecast(kind, address, app string, more ...string) trigger {
	metadata := map[string]string{
		"scalerAddress": address,
		"query":         fmt.Sprintf(`sum(load{app=%q})`, app),
		"threshold":     fmt.Sprint(perReplica),
		"history":       "8d",
	}
	for index := 0; index < len(more); index += 2 {
		metadata[more[index]] = more[index+1]
	}
	return trigger{kind: kind, metadata: metadata}
}

// behavior is the HPA's behavior of keda/examples/predictive.yaml: no dead band, and the windows are the plan's own.
func behavior() map[string]any {
	return map[string]any{"horizontalPodAutoscalerConfig": map[string]any{"behavior": map[string]any{
		"scaleUp":   map[string]any{"tolerance": "0", "stabilizationWindowSeconds": 0},
		"scaleDown": map[string]any{"tolerance": "0", "stabilizationWindowSeconds": 0},
	}}}
}

// === What scenarios do ===

func namespace(t *testing.T, name string) {
	t.Helper()
	apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+name+"}\n")
}

func apply(t *testing.T, manifests ...string) {
	t.Helper()
	for _, manifest := range manifests {
		if err := world.plane.Apply(manifest); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t *testing.T, object object) {
	t.Helper()
	if _, err := world.plane.Kubectl("", "delete", "scaledobject", object.name, "-n", object.namespace, "--wait=true", "--timeout=60s"); err != nil {
		t.Fatal(err)
	}
}

// begin opens a scenario's record; what it watches ends with the test.
func begin(t *testing.T, order int) (*harness.Scenario, context.Context) {
	t.Helper()
	name := strings.ReplaceAll(t.Name()[strings.LastIndex(t.Name(), "/")+1:], "_", " ")
	ctx, cancel := context.WithCancel(context.Background())
	scenario := world.report.Begin(t, order, name)
	t.Cleanup(cancel)
	return scenario, ctx
}

func watch(ctx context.Context, scenario *harness.Scenario, namespace, name, app, label string, forescale *harness.Forescale) *harness.Watched {
	return scenario.Watch(ctx, world.client, harness.Subject{
		Namespace: namespace,
		Name:      name,
		Load:      func(at time.Time) float64 { return world.loads.At(app, at) },
		Forescale: forescale,
		Label:     label,
	})
}

// until waits until a workload's state satisfies probe.
func until(t *testing.T, watched *harness.Watched, what string, wait time.Duration, probe func(harness.State) bool) harness.State {
	t.Helper()
	since := time.Now()
	for {
		state, ok := watched.Last()
		if ok && state.At.After(since.Add(-2*time.Second)) && probe(state) {
			return state
		}
		if time.Since(since) > wait {
			t.Fatalf("waited %s in vain for %s; last seen: %+v", wait, what, state)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

// sinceEpoch sleeps until so long after the run's epoch.
func sinceEpoch(offset time.Duration) time.Time {
	moment := world.loads.Epoch.Add(offset)
	time.Sleep(time.Until(moment))
	return moment
}

// read asks for an external metric as the HPA does: the API server, KEDA's adapter, its operator, the scaler.
func read(ctx context.Context, object object, metric string) (string, error) {
	return externalMetric(ctx, world.client, object.namespace, metric, "scaledobject.keda.sh/name="+object.name)
}

// conditions are the HPA's and KEDA's, as a user sees them with `kubectl describe`.
func conditions(object object) string {
	hpa := jsonPath(object, "hpa/keda-hpa-"+object.name, `{range .status.conditions[?(@.type=="ScalingActive")]}{.type}={.status} ({.reason}: {.message}){end}`)
	if selector, rest, ok := strings.Cut(hpa, "&LabelSelector{"); ok {
		_, rest, _ = strings.Cut(rest, "},}")
		hpa = strings.TrimSuffix(selector, "/") + rest
	}
	keda := jsonPath(object, "scaledobject/"+object.name, `{range .status.conditions[*]}{.type}={.status} ({.reason}) {end}`)
	return "the HPA: " + hpa + "\n         the ScaledObject: " + keda
}

func jsonPath(object object, resource, template string) string {
	text, err := world.plane.Kubectl("", "get", resource, "-n", object.namespace, "--ignore-not-found", "-o", "jsonpath="+template)
	if err != nil {
		text = err.Error()
	}
	if text == "" {
		text = "there is none"
	}
	return strings.TrimSpace(text)
}
