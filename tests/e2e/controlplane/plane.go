// Package controlplane runs a real Kubernetes control plane on this machine, without containers and without root: etcd,
// kube-apiserver and, as far as asked for, kube-controller-manager, KWOK and KEDA. `scripts/install-control-plane.sh`
// builds the programs.
//
// There is no kubelet, KWOK plays it; and no scheduler unless it is started: pods name their node themselves (`nodeName`).
package controlplane

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Plane is a control plane that runs.
type Plane struct {
	// Dir holds everything of it: `kubeconfig`, `logs/`, `pids/`, certificates and etcd's data.
	Dir string
	// Kubeconfig is the file that gives a client all rights.
	Kubeconfig string
	// URL of the API server.
	URL string
	// RawMetrics is where KEDA's operator hands on what its scalers measure; empty without KEDA.
	RawMetrics string

	bin       string
	authority *Authority
	processes map[string]*Process
}

// Up starts etcd and kube-apiserver on free ports and waits until the API is ready. Several can run at the same time.
func Up(dir, bin string) (*Plane, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "pki"), 0o755); err != nil {
		return nil, err
	}
	authority, err := NewAuthority("control-plane")
	if err != nil {
		return nil, err
	}
	plane := &Plane{
		Dir:        dir,
		Kubeconfig: filepath.Join(dir, "kubeconfig"),
		bin:        bin,
		authority:  authority,
		processes:  map[string]*Process{},
	}
	if err := plane.start(); err != nil {
		return nil, errors.Join(err, plane.Down())
	}
	return plane, nil
}

// Down ends all programs and leaves the directory, logs included.
func (p *Plane) Down() error { return Stop(p.Dir) }

// Process gives one of the programs, by the name of its log.
func (p *Plane) Process(name string) *Process { return p.processes[name] }

func (p *Plane) start() error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	p.URL = fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	if err := p.writeIdentities(); err != nil {
		return err
	}
	if err := p.startEtcd(ports[0], ports[1]); err != nil {
		return err
	}
	if err := p.startAPIServer(ports[0], ports[2]); err != nil {
		return err
	}
	return p.waitForAPI()
}

func (p *Plane) launch(name string, args, env []string) error {
	process, err := Launch(p.Dir, name, filepath.Join(p.bin, name), args, env)
	if err != nil {
		return err
	}
	p.processes[name] = process
	return nil
}

func (p *Plane) pki(parts ...string) string {
	return filepath.Join(append([]string{p.Dir, "pki"}, parts...)...)
}

// One authority signs everything, the front proxy's requests included: this control plane has one administrator.
func (p *Plane) writeIdentities() error {
	servers := []string{"127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	identities := map[string]Identity{
		"apiserver":   {Name: "kube-apiserver", Hosts: servers},
		"front-proxy": {Name: "front-proxy-client"},
		"admin":       {Name: "admin", Groups: []string{"system:masters"}},
	}
	for dir, identity := range identities {
		if err := p.authority.Write(p.pki(dir), identity); err != nil {
			return err
		}
	}
	if err := writeServiceAccountKeys(p.pki()); err != nil {
		return err
	}
	return p.writeKubeconfig()
}

