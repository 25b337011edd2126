package harness

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"forescale/tests/e2e/controlplane"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// PodMetrics stands where metrics-server is in a cluster: simulated pods have no CPU that could be measured. Each
// workload's CPU use is what a scenario says, divided evenly among its pods.
type PodMetrics struct {
	client kubernetes.Interface
	mutex  sync.Mutex
	cores  map[string]float64
}

// Set says how many cores all pods of a namespace's application use together.
func (p *PodMetrics) Set(namespace, app string, cores float64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.cores[namespace+"/"+app] = cores
}

// ServePodMetrics registers the API group `metrics.k8s.io` and answers for it.
func ServePodMetrics(plane *controlplane.Plane, client kubernetes.Interface) (*PodMetrics, error) {
	metrics := &PodMetrics{client: client, cores: map[string]float64{}}
	pair, err := plane.Sign(controlplane.Identity{Name: "metrics-server", Hosts: []string{"metrics-server.kube-system.svc"}})
	if err != nil {
		return nil, err
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, err
	}
	go func() { _ = http.Serve(listener, metrics) }()
	_, port, _ := strings.Cut(listener.Addr().String(), ":")
	return metrics, plane.Register("metrics.k8s.io", "v1beta1", "kube-system", "metrics-server", port)
}

func (p *PodMetrics) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	answer.Header().Set("Content-Type", "application/json")
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	// apis, metrics.k8s.io, v1beta1, namespaces, NAMESPACE, pods
	if len(parts) < 6 {
		_, _ = fmt.Fprint(answer, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"metrics.k8s.io/v1beta1","resources":[{"name":"pods","singularName":"","namespaced":true,"kind":"PodMetrics","verbs":["get","list"]}]}`)
		return
	}
	pods, err := p.client.CoreV1().Pods(parts[4]).List(request.Context(), metav1.ListOptions{LabelSelector: request.URL.Query().Get("labelSelector")})
	if err != nil {
		http.Error(answer, err.Error(), http.StatusInternalServerError)
		return
	}
	items := []map[string]any{}
	for _, pod := range pods.Items {
		p.mutex.Lock()
		cores := p.cores[pod.Namespace+"/"+pod.Labels["app"]] / float64(len(pods.Items))
		p.mutex.Unlock()
		items = append(items, map[string]any{
			"metadata":   map[string]any{"name": pod.Name, "namespace": pod.Namespace, "labels": pod.Labels},
			"timestamp":  time.Now().UTC().Format(time.RFC3339),
			"window":     "15s",
			"containers": []map[string]any{{"name": "app", "usage": map[string]any{"cpu": fmt.Sprintf("%dm", int(cores*1000)), "memory": "64Mi"}}},
		})
	}
	_ = json.NewEncoder(answer).Encode(map[string]any{"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": map[string]any{}, "items": items})
}
