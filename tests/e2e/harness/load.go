// Package harness is what the end-to-end scenarios stand on: loads with a past, a real Prometheus, the program under
// test, and the record of what happened when.
package harness

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"sort"
	"sync"
	"time"
)

// Load is a workload's load by the time since the run's epoch, in requests a second; times before it are the history
// that is in Prometheus when the run begins.
type Load func(sinceEpoch time.Duration) float64

// Flat is the same load at all times.
func Flat(value float64) Load { return func(time.Duration) float64 { return value } }

// Hill rises from low to high between from and from+rise, stays there until until, and is low again after as long a fall.
func Hill(low, high float64, from, rise, until time.Duration) Load {
	return func(at time.Duration) float64 {
		up := share(at-from, rise)
		down := share(at-until, rise)
		return low + (high-low)*(up-down)
	}
}

// Every repeats what a load does between half a period before the epoch and half a period after it, at all times.
func Every(period time.Duration, load Load) Load {
	return func(at time.Duration) float64 {
		phase := (at + period/2) % period
		if phase < 0 {
			phase += period
		}
		return load(phase - period/2)
	}
}

// From follows the first load, and from a moment of the run on the second: something that the days before have not shown.
func From(moment time.Duration, before, after Load) Load {
	return func(at time.Duration) float64 {
		if at >= moment {
			return after(at)
		}
		return before(at)
	}
}

func share(passed, whole time.Duration) float64 {
	return math.Min(1, math.Max(0, passed.Seconds()/whole.Seconds()))
}

// Loads are all loads of a run by the name of their application, served as metrics with the real clock.
type Loads struct {
	// Epoch is the moment to which all loads refer.
	Epoch time.Time
	// Address is where they are served, once they are.
	Address string

	mutex sync.Mutex
	byApp map[string]Load
}

// At gives a load at a moment.
func (l *Loads) At(app string, moment time.Time) float64 {
	l.mutex.Lock()
	load := l.byApp[app]
	l.mutex.Unlock()
	if load == nil {
		return 0
	}
	return round(load(moment.Sub(l.Epoch)) * (1 + noise(app, moment)))
}

// NewLoads fixes the loads of a run.
func NewLoads(epoch time.Time, byApp map[string]Load) *Loads {
	return &Loads{Epoch: epoch, byApp: byApp}
}

// Apps are the names of all loads, sorted.
func (l *Loads) Apps() []string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var apps []string
	for app := range l.byApp {
		apps = append(apps, app)
	}
	sort.Strings(apps)
	return apps
}

// Serve answers a scrape at /metrics on a free port; its address.
func (l *Loads) Serve() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	handler := http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(answer, "# TYPE load gauge")
		for _, app := range l.Apps() {
			_, _ = fmt.Fprintf(answer, "load{app=%q} %g\n", app, l.At(app, time.Now()))
		}
	})
	go func() { _ = http.Serve(listener, handler) }()
	l.Address = listener.Addr().String()
	return l.Address, nil
}

// Half a per cent either way that changes every 15 seconds and is the same whenever it is asked for.
func noise(app string, moment time.Time) float64 {
	state := uint64(moment.Unix()/15) * 0x9E3779B97F4A7C15
	for _, letter := range app {
		state = (state ^ uint64(letter)) * 0x100000001B3
	}
	state ^= state >> 29
	return (float64(state%1000)/1000 - 0.5) / 100
}

func round(value float64) float64 { return math.Round(value*100) / 100 }
