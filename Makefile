# The commands a person needs. Each installs what it lacks; `make` or `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help install setup demo test proof soak bench check generate

help: ## Lists the commands.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

node_modules/.package-lock.json: package-lock.json package.json .npmrc
	npm ci --no-fund --no-audit --loglevel=error
	@touch $@

install: node_modules/.package-lock.json ## Installs the npm packages, Node 24 among them.

setup: install ## Fetches or builds what the real cluster is made of: etcd, kube-apiserver, kubectl, helm, Redis.
	@npm run --silent setup

demo: install ## Plays one evening over the real parts and tells it as it happens. About a minute, once set up.
	@npm run --silent demo

test: setup ## Proves every invariant once, on a real API server, Postgres and Redis. At most 12 minutes.
	@npm run --silent setup:tests
	@npm run --silent test

proof: setup ## Runs the long proofs: processes killed at every point, and the end compared. At most 30 minutes.
	@npm run --silent proof

soak: setup ## Plays lives by lot until you stop it: faults, evictions, operators killed. Prints the seed of what fails.
	@npm run --silent soak

bench: setup ## Measures: ratios and counts against what each figure has to be, all in one run.
	@npm run --silent bench

check: install ## Types, lint, the arrows of the house, formatting, generated files.
	@npm run --silent check

generate: install ## Makes the TypeScript types and the chart's CRDs from the CRD YAML.
	@npm run --silent generate
