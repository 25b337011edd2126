package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"forescale/tests/e2e/controlplane"
	"forescale/tests/e2e/harness"
)

func twoTriggersOfOursOnOneScaledObject(t *testing.T) {
	scenario, ctx := begin(t, 5)
	namespace(t, "two")
	apply(t, deployment("two", "shop", 1, 5*time.Second))
	shop := object{
		namespace: "two", name: "shop", min: 1, max: 20,
		triggers: []trigger{
			forecast("external", world.forescale.GRPC, "orders", "leadTime", "30s", "hpaTolerance", "0"),
			forecast("external", world.forescale.GRPC, "basket", "leadTime", "30s", "hpaTolerance", "0"),
		},
		spec: map[string]any{"advanced": behavior()},
	}
	apply(t, shop.manifest())
	watched := watch(ctx, scenario, "two", "shop", "orders", "", world.forescale)
	until(t, watched, "the basket's four replicas", patience, func(s harness.State) bool { return s.Ready >= 4 && s.Ready == s.Plan })
	orders := sinceEpoch(firstStep)
	scenario.Log("orders need 7 from now on")
	first := until(t, watched, "the orders' seven replicas", patience, func(s harness.State) bool { return s.Ready >= 7 })
	basket := sinceEpoch(secondStep)
	scenario.Log("the basket needs 9 from now on")
	second := until(t, watched, "the basket's nine replicas", patience, func(s harness.State) bool { return s.Ready >= 9 })
	scenario.Timing("the first trigger's step is Ready after %.0f s, the second's after %.0f s", first.At.Sub(orders).Seconds(), second.At.Sub(basket).Seconds())

	plans := world.forescale.Plans("two", "shop")
	if len(plans) != 2 {
		t.Fatalf("Forescale has %d plans for two triggers: %+v", len(plans), plans)
	}
	values := map[string]string{}
	for _, metric := range []string{"s0-forescale", "s1-forescale"} {
		value, err := read(ctx, shop, metric)
		if err != nil {
			t.Fatal(err)
		}
		values[metric] = value
		scenario.Log("the HPA reads %s from %s", value, metric)
	}
	if values["s0-forescale"] == values["s1-forescale"] {
		t.Errorf("both triggers answer %s", values["s0-forescale"])
	}
}

