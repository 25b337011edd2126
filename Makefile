# The verbs of the project. `make help` lists them; each can be run any number of times.

SHELL := /bin/bash
.DEFAULT_GOAL := help

CARGO ?= cargo
# Passed on to the program: `make demo ARGS="--for 30s --seed 7"`, `make bench ARGS="--quick"`.
ARGS ?=

.PHONY: help
help: ## list the verbs
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## /\1\t/' | expand -t 18

.PHONY: demo
demo: ## run the whole loop with nothing else installed
	$(CARGO) run --release -- demo $(ARGS)

.PHONY: tools
tools: ## install what the tests need into .cache/ (prometheus, promtool, grpcurl, ONNX Runtime)
	@scripts/test-tools.sh

.PHONY: test
test: tools ## run every test, the ones against a real Prometheus included
	FORESCALE_REQUIRE_TOOLS=1 FORESCALE_REQUIRE_ORT=1 $(CARGO) test --all-features --all-targets
	FORESCALE_REQUIRE_TOOLS=1 FORESCALE_REQUIRE_ORT=1 $(CARGO) test --all-features --doc

.PHONY: test-fast
test-fast: ## run the tests that need nothing but Rust
	$(CARGO) test --lib --test architecture

.PHONY: check
check: ## formatting and lints, as CI runs them
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --all-targets --all-features -- -D warnings

.PHONY: docs
docs: ## build the API documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --all-features --document-private-items

.PHONY: bench
bench: ## GetMetrics against a no-op server, in the same run
	$(CARGO) bench --bench getmetrics -- $(ARGS)

.PHONY: loadtest
loadtest: ## k6 against a running `forescale serve` (loadtest/README.md)
	@scripts/install-k6.sh
	.cache/bin/k6 run $(ARGS) loadtest/scaler/k6.js

.PHONY: loadtest-scaler
loadtest-scaler: ## k6 at 1, 1,000 and 10,000 ScaledObjects, two replicas on a real Prometheus (half an hour)
	@scripts/loadtest-scaler.sh $(ARGS)

.PHONY: loadtest-demo
loadtest-demo: ## the demo service, and whether k6 and Locust follow the demo's patterns
	@scripts/loadtest-demo.sh

.PHONY: compose-by-hand
compose-by-hand: ## run deploy/compose/compose.yaml without a container engine, and check it (Linux, root)
	@scripts/compose-by-hand.sh $(ARGS)

.PHONY: e2e
e2e: ## real KEDA, HPA controller and API server in the loop (tests/e2e; ARGS="-run ...")
	@scripts/e2e.sh $(ARGS)

.PHONY: operator
operator: ## the operator's tests against a real API server, without KEDA
	@scripts/test-operator.sh

.PHONY: operator-scale
operator-scale: ## what the operator asks of an API server with 2,000 PredictiveAutoscalers (ARGS="500" for fewer)
	@scripts/operator-scale.sh $(ARGS)

.PHONY: chart
chart: ## the Helm chart and kustomizations against a real API server (ARGS="lint refusals" for some parts)
	@scripts/test-chart.sh $(ARGS)

.PHONY: image-check
image-check: ## the Dockerfile without a container engine (ARGS="--build" builds the program too)
	@scripts/check-image.sh $(ARGS)

.PHONY: sbom
sbom: ## the software bill of materials, CycloneDX, into .cache/
	@scripts/sbom.sh $(ARGS)

.PHONY: ci
ci: ## everything that CI runs, with timings
	.ci/run

.PHONY: clean-tools
clean-tools: ## remove the installed tools, so that the next run fetches them anew
	rm -rf .cache
