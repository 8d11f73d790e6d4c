# Everything stays in this clone: .venv/, .headroom/ and, where asked for, .venv-bench/, .venv-checkov/ and .venv-warehouse/ (all ignored by git), but for the package managers' own caches.
PYTHON ?= python3
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
.DEFAULT_GOAL := help
.PHONY: help setup up deliver drift forecast forecast-pull-request gate-proof lint-workflows manifests report review review-post review-picture window edge synth-check test test-calibrate test-cluster test-edge test-long test-parts test-warehouse check bench bench-warehouse golden lock schema cluster-up cluster-down cluster-status clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' Makefile

setup: ## the Python environment, by hash
	@$(PYTHON) headroom/local/bootstrap.py

up: setup ## from call history to a deployed stack and a refused one (CLUSTER=1: on a real control plane)
	@$(BIN)/headroom tour $(if $(CLUSTER),--cluster)

synth-check: setup ## the gate on every environment that is deployed, a line a violation (no engine; for editors and commit hooks)
	@status=0; for environment in local dev staging prod; do $(BIN)/headroom synth --check --quiet $$environment || status=$$?; done; exit $$status

# Minutes each, and with a target of their own.
LONG := tests/conformance tests/engine/test_changes_on_engine.py tests/engine/test_command_on_engine.py tests/engine/test_deliver.py tests/engine/test_edge.py tests/engine/test_rules_on_engine.py tests/fooling tests/foreign/test_shop_on_engine.py tests/gate_proof tests/review/test_review_on_engine.py
APART := $(LONG) tests/cluster tests/parts tests/warehouse tests/calibrate_long tests/edge

test: setup ## the tests, but for those that the other targets run
	@$(BIN)/python -m pytest tests $(APART:%=--ignore %) -n 2 $(PYTEST)

gate-proof: setup ## every leaf of every accepted stack, changed: what harms is refused, what does not is not (minutes)
	@$(BIN)/python -m tests.gate_proof

test-long: setup ## the tests of whole reviews and deliveries on the engine, and of conformance
	@$(BIN)/python -m pytest $(LONG) -n 2 $(PYTEST)

test-calibrate: setup ## the tests of calibration on a real Prometheus (builds it the first time), and of its intervals
	@$(BIN)/python -m pytest tests/calibrate_long $(PYTEST)

test-cluster: setup ## the tests on a real control plane (builds it the first time)
	@$(BIN)/python -m pytest tests/cluster $(PYTEST)

