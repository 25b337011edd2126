package harness

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// Report collects what all scenarios saw; it ends as a page of Markdown.
type Report struct {
	mutex     sync.Mutex
	scenarios []*Scenario
}

// Scenario is one test's record, with times in seconds from its start.
type Scenario struct {
	Name    string
	Started time.Time

	mutex    sync.Mutex
	t        *testing.T
	order    int
	took     time.Duration
	result   string
	timeline []string
	timings  []string
}

// Begin opens the record of a scenario; it is closed with the test.
func (r *Report) Begin(t *testing.T, order int, name string) *Scenario {
	scenario := &Scenario{Name: name, Started: time.Now(), t: t, order: order, result: "did not end"}
	r.mutex.Lock()
	r.scenarios = append(r.scenarios, scenario)
	r.mutex.Unlock()
	t.Cleanup(func() {
		scenario.mutex.Lock()
		defer scenario.mutex.Unlock()
		scenario.took = time.Since(scenario.Started)
		scenario.result = "passed"
		if t.Failed() {
			scenario.result = "failed"
		}
	})
	return scenario
}

// Log writes a line of the timeline.
func (s *Scenario) Log(format string, args ...any) {
	s.t.Helper()
	line := fmt.Sprintf("%+4.0f s  %s", time.Since(s.Started).Seconds(), fmt.Sprintf(format, args...))
	s.mutex.Lock()
	s.timeline = append(s.timeline, line)
	s.mutex.Unlock()
	s.t.Log(line)
}

// Timing notes what belongs into the table.
func (s *Scenario) Timing(format string, args ...any) {
	s.t.Helper()
	line := fmt.Sprintf(format, args...)
	s.mutex.Lock()
	s.timings = append(s.timings, line)
	s.mutex.Unlock()
	s.t.Log("=> " + line)
}

// Write puts the page into a file and gives its table.
func (r *Report) Write(file, head string) (string, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	sort.Slice(r.scenarios, func(i, j int) bool { return r.scenarios[i].order < r.scenarios[j].order })
	var table, timelines strings.Builder
	table.WriteString("| Scenario | Result | Took | Timings |\n|---|---|---|---|\n")
	for _, scenario := range r.scenarios {
		scenario.mutex.Lock()
		fmt.Fprintf(&table, "| %s | %s | %.0f s | %s |\n", scenario.Name, scenario.result, scenario.took.Seconds(), strings.Join(scenario.timings, "; "))
		fmt.Fprintf(&timelines, "\n### %s\n\n```text\n%s\n```\n", scenario.Name, strings.Join(scenario.timeline, "\n"))
		scenario.mutex.Unlock()
	}
	page := head + "\n" + table.String() + "\n## Timelines\n\nSeconds from the scenario's start. *load* is what the days before and Prometheus say, *plan* what Forescale tells KEDA,\n*desired* the HPA's desired replicas, *ready* the Ready pods.\n" + timelines.String()
	return table.String(), os.WriteFile(file, []byte(page), 0o644)
}
