package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"forescale/tests/e2e/controlplane"
)

// Forescale is the program under test, running.
type Forescale struct {
	// GRPC is the address for `scalerAddress`, HTTP the base URL of its API.
	GRPC, HTTP string
	// Data is the folder of its snapshot.
	Data string

	process *controlplane.Process
}

// Plan is what Forescale's API says of a workload.
type Plan struct {
	Replicas int
	Basis    string
	Active   bool
	Observed float64
}

// Detail is what Forescale's API says of a ScaledObject's trigger beside its number.
type Detail struct {
	Plan struct {
		Replicas   int
		LeadTime   string
		LeadSource struct{ From string }
		Reasons    []struct{ Limit, Text string }
	}
	// Cluster is what the cluster has told; nil where it was not asked or may tell nothing.
	Cluster *struct {
		Text    []string
		Missing []struct{ Feature, Rule string }
	}
}

// Reason is the text of a limit that had a part in the plan, empty without one.
func (d Detail) Reason(limit string) string {
	for _, reason := range d.Plan.Reasons {
		if reason.Limit == limit {
			return reason.Text
		}
	}
	return ""
}

// Setup says how a Forescale is started.
type Setup struct {
	// Host is the loopback address to listen on, 127.0.0.1 by default; Port that of the gRPC server, a free one by default.
	Host string
	Port int
	// Settings are further lines of the settings file.
	Settings string
	// NoPrometheus leaves the default source out: all sources stand in the settings.
	NoPrometheus bool
}

// StartForescale starts the program and waits until it is ready.
func StartForescale(dir, name, binary, prometheus string, setup Setup) (*Forescale, error) {
	home := filepath.Join(dir, "forescale", name)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	settings := filepath.Join(home, "forescale.yaml")
	if err := os.WriteFile(settings, []byte(setup.Settings), 0o644); err != nil {
		return nil, err
	}
	if setup.Host == "" {
		setup.Host = "127.0.0.1"
	}
	for setup.Port == 0 {
		port, err := controlplane.FreePort()
		if err != nil {
			return nil, err
		}
		setup.Port = port
	}
	httpPort, err := controlplane.FreePort()
	if err != nil {
		return nil, err
	}
	forescale := &Forescale{
		GRPC: fmt.Sprintf("%s:%d", setup.Host, setup.Port),
		HTTP: fmt.Sprintf("http://127.0.0.1:%d", httpPort),
		Data: filepath.Join(home, "data"),
	}
	args := []string{
		"serve",
		"--config", settings,
		"--grpc-addr", forescale.GRPC,
		"--http-addr", fmt.Sprintf("127.0.0.1:%d", httpPort),
		"--data-dir", forescale.Data,
	}
	if !setup.NoPrometheus {
		args = append(args, "--prometheus", prometheus)
	}
	forescale.process, err = controlplane.Launch(dir, "forescale-"+name, binary, args, nil)
	if err != nil {
		return nil, err
	}
	if err := forescale.WaitReady(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, forescale.process.Tail())
	}
	return forescale, nil
}

// WaitReady waits until the readiness probe is satisfied.
func (f *Forescale) WaitReady() error { return WaitForHTTP(f.HTTP+"/readyz", time.Minute) }

// Kill ends it as a crash does.
func (f *Forescale) Kill() { f.process.Kill() }

// Terminate ends it as the kubelet does, with its drain.
func (f *Forescale) Terminate() { f.process.Terminate() }

// Start starts it again where it was.
func (f *Forescale) Start() error {
	if err := f.process.Start(); err != nil {
		return err
	}
	return f.WaitReady()
}

// Metric gives the value of the first series of /metrics whose line begins so.
func (f *Forescale) Metric(begins string) (float64, error) {
	client := &http.Client{Timeout: 2 * time.Second}
	response, err := client.Get(f.HTTP + "/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(body), "\n") {
		if strings.HasPrefix(line, begins) {
			return strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
		}
	}
	return 0, fmt.Errorf("no series begins with `%s`", begins)
}

// Plans gives the plans of a ScaledObject's triggers; none while it is unknown or Forescale is away.
func (f *Forescale) Plans(namespace, name string) []Plan {
	client := &http.Client{Timeout: 2 * time.Second}
	response, err := client.Get(fmt.Sprintf("%s/api/v1/workloads/%s/%s?since=5m", f.HTTP, namespace, name))
	if err != nil {
		return nil
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Workloads []struct {
			Plan *struct {
				Replicas int
				Basis    string
				Active   bool
				Observed *struct{ Value float64 }
			}
		}
	}
	if json.NewDecoder(response.Body).Decode(&answer) != nil {
		return nil
	}
	var plans []Plan
	for _, workload := range answer.Workloads {
		if workload.Plan == nil {
			continue
		}
		plan := Plan{Replicas: workload.Plan.Replicas, Basis: workload.Plan.Basis, Active: workload.Plan.Active}
		if workload.Plan.Observed != nil {
			plan.Observed = workload.Plan.Observed.Value
		}
		plans = append(plans, plan)
	}
	return plans
}

// Detail gives the first trigger of a ScaledObject; ok is false while it is unknown or has no plan.
func (f *Forescale) Detail(namespace, name string) (detail Detail, ok bool) {
	client := &http.Client{Timeout: 2 * time.Second}
	response, err := client.Get(fmt.Sprintf("%s/api/v1/workloads/%s/%s?since=5m", f.HTTP, namespace, name))
	if err != nil {
		return Detail{}, false
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ Workloads []Detail }
	if json.NewDecoder(response.Body).Decode(&answer) != nil || len(answer.Workloads) == 0 {
		return Detail{}, false
	}
	return answer.Workloads[0], answer.Workloads[0].Plan.LeadTime != ""
}