test-parts: setup .venv-checkov/stamp ## the tests of what is rendered, by the programs that will read it (npm packages by their lock files)
	@for folder in $(dir $(wildcard tests/parts/*/package-lock.json)); do npm ci --prefix $$folder --no-audit --no-fund --silent || exit 1; done
	@PATH="$$PATH:$(CURDIR)/.venv-checkov/bin" $(BIN)/python -m pytest tests/parts $(PYTEST)

.venv-checkov/stamp: requirements/checkov.txt
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-checkov
	@$(BIN)/uv pip install --quiet --python .venv-checkov/bin/python --require-hashes -r requirements/checkov.txt
	@touch $@

EDGE_PACKAGES := tests/parts/edge/node_modules/.package-lock.json
$(EDGE_PACKAGES): tests/parts/edge/package-lock.json
	@npm ci --prefix tests/parts/edge --no-audit --no-fund --silent
	@touch $@

test-edge: setup $(EDGE_PACKAGES) ## the edge and the queue tried for real: races, crashes, clocks, deploys, hostile clients, a browser (minutes)
	@$(BIN)/python -m pytest tests/edge $(PYTEST)

edge: setup $(EDGE_PACKAGES) ## the edge on this machine, with a page that places test calls
	@$(BIN)/headroom up local
	@$(BIN)/python -m headroom.local.edge

test-warehouse: setup .venv-warehouse/stamp ## the tests of the extra [warehouse], on DuckDB and Spark (needs Java)
	@.venv-warehouse/bin/python -m pytest tests/warehouse $(PYTEST)

.venv-warehouse/stamp: requirements/warehouse.txt
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-warehouse
	@$(BIN)/uv pip install --quiet --python .venv-warehouse/bin/python --require-hashes -r requirements/warehouse.txt
	@touch $@

check: setup lint-workflows ## types, lint, import directions, workflows
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lint-workflows: setup ## zizmor and actionlint on .github/workflows
	@$(BIN)/python -m headroom.local.workflows

ENVS ?= dev staging prod
BASE ?= origin/main

review: setup ## what the change on this branch does to ENVS, against BASE: build/review/comment.md and review.json
	@mkdir -p build/review
	@$(BIN)/headroom review $(ENVS) --base $(BASE) --out build/review/comment.md --json > build/review/review.json

review-post: setup ## that review as the pull request's comment (GITHUB_TOKEN, GITHUB_REPOSITORY, HEADROOM_PULL_REQUEST)
	@$(BIN)/headroom review --from build/review/review.json --post

review-picture: setup ## the comment in docs/review.md as a pull request shows it: docs/pictures/review.png
	@$(BIN)/python -m headroom.local.comment_picture docs/review.md docs/pictures/review.png

manifests: setup ## every resource of ENVS as a file, below build/review
	@mkdir -p build/review
	@for environment in $(ENVS); do $(BIN)/headroom synth $$environment --quiet --out build/review/manifests/$$environment > build/review/$$environment.txt || [ $$? -eq 1 ] || exit 1; done

report: setup ## the report of each of ENVS as a page, below build/review; one that the gate refuses has one too
	@mkdir -p build/review
	@for environment in $(ENVS); do $(BIN)/headroom report $$environment --out build/review/report-$$environment.html || [ $$? -eq 1 ] || exit 1; done

# KUBECONFIG_TEXT is a kubeconfig where a job has it as a secret; it is in a file only while the command runs.
WITH_ACCESS = if [ -n "$$KUBECONFIG_TEXT" ]; then umask 077; KUBECONFIG=$$(mktemp); export KUBECONFIG; trap 'rm -f "$$KUBECONFIG"' EXIT; printf '%s\n' "$$KUBECONFIG_TEXT" > "$$KUBECONFIG"; fi; unset KUBECONFIG_TEXT

deliver: setup ## bring ENVS to this commit's plan, one after another; stops at the first that refuses or is in a peak
	@$(WITH_ACCESS); $(BIN)/headroom deliver $(ENVS)

drift: setup ## what in ENVS is no longer as planned
	@$(WITH_ACCESS); $(BIN)/headroom drift $(ENVS)

window: setup ## whether ENV is in a declared peak
	@$(BIN)/headroom window $(ENV)

forecast: setup ## a new forecast lock of ENV from HISTORY
	@$(BIN)/headroom forecast $(ENV) --history $(HISTORY)

forecast-pull-request: ## the locks that `make forecast` changed, as a pull request (git and gh)
	@.ci/forecast-pull-request

bench: setup .venv-bench/stamp ## ours beside its rivals, in an environment of their own (KEY=sweep: that one)
	@.venv-bench/bin/python -m benchmarks $(KEY)

bench-warehouse: setup .venv-warehouse/stamp ## the sweep on DuckDB and Spark beside ours, at 2M and 20M calls (minutes)
	@.venv-warehouse/bin/python -m benchmarks.warehouse

.venv-bench/stamp: requirements/bench.txt
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-bench
	@$(BIN)/uv pip install --quiet --python .venv-bench/bin/python --require-hashes -r requirements/bench.txt
	@touch $@

golden: setup ## rewrite the goldens; stays red so that nobody does it by habit
	@$(BIN)/python -m pytest tests/goldens --rewrite-goldens

schema: setup ## rewrite stacks/spec.schema.json
	@$(BIN)/headroom spec schema > build-schema.tmp && mv build-schema.tmp stacks/spec.schema.json

lock: setup ## pin the packages anew, with hashes
	@$(COMPILE) --extra dev pyproject.toml -o requirements/lock.txt
	@$(COMPILE) --extra warehouse pyproject.toml requirements/warehouse.in -o requirements/warehouse.txt
	@$(COMPILE) requirements/checkov.in -o requirements/checkov.txt
	@$(COMPILE) requirements/bench.in -o requirements/bench.txt

cluster-up: setup ## etcd, API server, scheduler, controllers and kwok on loopback
	@$(BIN)/python -m headroom.local.cluster up

cluster-down: setup ## end them
	@$(BIN)/python -m headroom.local.cluster down

cluster-status: setup ## what runs, where
	@$(BIN)/python -m headroom.local.cluster status || [ $$? -eq 3 ] # stopped is a status too

clean: ## remove .venv, .venv-bench, .venv-checkov, .venv-warehouse and .headroom
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m headroom.local.cluster down; fi
	@rm -rf .venv .venv-bench .venv-checkov .venv-warehouse .headroom