func (p *Plane) writeKubeconfig() error {
	inline := func(name string) string {
		content, err := os.ReadFile(p.pki("admin", name))
		if err != nil {
			return ""
		}
		return base64.StdEncoding.EncodeToString(content)
	}
	content := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: local
contexts: [{name: local, context: {cluster: local, user: admin}}]
clusters: [{name: local, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: admin, user: {client-certificate-data: %s, client-key-data: %s}}]
`, p.URL, inline("ca.crt"), inline("tls.crt"), inline("tls.key"))
	return os.WriteFile(p.Kubeconfig, []byte(content), 0o600)
}

func (p *Plane) startEtcd(client, peer int) error {
	clients := fmt.Sprintf("http://127.0.0.1:%d", client)
	peers := fmt.Sprintf("http://127.0.0.1:%d", peer)
	return p.launch("etcd", []string{
		"--name=local",
		"--data-dir=" + filepath.Join(p.Dir, "etcd"),
		"--listen-client-urls=" + clients,
		"--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + peers,
		"--initial-advertise-peer-urls=" + peers,
		"--initial-cluster=local=" + peers,
		// The data lives as long as the test.
		"--unsafe-no-fsync",
		"--log-level=warn",
	}, nil)
}

func (p *Plane) startAPIServer(etcd, port int) error {
	return p.launch("kube-apiserver", []string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", etcd),
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.0.0.0/16",
		"--allow-privileged=true",
		"--authorization-mode=RBAC",
		"--client-ca-file=" + p.pki("apiserver", "ca.crt"),
		"--tls-cert-file=" + p.pki("apiserver", "tls.crt"),
		"--tls-private-key-file=" + p.pki("apiserver", "tls.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + p.pki("sa.pub"),
		"--service-account-signing-key-file=" + p.pki("sa.key"),
		// The aggregation layer: how the API server passes requests on to KEDA's adapter.
		"--requestheader-client-ca-file=" + p.pki("front-proxy", "ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + p.pki("front-proxy", "tls.crt"),
		"--proxy-client-key-file=" + p.pki("front-proxy", "tls.key"),
	}, nil)
}

func (p *Plane) waitForAPI() error {
	client, err := p.httpClient()
	if err != nil {
		return err
	}
	return p.wait("kube-apiserver", func() error {
		response, err := client.Get(p.URL + "/readyz")
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("answered %s: %s", response.Status, body)
		}
		return nil
	})
}

func (p *Plane) httpClient() (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(p.pki("admin", "tls.crt"), p.pki("admin", "tls.key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.authority.PEM)
	config := &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12}
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: config}}, nil
}

// wait asks until a program is ready, and gives the end of its log when that takes too long or the program has ended.
func (p *Plane) wait(name string, ready func() error) error {
	process := p.processes[name]
	deadline := time.Now().Add(2 * time.Minute)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if process.Exited() || time.Now().After(deadline) {
			return fmt.Errorf("`%s` does not become ready: %w\n%s", name, err, process.Tail())
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// Identify writes certificates that every server of this control plane trusts, KEDA's operator included.
func (p *Plane) Identify(dir, name string) error { return p.authority.Write(dir, Identity{Name: name}) }

// Sign makes a certificate that the API server trusts.
func (p *Plane) Sign(identity Identity) (KeyPair, error) { return p.authority.Sign(identity) }

// Register has the API server pass a group's requests on to a server on this machine. That is no pod and has no
// endpoints: an external name leads to it, and its certificate still has to be the service's.
func (p *Plane) Register(group, version, namespace, service, port string) error {
	return p.Apply(fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: %[2]s}
spec: {type: ExternalName, externalName: localhost}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: %[4]s.%[3]s}
spec:
  group: %[3]s
  version: %[4]s
  groupPriorityMinimum: 100
  versionPriority: 100
  caBundle: %[6]s
  service: {name: %[1]s, namespace: %[2]s, port: %[5]s}
`, service, namespace, group, version, port, base64.StdEncoding.EncodeToString(p.authority.PEM)))
}

// Kubectl runs kubectl against this control plane and gives its standard output.
func (p *Plane) Kubectl(stdin string, args ...string) (string, error) {
	command := exec.Command(filepath.Join(p.bin, "kubectl"), append([]string{"--kubeconfig=" + p.Kubeconfig}, args...)...)
	command.Stdin = strings.NewReader(stdin)
	var errors bytes.Buffer
	command.Stderr = &errors
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("`kubectl %s` failed: %w: %s", strings.Join(args, " "), err, &errors)
	}
	return string(output), nil
}

// Apply creates or changes what a manifest describes.
func (p *Plane) Apply(manifest string) error {
	_, err := p.Kubectl(manifest, "apply", "--server-side", "-f", "-")
	return err
}

// Established waits until definitions, as kubectl names them, are served. kubectl gives up on one so new that it has no
// conditions yet, and so it is asked again.
func (p *Plane) Established(definitions ...string) error {
	return p.wait("kube-apiserver", func() error {
		_, err := p.Kubectl("", append([]string{"wait", "--for=condition=Established", "--timeout=60s"}, definitions...)...)
		return err
	})
}

// KubeconfigOf writes a kubeconfig with the rights of a ServiceAccount and no others, in its namespace, and gives its path.
func (p *Plane) KubeconfigOf(namespace, account string) (string, error) {
	token, err := p.Kubectl("", "create", "token", account, "-n", namespace, "--duration=6h")
	if err != nil {
		return "", err
	}
	// Another caller's may be in use.
	file, err := os.CreateTemp(p.Dir, "kubeconfig-"+namespace+"-"+account+"-*")
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(file, `apiVersion: v1
kind: Config
current-context: it
contexts: [{name: it, context: {cluster: it, user: it, namespace: %s}}]
clusters: [{name: it, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: it, user: {token: %s}}]
`, namespace, p.URL, base64.StdEncoding.EncodeToString(p.authority.PEM), strings.TrimSpace(token))
	return file.Name(), errors.Join(err, file.Close())
}
