package controlplane

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
)

// KEDANamespace is where KEDA's services are.
const KEDANamespace = "keda"

const (
	operatorHost = "keda-operator.keda.svc"
	adapterHost  = "keda-metrics-apiserver.keda.svc"
)

// StartKEDA installs KEDA's resource definitions and starts its operator and its metrics adapter, which the API server
// asks for external metrics. Both have all rights.
func (p *Plane) StartKEDA() error {
	if err := p.installKEDA(); err != nil {
		return err
	}
	certificates := p.pki("keda")
	hosts := []string{operatorHost, adapterHost, "127.0.0.1", "localhost"}
	if err := p.authority.Write(certificates, Identity{Name: "keda", Hosts: hosts}); err != nil {
		return err
	}
	ports, err := freePorts(5)
	if err != nil {
		return err
	}
	metrics, health, service, adapter, adapterMetrics := ports[0], ports[1], ports[2], ports[3], ports[4]
	p.RawMetrics = fmt.Sprintf("https://127.0.0.1:%d", service)
	environment := []string{
		// What the operator's scalers measure is handed on to whoever has a certificate of its authority.
		"RAW_METRICS_GRPC_PROTOCOL=enabled",
		"POD_NAMESPACE=" + KEDANamespace,
		"KEDA_CLUSTER_OBJECT_NAMESPACE=" + KEDANamespace,
		"WATCH_NAMESPACE=",
		"KUBECONFIG=" + p.Kubeconfig,
	}
	err = p.launch("keda-operator", []string{
		fmt.Sprintf("--metrics-bind-address=127.0.0.1:%d", metrics),
		fmt.Sprintf("--health-probe-bind-address=127.0.0.1:%d", health),
		fmt.Sprintf("--metrics-service-bind-address=127.0.0.1:%d", service),
		"--cert-dir=" + certificates,
		"--enable-cert-rotation=false",
		"--zap-log-level=info",
		"--zap-encoder=console",
		"--zap-time-encoding=rfc3339",
	}, environment)
	if err != nil {
		return err
	}
	err = p.wait("keda-operator", func() error {
		return answers(http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%d/readyz", health))
	})
	if err != nil {
		return err
	}
	return p.startAdapter(certificates, service, adapter, adapterMetrics, environment)
}

func (p *Plane) installKEDA() error {
	definitions := filepath.Join(filepath.Dir(p.bin), "keda-crds")
	if _, err := p.Kubectl("", "apply", "--server-side", "-f", definitions); err != nil {
		return err
	}
	if err := p.Established("-f", definitions); err != nil {
		return err
	}
	return p.Apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + KEDANamespace + "}\n")
}

func (p *Plane) startAdapter(certificates string, service, port, metrics int, environment []string) error {
	err := p.launch("keda-metrics-adapter", []string{
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		fmt.Sprintf("--port=%d", metrics),
		fmt.Sprintf("--metrics-service-address=127.0.0.1:%d", service),
		"--metrics-service-grpc-authority=" + operatorHost,
		"--cert-dir=" + certificates,
		"--client-ca-file=" + filepath.Join(certificates, "ca.crt"),
		"--tls-cert-file=" + filepath.Join(certificates, "tls.crt"),
		"--tls-private-key-file=" + filepath.Join(certificates, "tls.key"),
		"--lister-kubeconfig=" + p.Kubeconfig,
		"--authentication-kubeconfig=" + p.Kubeconfig,
		"--authorization-kubeconfig=" + p.Kubeconfig,
		"--zap-log-level=info",
		"--zap-encoder=console",
	}, environment)
	if err != nil {
		return err
	}
	if err := p.Register("external.metrics.k8s.io", "v1beta1", KEDANamespace, "keda-metrics-apiserver", strconv.Itoa(port)); err != nil {
		return err
	}
	return p.wait("keda-metrics-adapter", func() error {
		_, err := p.Kubectl("", "get", "--raw", "/apis/external.metrics.k8s.io/v1beta1")
		return err
	})
}
