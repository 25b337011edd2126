package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// StartPrometheusAdapter starts prometheus-adapter with a configuration of its own, as the server of external metrics:
// KEDA can't be in the same control plane.
func (p *Plane) StartPrometheusAdapter(prometheus, config string, scrape time.Duration) error {
	const name = "prometheus-adapter"
	certificates := p.pki(name)
	host := name + ".monitoring.svc"
	if err := p.authority.Write(certificates, Identity{Name: name, Hosts: []string{host, "localhost"}}); err != nil {
		return err
	}
	file := filepath.Join(p.Dir, "adapter.yaml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return err
	}
	port, err := FreePort()
	if err != nil {
		return err
	}
	err = p.launch(name, []string{
		"--config=" + file,
		"--prometheus-url=" + prometheus,
		"--metrics-relist-interval=" + scrape.String(),
		"--metrics-max-age=" + (4 * scrape).String(),
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + filepath.Join(certificates, "tls.crt"),
		"--tls-private-key-file=" + filepath.Join(certificates, "tls.key"),
		"--client-ca-file=" + filepath.Join(certificates, "ca.crt"),
		"--lister-kubeconfig=" + p.Kubeconfig,
		"--authentication-kubeconfig=" + p.Kubeconfig,
		"--authorization-kubeconfig=" + p.Kubeconfig,
	}, nil)
	if err != nil {
		return err
	}
	if err := p.Apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: monitoring}\n"); err != nil {
		return err
	}
	if err := p.Register("external.metrics.k8s.io", "v1beta1", "monitoring", name, strconv.Itoa(port)); err != nil {
		return err
	}
	return p.wait(name, func() error {
		_, err := p.Kubectl("", "get", "--raw", "/apis/external.metrics.k8s.io/v1beta1")
		return err
	})
}
