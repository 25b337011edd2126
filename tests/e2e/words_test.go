package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"forescale/tests/e2e/harness"
)

// guide is where the words of KEDA and the HPA are explained.
const guide = "../../docs/debugging.md"

// quoted is something that goes wrong, and the words with which the guide says that it shows.
type quoted struct {
	object object
	// where one looks: `events` and `conditions` of the ScaledObject, the operator's `log`, the `hpa`.
	where string
	words string
}

// The guide's section "What KEDA says" is held against the real KEDA: each situation is provoked, and the words that are quoted
// there are looked for where the guide sends its readers.
func kedaAndTheHPASayWhatTheGuideQuotes(t *testing.T) {
	scenario, ctx := begin(t, 16)
	namespace(t, "words")
	secured, trust := securedForescale(t)
	// Its only place is taken by a workload of its own settings.
	full := own(t, "words-full", harness.Setup{Settings: "knowledge: {maxWorkloads: 1}\n" + standing("words", "standing", "worded")})
	nobody, err := harness.ServeHeadless()
	if err != nil {
		t.Fatal(err)
	}
	calm := func(name, address string, more ...string) object {
		return object{namespace: "words", name: name, min: 1, max: 20, triggers: []trigger{
			forecast("external", address, "worded", append([]string{"leadTime", "30s"}, more...)...),
		}}
	}
	mistyped := calm("mistyped", world.forescale.GRPC, "treshold", "50")
	untargeted := calm("untargeted", world.forescale.GRPC)
	plain := calm("plain", world.forescale.GRPC)
	plain.triggers[0].auth = trust
	empty := calm("empty", world.forescale.GRPC, "query", "sum(nothing)")
	fallen := calm("fallen", world.forescale.GRPC, "query", "sum(nothing)")
	fallen.spec = map[string]any{"fallback": map[string]any{"failureThreshold": 1, "replicas": 4}}
	limited := calm("limited", world.forescale.GRPC, "maxReplicas", "100")
	limited.max = 2
	changed := calm("changed", world.forescale.GRPC)
	situations := []quoted{
		{mistyped, "conditions", "no metric specs returned from scalers"},
		{mistyped, "log", "code = InvalidArgument desc = "},
		{calm("refused", "127.0.0.1:1"), "log", "connect: connection refused"},
		{calm("nameless", "dns://"+nobody.Server+"/forescale.test.:6000"), "log", "no children to pick from"},
		{plain, "log", "authentication handshake failed: tls: first record does not look like a TLS handshake"},
		{calm("secured", secured), "log", "error reading server preface: unexpected EOF"},
		{calm("excess", full.GRPC), "log", "workloads are registered already"},
		{untargeted, "events", "doesn't have correct scaleTargetRef specification: deployments.apps"},
		{empty, "events", "code = Unavailable desc = no plan for"},
		{empty, "conditions", "TriggerError"},
		{empty, "hpa", "error when getting metric values metric:s0-forescale encountered error"},
		{fallen, "conditions", "FallbackExists"},
		{limited, "hpa", "TooManyReplicas"},
		{changed, "events", "ScaledObjectReady"},
	}
	for _, situation := range situations {
		if situation.object.name != untargeted.name {
			apply(t, deployment("words", situation.object.name, 1, 5*time.Second))
		}
		apply(t, situation.object.manifest())
	}
	page, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	hold := func(situation quoted) {
		t.Helper()
		if !strings.Contains(string(page), situation.words) {
			t.Errorf("%s does not quote `%s`", guide, situation.words)
		}
		heard := ""
		for since := time.Now(); !strings.Contains(heard, situation.words); heard = hear(t, situation) {
			if ctx.Err() != nil || time.Since(since) > patience {
				t.Errorf("%s: `%s` is not in the %s:\n%s", situation.object.name, situation.words, situation.where, heard)
				return
			}
			time.Sleep(time.Second)
		}
		scenario.Log("%-10s  %-10s  %s", situation.object.name, situation.where, situation.words)
	}
	for _, situation := range situations {
		hold(situation)
	}
	// What worked before and does not any more is told in other words.
	changed.triggers[0].metadata["treshold"] = "50"
	apply(t, changed.manifest())
	hold(quoted{changed, "events", "got empty metric spec"})
	scenario.Timing("%d situations show in the words of the debugging guide", len(situations)+1)
}

// hear gives what KEDA or the HPA says of an object in one place.
func hear(t *testing.T, situation quoted) string {
	t.Helper()
	object := situation.object
	switch situation.where {
	case "events":
		return kubectl(t, "get", "events", "-n", object.namespace, "--field-selector", "involvedObject.kind=ScaledObject,involvedObject.name="+object.name,
			"-o", `jsonpath={range .items[*]}{.reason}: {.message}{"\n"}{end}`)
	case "conditions":
		return jsonPath(object, "scaledobject/"+object.name, `{range .status.conditions[*]}{.type}={.status} ({.reason}: {.message}) {end}`)
	case "hpa":
		return jsonPath(object, "hpa/keda-hpa-"+object.name, `{range .status.conditions[*]}{.type}={.status} ({.reason}: {.message}) {end}`)
	default:
		text, err := os.ReadFile(filepath.Join(world.dir, "logs", "keda-operator.log"))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		of := fmt.Sprintf(`"namespace": %q, "name": %q`, object.namespace, object.name)
		for _, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, "external_scaler") && strings.Contains(line, of) {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "\n")
	}
}

// securedForescale starts a Forescale with TLS, and makes a TriggerAuthentication that trusts its authority.
func securedForescale(t *testing.T) (address, authentication string) {
	t.Helper()
	_, file, root := certified(t, "words")
	apply(t, fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: trust, namespace: words}
data: {ca: %s}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: trust, namespace: words}
spec: {secretTargetRef: [{parameter: caCert, name: trust, key: ca}]}
`, base64.StdEncoding.EncodeToString(root)))
	forescale := own(t, "words-secured", harness.Setup{Settings: fmt.Sprintf("keda: {tls: {certFile: %q, keyFile: %q}}\n", file("tls.crt"), file("tls.key"))})
	return forescale.GRPC, "trust"
}
