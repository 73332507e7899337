# Sluice. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

CLUSTER ?= node# node (a real one on this machine), kind, or existing
ENV     := .sluice/cluster/env
# named one by one, so that Kubernetes itself is not analysed
CLUSTER_PKGS := . ./artifacts ./machine ./prerequisites ./progress

export CLUSTER

##@ The two commands

.PHONY: demo
demo: ## Carry a commit to a promoted digest on a real Tekton on this machine
	@go run ./tests/demo

.PHONY: test
test: lint test-unit test-race test-migrate test-interop test-e2e test-cluster ## Every test, the end-to-end ones included

##@ More of the demo

.PHONY: demo-refused
demo-refused: ## The same with a commit whose coverage fell: see the refusal
	@go run ./tests/demo --scenario=refused

##@ Tests

.PHONY: lint
lint: ## gofmt, go vet, and the catalog's own rules
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go' ':!*/vendor/*')); \
	if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted"; exit 1; fi
	go vet ./...
	go vet -tags e2e ./tests/e2e ./catalog/install ./catalog/release
	go vet -tags interop ./tests/supplychain ./tasks/promote ./tasks/sbom ./internal/admission
	go run ./catalog lint

.PHONY: test-unit
test-unit: ## Unit, command-line and contract tests
	go test -timeout 20m $$(go list ./... | grep -Ev '/sluice/migrate(/portable|/history)?$$')

.PHONY: test-race
test-race: ## The race detector where goroutines share things
	go test -race ./internal/task ./internal/registry ./internal/closure ./images

.PHONY: test-migrate
test-migrate: ## Migrations on real PostgreSQL 14, 15 and 18, MariaDB and SQLite, killed at every statement
	go test -timeout 40m ./migrate ./migrate/portable ./migrate/history

.PHONY: test-interop
test-interop: ## Stock cosign, oras, regctl and syft agree with our evidence, copies and SBOMs
	go test -tags interop -count=1 -timeout 30m ./tests/supplychain ./tasks/promote ./internal/admission
	go test -tags interop -count=1 -timeout 20m -run StockSyftLists ./tasks/sbom

.PHONY: test-long
test-long: ## Longer simulations and a thousand random migrations: hours
	go test -count=1 -timeout 12h ./internal/sequential -args -runs=100000
	go test -count=1 -timeout 12h ./tasks/error-rate-gate -run ErrorRates -args -runs=100000
	go test -count=1 -timeout 12h ./migrate -args -long

.PHONY: test-e2e
test-e2e: cluster-up ## Every sample and pipeline as real runs on the cluster
	set -a; source $(ENV); set +a
	go run ./catalog release --registry="$$REGISTRY/sluice" --ca="$$(dirname "$$REGISTRY_CA")" --out=dist
	go run ./catalog install
	$(if $(RUN),,go test -tags e2e -count=1 ./catalog/install ./catalog/release)
	go test -tags e2e -count=1 -timeout 40m -parallel 3 -v $(if $(RUN),-run '$(RUN)') ./tests/e2e

.PHONY: test-cluster
test-cluster: ## The cluster itself: started twice, taken down, nothing left
	cd tests/cluster
	export CGO_ENABLED=0 GOFLAGS="$$(go env GOFLAGS) -trimpath" # as the cluster itself is built, so that nothing is compiled twice
	go vet $(CLUSTER_PKGS)
	go test -count=1 -timeout 30m $(CLUSTER_PKGS)

.PHONY: bench
bench: ## Compare with ko, crane, syft, x/tools and plain SQL; writes tests/bench/results.md and docs/migrate.svg
	@$(MAKE) cluster-up
	set -a; source $(ENV); set +a
	cd tests/bench && go run .
	cd ../..
	go run ./migrate/bench --rows=10000,100000,1000000,10000000 --out=docs

##@ The cluster

.PHONY: cluster-up
cluster-up: ## Start Kubernetes, Tekton and a registry (CLUSTER=node|kind|existing)
	@cd tests/cluster && go run . up

.PHONY: cluster-down
cluster-down: ## Stop it and leave nothing behind
	@cd tests/cluster && go run . down

.PHONY: cluster-status
cluster-status: ## What runs, since when, with how much memory
	@cd tests/cluster && go run . status

##@ The catalog

.PHONY: release
release: ## Build all images and write dist/: REGISTRY=registry.example.com/team make release
	go run ./catalog release --registry=$${REGISTRY:?say where to push, such as registry.example.com/sluice} --out=dist

.PHONY: install
install: ## Apply dist/install.yaml to the current cluster
	go run ./catalog install

.PHONY: update
update: ## Rewrite generated files: README tables, dependency lists
	go test ./tasks/... ./tests -update

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*##/ {printf "  \033[1m%-16s\033[0m%s\n", $$1, $$2}' $(MAKEFILE_LIST)
