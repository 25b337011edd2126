package harness

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"forescale/tests/e2e/controlplane"
)

// StartPrometheus starts a real Prometheus that already holds days of every load and goes on scraping it; its URL.
func StartPrometheus(dir, bin string, loads *Loads, days int) (string, error) {
	home := filepath.Join(dir, "prometheus")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	target, err := loads.Serve()
	if err != nil {
		return "", err
	}
	if err := backfill(home, bin, target, loads, days); err != nil {
		return "", err
	}
	return startPrometheus(dir, "prometheus", bin, fmt.Sprintf("  - job_name: load\n    static_configs: [{targets: [%q]}]\n", target))
}

// StartPlanPrometheus starts another Prometheus, which scrapes the plans of Forescales and keeps their labels.
func StartPlanPrometheus(dir, name, bin string, forescales ...*Forescale) (string, error) {
	var targets []string
	for _, forescale := range forescales {
		targets = append(targets, fmt.Sprintf("%q", strings.TrimPrefix(forescale.HTTP, "http://")))
	}
	return startPrometheus(dir, name, bin, fmt.Sprintf("  - job_name: forescale\n    honor_labels: true\n    static_configs: [{targets: [%s]}]\n", strings.Join(targets, ", ")))
}

func startPrometheus(dir, name, bin, scrape string) (string, error) {
	home := filepath.Join(dir, name)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	config := filepath.Join(home, "prometheus.yml")
	text := "global: {scrape_interval: 5s}\nscrape_configs:\n" + scrape
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return "", err
	}
	port, err := controlplane.FreePort()
	if err != nil {
		return "", err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	_, err = controlplane.Launch(dir, name, filepath.Join(bin, "prometheus"), []string{
		"--config.file=" + config,
		"--storage.tsdb.path=" + filepath.Join(home, "data"),
		"--storage.tsdb.retention.time=60d",
		"--web.listen-address=" + address,
	}, nil)
	if err != nil {
		return "", err
	}
	url := "http://" + address
	return url, WaitForHTTP(url+"/-/ready", time.Minute)
}

// The history carries the labels that the scrape gives, so that it is one series with what comes.
func backfill(home, bin, target string, loads *Loads, days int) error {
	file := filepath.Join(home, "history.txt")
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	writer := bufio.NewWriter(out)
	_, _ = fmt.Fprintln(writer, "# TYPE load gauge")
	now := time.Now()
	for _, app := range loads.Apps() {
		for at := now.Add(-time.Duration(days) * 24 * time.Hour); at.Before(now.Add(-2 * time.Second)); at = at.Add(30 * time.Second) {
			_, _ = fmt.Fprintf(writer, "load{app=%q,instance=%q,job=\"load\"} %g %d\n", app, target, loads.At(app, at), at.Unix())
		}
	}
	_, _ = fmt.Fprintln(writer, "# EOF")
	if err := writer.Flush(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	command := exec.Command(filepath.Join(bin, "promtool"), "tsdb", "create-blocks-from", "openmetrics", file, filepath.Join(home, "data"))
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("promtool could not write the history: %w: %s", err, output)
	}
	return os.Remove(file)
}

// WaitForHTTP waits until a URL answers 200.
func WaitForHTTP(url string, patience time.Duration) error {
	client := &http.Client{Timeout: 2 * time.Second}
	deadline := time.Now().Add(patience)
	for {
		response, err := client.Get(url)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("answered %s", response.Status)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("`%s` is not ready: %w", url, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
