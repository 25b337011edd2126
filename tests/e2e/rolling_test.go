package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"forescale/tests/e2e/controlplane"
	"forescale/tests/e2e/harness"
)

// reader asks for a metric as the HPA does, four times a second, and keeps what went wrong.
type reader struct {
	mutex    sync.Mutex
	reads    int
	failures []string
	values   map[string]int
	latest   time.Duration
}

func keepReading(ctx context.Context, object object, metric string) *reader {
	reader := &reader{values: map[string]int{}}
	go func() {
		for ctx.Err() == nil {
			begun := time.Now()
			value, err := read(ctx, object, metric)
			if ctx.Err() != nil {
				return
			}
			reader.mutex.Lock()
			reader.reads++
			reader.latest = max(reader.latest, time.Since(begun))
			if err != nil {
				reader.failures = append(reader.failures, err.Error())
			} else {
				reader.values[value]++
			}
			reader.mutex.Unlock()
			time.Sleep(250 * time.Millisecond)
		}
	}()
	return reader
}

func (r *reader) soFar() (reads int, failures []string, slowest time.Duration) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.reads, append([]string(nil), r.failures...), r.latest
}

func aRollingUpdateOfForescaleWithTwoReplicasFailsNoRead(t *testing.T) {
	scenario, ctx := begin(t, 10)
	namespace(t, "rolled")
	port, err := controlplane.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	// Two pods behind one name, as a headless Service has it: every pod has an address of its own and the same port.
	pod := func(index int) *harness.Forescale {
		return own(t, fmt.Sprintf("rolled-%d", index), harness.Setup{Host: fmt.Sprintf("127.0.0.%d", 10+index), Port: port})
	}
	address := func(index int) string { return fmt.Sprintf("127.0.0.%d", 10+index) }
	first, second := pod(1), pod(2)
	service, err := harness.ServeHeadless(address(1), address(2))
	if err != nil {
		t.Fatal(err)
	}
	apply(t, deployment("rolled", "web", 1, 5*time.Second))
	web := object{
		namespace: "rolled", name: "web", min: 1, max: 20,
		triggers: []trigger{forecast("external-push", fmt.Sprintf("dns://%s/forescale.test.:%d", service.Server, port), "rolled", "leadTime", "30s", "hpaTolerance", "0")},
		spec:     map[string]any{"advanced": behavior()},
	}
	apply(t, web.manifest())
	watched := watch(ctx, scenario, "rolled", "web", "rolled", "", first)
	until(t, watched, "the plan's replicas", patience, func(s harness.State) bool { return s.Ready >= 7 && s.Spec == s.Plan })
	for _, replica := range []*harness.Forescale{first, second} {
		if len(replica.Plans("rolled", "web")) == 0 {
			t.Fatal("one of the two replicas has never been asked: KEDA does not call both")
		}
	}
	scenario.Log("KEDA calls both replicas")

	reading, stop := context.WithCancel(ctx)
	defer stop()
	reader := keepReading(reading, web, "s0-forescale")
	time.Sleep(15 * time.Second)
	begun := time.Now()
	// maxSurge 1, maxUnavailable 0: a new pod is Ready before an old one is told to end, and is in the name by then.
	third := pod(3)
	service.Set(address(1), address(2), address(3))
	scenario.Log("the third pod is Ready")
	service.Set(address(2), address(3))
	first.Terminate()
	scenario.Log("the first pod has ended")
	time.Sleep(15 * time.Second)
	fourth := pod(4)
	service.Set(address(2), address(3), address(4))
	scenario.Log("the fourth pod is Ready")
	service.Set(address(3), address(4))
	second.Terminate()
	scenario.Log("the second pod has ended")
	time.Sleep(40 * time.Second)
	stop()
	reads, failures, slowest := reader.soFar()
	scenario.Timing("%d reads over %.0f s, %d failed, the slowest took %d ms, the name was resolved %d times", reads, time.Since(begun).Seconds(), len(failures), slowest.Milliseconds(), service.Asked())
	if len(failures) > 0 {
		t.Errorf("%d of %d reads failed, the first with: %s", len(failures), reads, failures[0])
	}
	for name, replica := range map[string]*harness.Forescale{"third": third, "fourth": fourth} {
		if len(replica.Plans("rolled", "web")) == 0 {
			t.Errorf("the %s replica has never been asked", name)
		}
	}
	least, most := 1000, 0
	for _, state := range watched.States() {
		if state.At.After(begun) {
			least, most = min(least, state.Spec), max(most, state.Spec)
		}
	}
	scenario.Timing("%d to %d replicas meanwhile", least, most)
	if least < 7 {
		t.Errorf("the fleet fell to %d replicas", least)
	}
}