func migratedFromThePrometheusTriggerByOneLine(t *testing.T) {
	scenario, ctx := begin(t, 6)
	namespace(t, "moved")
	apply(t, deployment("moved", "web", 2, 5*time.Second))
	// The metadata that KEDA's own trigger has: none of it is touched.
	web := object{namespace: "moved", name: "web", min: 2, max: 40, triggers: []trigger{{kind: "prometheus", metadata: map[string]string{
		"serverAddress": world.prometheus, "query": `sum(load{app="moved"})`, "threshold": "100", "activationThreshold": "5",
	}}}}
	// The server's allow-list has the address that tenants' metadata names.
	forescale := own(t, "moved", harness.Setup{Settings: fmt.Sprintf("monitor: {allowedServerAddresses: [%q]}\n", world.prometheus)})
	apply(t, web.manifest())
	watched := watch(ctx, scenario, "moved", "web", "moved", "", forescale)
	until(t, watched, "the prometheus trigger's eight replicas", patience, func(s harness.State) bool { return s.Ready == 8 })

	moved := time.Now()
	web.triggers[0].kind = "external"
	web.triggers[0].metadata["scalerAddress"] = forescale.GRPC
	apply(t, web.manifest())
	scenario.Log("`type: external`, and `scalerAddress` added")
	planned := until(t, watched, "Forescale's plan", patience, func(s harness.State) bool { return s.Plan > 0 })
	reads, failed := 0, 0
	for time.Since(moved) < 75*time.Second {
		if _, err := read(ctx, web, "s0-forescale"); err != nil {
			failed++
		}
		reads++
		time.Sleep(time.Second)
	}
	// The young plan's band is wide: it may ask for more than the load needs, and never for less.
	most := 0
	for _, state := range watched.States() {
		if state.At.After(moved) {
			most = max(most, state.Spec)
		}
		if state.At.After(moved) && state.Spec < 8 {
			t.Errorf("the fleet fell to %d replicas", state.Spec)
			break
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d reads failed", failed, reads)
	}
	value, err := read(ctx, web, "s0-forescale")
	if err != nil {
		t.Fatal(err)
	}
	scenario.Timing("planned %.0f s after the change, %d of %d reads failed, 8 replicas or more throughout (at most %d), the HPA reads %s", planned.At.Sub(moved).Seconds(), failed, reads, most, value)
}

// certified makes an authority and a Forescale's certificate; gives the authority, the path of each file in their folder, and the
// authority's own certificate.
func certified(t *testing.T, folder string) (authority *controlplane.Authority, file func(name string) string, root []byte) {
	t.Helper()
	authority, err := controlplane.NewAuthority(folder)
	if err != nil {
		t.Fatal(err)
	}
	certificates := filepath.Join(world.dir, folder)
	if err := authority.Write(certificates, controlplane.Identity{Name: "forescale", Hosts: []string{"127.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	file = func(name string) string { return filepath.Join(certificates, name) }
	if root, err = os.ReadFile(file("ca.crt")); err != nil {
		t.Fatal(err)
	}
	return authority, file, root
}

func overMutualTLS(t *testing.T) {
	scenario, ctx := begin(t, 7)
	namespace(t, "secured")
	authority, file, root := certified(t, "secured")
	client, err := authority.Sign(controlplane.Identity{Name: "keda"})
	if err != nil {
		t.Fatal(err)
	}
	forescale := own(t, "secured", harness.Setup{Settings: fmt.Sprintf(
		"keda: {tls: {certFile: %q, keyFile: %q, clientCaFile: %q}}\n", file("tls.crt"), file("tls.key"), file("ca.crt"))})
	secret := func(content []byte) string { return base64.StdEncoding.EncodeToString(content) }
	apply(t, fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: forescale-client, namespace: secured}
data: {ca: %s, cert: %s, key: %s}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: with-certificate, namespace: secured}
spec:
  secretTargetRef:
    - {parameter: caCert, name: forescale-client, key: ca}
    - {parameter: tlsClientCert, name: forescale-client, key: cert}
    - {parameter: tlsClientKey, name: forescale-client, key: key}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: without-certificate, namespace: secured}
spec:
  secretTargetRef:
    - {parameter: caCert, name: forescale-client, key: ca}
`, secret(root), secret(client.Certificate), secret(client.Key)))

	begun := time.Now()
	objects := map[string]object{}
	for name, auth := range map[string]string{"known": "with-certificate", "stranger": "without-certificate"} {
		apply(t, deployment("secured", name, 1, 5*time.Second))
		calm := forecast("external", forescale.GRPC, "secured", "leadTime", "30s", "hpaTolerance", "0")
		calm.auth = auth
		objects[name] = object{namespace: "secured", name: name, min: 1, max: 20, triggers: []trigger{calm}, spec: map[string]any{"advanced": behavior()}}
		apply(t, objects[name].manifest())
	}
	known := watch(ctx, scenario, "secured", "known", "secured", "with a certificate     ", forescale)
	stranger := watch(ctx, scenario, "secured", "stranger", "secured", "without a certificate  ", forescale)
	ready := until(t, known, "five Ready replicas", patience, func(s harness.State) bool { return s.Ready == 5 })
	scenario.Timing("5 Ready %.0f s after the ScaledObject", ready.At.Sub(begun).Seconds())
	if _, err := read(ctx, objects["stranger"], "s0-forescale"); err == nil {
		t.Error("a client without a certificate got an answer")
	}
	state, _ := stranger.Last()
	if state.Spec != 1 || state.Plan >= 0 {
		t.Errorf("without a certificate: %+v", state)
	}
	seen := conditions(objects["stranger"])
	scenario.Log("without a certificate KEDA says\n         %s", seen)
	if !strings.Contains(seen, "Ready=False") {
		t.Errorf("the ScaledObject without a certificate does not say that it is not ready: %s", seen)
	}
	scenario.Timing("without a client certificate: refused, 1 replica")
}

func aScaledObjectIsDeletedAndCreatedAgain(t *testing.T) {
	scenario, ctx := begin(t, 9)
	namespace(t, "again")
	apply(t, deployment("again", "web", 1, 5*time.Second))
	web := object{
		namespace: "again", name: "web", min: 1, max: 20,
		triggers: []trigger{forecast("external", world.forescale.GRPC, "again", "leadTime", "30s", "hpaTolerance", "0")},
		spec:     map[string]any{"advanced": behavior()},
	}
	apply(t, web.manifest())
	watched := watch(ctx, scenario, "again", "web", "again", "", world.forescale)
	until(t, watched, "four Ready replicas", patience, func(s harness.State) bool { return s.Ready == 4 })
	remove(t, web)
	scenario.Log("the ScaledObject is deleted")
	until(t, watched, "the HPA's end", patience, func(s harness.State) bool { return s.Desired < 0 })
	if state, _ := watched.Last(); state.Spec != 4 {
		t.Errorf("deleting it changed the fleet to %d", state.Spec)
	}
	time.Sleep(20 * time.Second)
	if _, err := world.plane.Kubectl("", "scale", "deployment/web", "-n", "again", "--replicas=1"); err != nil {
		t.Fatal(err)
	}
	until(t, watched, "a fleet of one", patience, func(s harness.State) bool { return s.Ready == 1 })
	created := time.Now()
	apply(t, web.manifest())
	scenario.Log("it is created again, on a fleet of one")
	value, err := read(ctx, web, "s0-forescale")
	for err != nil && time.Since(created) < patience {
		time.Sleep(500 * time.Millisecond)
		value, err = read(ctx, web, "s0-forescale")
	}
	if err != nil {
		t.Fatal(err)
	}
	answered := time.Since(created)
	ready := until(t, watched, "four Ready replicas again", patience, func(s harness.State) bool { return s.Ready == 4 })
	scenario.Timing("deleted: fleet unchanged; created again: first read (%s) after %.0f s, 4 Ready after %.0f s", value, answered.Seconds(), ready.At.Sub(created).Seconds())
}

// own starts a Forescale that belongs to one scenario.
func own(t *testing.T, name string, setup harness.Setup) *harness.Forescale {
	t.Helper()
	forescale, err := harness.StartForescale(world.dir, name, world.binary, world.prometheus, setup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(forescale.Terminate)
	return forescale
}
