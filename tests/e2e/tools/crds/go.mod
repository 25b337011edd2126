// Modules that nothing is built of: they carry the CustomResourceDefinitions that the chart is tried against.
module forescale/tests/e2e/tools/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
