# Everything stays in this clone: .venv/, .headroom/ and, where asked for, .venv-bench/, .venv-checkov/ and .venv-warehouse/ (all ignored by git), but for the package managers' own caches.
PYTHON ?= python3
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
.DEFAULT_GOAL := help
.PHONY: help setup up test test-calibrate test-cluster test-parts test-warehouse check bench bench-warehouse golden lock schema cluster-up cluster-down cluster-status clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

setup: ## the Python environment, by hash
	@$(PYTHON) headroom/local/bootstrap.py

up: setup ## from call history to a deployed stack and a refused one (CLUSTER=1: on a real control plane)
	@$(BIN)/headroom tour $(if $(CLUSTER),--cluster)

test: setup ## the tests, but for those on the control plane, on the servers of the parts, on warehouses and on Prometheus
	@$(BIN)/python -m pytest tests --ignore tests/cluster --ignore tests/parts --ignore tests/warehouse --ignore tests/calibrate_long -n 2 $(PYTEST)

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

test-warehouse: setup .venv-warehouse/stamp ## the tests of the extra [warehouse], on DuckDB and Spark (needs Java)
	@.venv-warehouse/bin/python -m pytest tests/warehouse $(PYTEST)

.venv-warehouse/stamp: requirements/warehouse.txt
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-warehouse
	@$(BIN)/uv pip install --quiet --python .venv-warehouse/bin/python --require-hashes -r requirements/warehouse.txt
	@touch $@

check: setup ## types, lint, import directions
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

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

cluster-up: setup ## etcd, API server, scheduler, controllers and kwok on loopback
	@$(BIN)/python -m headroom.local.cluster up

cluster-down: setup ## end them
	@$(BIN)/python -m headroom.local.cluster down

cluster-status: setup ## what runs, where
	@$(BIN)/python -m headroom.local.cluster status || [ $$? -eq 3 ] # stopped is a status too

clean: ## remove .venv, .venv-bench, .venv-checkov, .venv-warehouse and .headroom
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m headroom.local.cluster down; fi
	@rm -rf .venv .venv-bench .venv-checkov .venv-warehouse .headroom
