package harness

import (
	"context"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// State is a workload at a moment. What is not there is -1.
type State struct {
	At      time.Time
	Load    float64
	Plan    int
	Desired int
	Spec    int
	Ready   int
}

// Watched is a workload whose life is recorded every second.
type Watched struct {
	mutex  sync.Mutex
	states []State
}

// Subject says what to watch and what its load per replica is.
type Subject struct {
	Namespace, Name string
	Load            func(time.Time) float64
	// Forescale gives the plan; without one there is none to record.
	Forescale *Forescale
	// Label stands before each line of the timeline.
	Label string
	// HPA is the name of the HPA that scales it, KEDA's by default.
	HPA string
}

// Watch records a workload until the context ends; each change becomes a line of the timeline.
func (s *Scenario) Watch(ctx context.Context, client kubernetes.Interface, subject Subject) *Watched {
	if subject.HPA == "" {
		subject.HPA = "keda-hpa-" + subject.Name
	}
	watched := &Watched{}
	go func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		var last State
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			state := look(ctx, client, subject)
			if ctx.Err() != nil {
				return
			}
			watched.mutex.Lock()
			watched.states = append(watched.states, state)
			watched.mutex.Unlock()
			if state.Plan != last.Plan || state.Desired != last.Desired || state.Spec != last.Spec || state.Ready != last.Ready {
				s.Log("%sload %6.1f  plan %s  desired %s  replicas %s  ready %s", subject.Label, state.Load, show(state.Plan), show(state.Desired), show(state.Spec), show(state.Ready))
			}
			last = state
		}
	}()
	return watched
}

func show(count int) string {
	if count < 0 {
		return " –"
	}
	return (" " + strconv.Itoa(count))[len(strconv.Itoa(count))/2:]
}

func look(ctx context.Context, client kubernetes.Interface, subject Subject) State {
	state := State{At: time.Now(), Load: subject.Load(time.Now()), Plan: -1, Desired: -1, Spec: -1, Ready: -1}
	if subject.Forescale != nil {
		for _, plan := range subject.Forescale.Plans(subject.Namespace, subject.Name) {
			state.Plan = max(state.Plan, plan.Replicas)
		}
	}
	hpa, err := client.AutoscalingV2().HorizontalPodAutoscalers(subject.Namespace).Get(ctx, subject.HPA, metav1.GetOptions{})
	if err == nil {
		state.Desired = int(hpa.Status.DesiredReplicas)
	}
	deployment, err := client.AppsV1().Deployments(subject.Namespace).Get(ctx, subject.Name, metav1.GetOptions{})
	if err == nil {
		state.Ready = int(deployment.Status.ReadyReplicas)
		state.Spec = int(*deployment.Spec.Replicas)
	}
	return state
}

// States are all records so far.
func (w *Watched) States() []State {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return append([]State(nil), w.states...)
}

// Last is the latest record; ok is false before the first.
func (w *Watched) Last() (state State, ok bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.states) == 0 {
		return State{}, false
	}
	return w.states[len(w.states)-1], true
}

// First is the first record that satisfies probe, since a moment.
func (w *Watched) First(since time.Time, probe func(State) bool) (State, bool) {
	for _, state := range w.States() {
		if !state.At.Before(since) && probe(state) {
			return state, true
		}
	}
	return State{}, false
}

// Overloaded is how long the load was above what the Ready replicas carry, between two moments.
func (w *Watched) Overloaded(from, until time.Time, perReplica float64) time.Duration {
	var total time.Duration
	states := w.States()
	for index := 1; index < len(states); index++ {
		state := states[index]
		// Half a per cent of noise is no overload.
		if state.At.After(from) && state.At.Before(until) && state.Load > float64(state.Ready)*perReplica*1.01 {
			total += state.At.Sub(states[index-1].At)
		}
	}
	return total.Round(time.Second)
}

// ReplicaSeconds is the area under the replicas that were asked for, between two moments.
func (w *Watched) ReplicaSeconds(from, until time.Time) float64 {
	var total float64
	states := w.States()
	for index := 1; index < len(states); index++ {
		if states[index].At.After(from) && states[index].At.Before(until) {
			total += float64(states[index].Spec) * states[index].At.Sub(states[index-1].At).Seconds()
		}
	}
	return total
}
