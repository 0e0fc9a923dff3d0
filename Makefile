# WhoSaid's few commands. Each makes what it needs first: `make run` and `make test` work from a bare clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EVAL ?= ../shared/eval
BENCH ?= bench.json
ARTICLES ?= 20000
FEEDS ?= 2000
DAYS ?= 7
# Tests with engines wait for these half of their time: two processes a core keep all cores busy.
ENGINE_WORKERS = $(or $(WORKERS),$(shell expr $$(getconf _NPROCESSORS_ONLN) \* 2))
PYTEST = $(BIN)/pytest --maxprocesses 4 -n
# They start some hundred processes; without compiled files each of these would compile all of WhoSaid.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run check test deploy-check docs test-unit test-integration test-faults soak fuzz simulate lint format hooks bench bench-search dashboards screenshots eval eval-entities schemas guarantees requirements audit sbom clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(STAMP): pyproject.toml requirements/runtime.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "WhoSaid needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "Installing WhoSaid into $(VENV) (a few minutes, once) …"
	@sed -n '/^pip==/,/[^\\]$$/p' requirements/dev.txt > $(VENV)/pip.txt # a Python's own pip may be years old
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/pip.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(STAMP) ## everything on this machine, with sample articles; Ctrl-C stops it
	@$(BIN)/whosaid up

check: lint test-unit ## all that is fast: before each commit, in a minute

lint: $(STAMP) ## style, spelling, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## put the code into its one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

hooks: $(STAMP) ## let git run the fast checks before each commit
	$(BIN)/pre-commit install

test-unit: $(STAMP) ## the pure tests, in seconds, without engines or processes
	$(PYTEST) $(or $(WORKERS),logical) tests/unit

test-integration: $(STAMP) ## the tests on the real engines
	$(PYTEST) $(ENGINE_WORKERS) tests/integration tests/browser

deploy-check: $(STAMP) ## the image's file, compose, the site of the documents, and the Helm chart against schemas
	@$(BIN)/python -m tests.deployment

docs: $(STAMP) ## the documents as a site, in build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && echo "Written: build/site/index.html"

test: lint deploy-check ## every check and every test, on the real engines
	$(BIN)/python tests/programs.py
	WHOSAIDTEST_THOROUGH=1 $(PYTEST) $(ENGINE_WORKERS)

test-faults: $(STAMP) ## kills, freezes, cuts and fills everything, and checks that nothing is lost (half an hour)
	$(BIN)/pytest tests/faults -m "faults or not faults"

soak: $(STAMP) ## a long run in which everything is killed at random (MINUTES=30 ARTICLES=20000)
	$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),30) --articles $(ARTICLES) --plot docs/soak.svg

eval: $(STAMP) ## how good the quotes are, on labelled news (EVAL=folder of the scorer and the set)
	@$(BIN)/python benchmarks/eval.py --eval "$(EVAL)"
	@$(BIN)/python benchmarks/speaker_names.py

bench: $(STAMP) ## how fast it is, beside bare spaCy, raw bulk and bare Kafka, with targets (ARGS="--rounds 5 …"); ten minutes
	@$(BIN)/python -m benchmarks.bench --json "$(BENCH)" $(ARGS)

eval-entities: $(STAMP) ## how well people are told apart over 100,000 articles made for it (half an hour)
	@$(BIN)/python -m benchmarks.entities

bench-search: $(STAMP) ## how long searches take over QUOTES=1000000 invented quotes, beside Elasticsearch itself; and alerts
	@$(BIN)/python -m benchmarks.search_speed --quotes $(or $(QUOTES),1000000)
	@$(BIN)/python -m benchmarks.alert_speed --searches 1000

dashboards: $(STAMP) ## write the dashboards of quotes for Grafana and Kibana anew from deploy/dashboards
	@$(BIN)/python -m deploy.dashboards

screenshots: $(STAMP) ## take the README's pictures of the pages anew
	@$(BIN)/python -m tests.browser.screenshots

schemas: $(STAMP) ## write the events' JSON Schemas anew from pipeline/models.py
	@$(BIN)/python -m pipeline.schemas docs/schemas

fuzz: $(STAMP) ## random bytes for all that strangers send, for MINUTES=10
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10)

simulate: $(STAMP) ## a week of 2,000 feeds with one connector process (FEEDS=2000 DAYS=7); some hours
	@$(BIN)/python -m tests.fixtures.simulator.week --feeds $(FEEDS) --days $(DAYS) --progress

guarantees: $(STAMP) ## write into docs/guarantees.md which tests show each promise, from their markers
	@$(BIN)/python -m tests.guarantees docs/guarantees.md

requirements: $(STAMP) ## write the pinned, hashed requirements anew from pyproject.toml
	$(BIN)/python requirements/compile.py

audit: $(STAMP) ## known weaknesses of the pinned packages; says so where its data cannot be reached
	@$(BIN)/python requirements/audit.py

sbom: $(STAMP) ## the packages WhoSaid runs on as CycloneDX JSON, in sbom.json
	@$(BIN)/python requirements/sbom.py sbom.json && echo "Written: sbom.json"

clean: ## remove the data of the embedded engines (articles, quotes, logs)
	@if [ -x $(BIN)/whosaid ]; then $(BIN)/whosaid clean; else echo "Nothing to remove."; fi
