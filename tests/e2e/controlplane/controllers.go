package controlplane

import (
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Node is the one node of the cluster, on which pods are put by their `nodeName`.
const Node = "kwok-node"

//go:embed stages.yaml
var stages string

// StartControllerManager starts kube-controller-manager, the real HPA controller included, which looks every hpaSync.
func (p *Plane) StartControllerManager(hpaSync time.Duration) error {
	return p.launch("kube-controller-manager", []string{
		"--kubeconfig=" + p.Kubeconfig,
		// The node life cycle is left out: the node is simulated.
		"--controllers=*,-node-lifecycle-controller,-node-ipam-controller",
		"--leader-elect=false",
		"--secure-port=0",
		"--root-ca-file=" + p.pki("apiserver", "ca.crt"),
		"--service-account-private-key-file=" + p.pki("sa.key"),
		"--horizontal-pod-autoscaler-sync-period=" + hpaSync.String(),
	}, nil)
}

// StartScheduler starts kube-scheduler, for pods that name no node of their own.
func (p *Plane) StartScheduler() error {
	return p.launch("kube-scheduler", []string{
		"--kubeconfig=" + p.Kubeconfig,
		"--leader-elect=false",
		"--secure-port=0",
	}, nil)
}

// StartKWOK starts the simulator of nodes and pods. A pod is Ready as long after its creation as its annotation
// `e2e.forescale/start-up` says (`30s`), or a second without one.
func (p *Plane) StartKWOK() error {
	config := filepath.Join(p.Dir, "stages.yaml")
	if err := os.WriteFile(config, []byte(stages), 0o644); err != nil {
		return err
	}
	port, err := FreePort()
	if err != nil {
		return err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	err = p.launch("kwok", []string{
		"--kubeconfig=" + p.Kubeconfig,
		"--config=" + config,
		"--manage-all-nodes=true",
		"--cidr=10.64.0.0/16",
		"--node-ip=127.0.0.1",
		"--server-address=" + address,
	}, nil)
	if err != nil {
		return err
	}
	if err := p.Apply("apiVersion: v1\nkind: Node\nmetadata: {name: " + Node + "}\n"); err != nil {
		return err
	}
	return p.wait("kwok", func() error { return answers(http.DefaultClient, "http://"+address+"/healthz") })
}

func answers(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("`%s` answered %s", url, response.Status)
	}
	return nil
}
