# Every target makes what it needs: Python 3.11 or newer with venv, and make, are all that must be there.

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# What one process has compiled the next one reads, whatever the machine's habit: a test run starts some four hundred.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test crashes torture mutants bench plans pages contract lint lock sbom audit check

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## makes .venv with everything in it
	@:

demo: $(STAMP) ## the whole chain on a generated roster, against a simulator of Skolverket; ends by itself
	@exec $(PYTHON) -m app demo

serve: $(STAMP) ## the same processes, staying up until Ctrl-C
	@exec $(PYTHON) -m app up

test: $(STAMP) ## all tests, on real servers
	@exec $(PYTHON) -m pytest --quiet --numprocesses 6 --dist worksteal

crashes: $(STAMP) ## a process dies at every commit and every call, one after the other
	@CRASH_POINTS=all exec $(PYTHON) -m pytest --quiet --numprocesses 6 --dist worksteal tests/journeys/test_crash_points.py

torture: $(STAMP) ## random faults against real processes for 20 minutes; ARGS="--seed 7 --minutes 3 …" for another run
	@exec $(PYTHON) -m tests.torture $(or $(ARGS),--minutes 20 --organisations 12)

mutants: $(STAMP) ## faults planted in a copy, one by one: which proof finds which
	@exec $(PYTHON) -m tests.mutants $(ARGS)

bench: $(STAMP) ## the short benchmark set, each figure beside an opponent: ten minutes; ARGS="--only chains", "--smallest"
	@exec $(PYTHON) -m benchmarks $(ARGS)

plans: $(STAMP) ## how Postgres finds rows among a million jobs and five million records
	@exec $(PYTHON) -m benchmarks.plans $(ARGS)

pages: $(STAMP) ## the pages in the system's Chromium: their tests, then their pictures for docs/screenshots
	@$(PYTHON) -m pytest --quiet --numprocesses 2 tests/web
	@exec $(PYTHON) -m tests.web.screenshots $(ARGS)

contract: $(STAMP) ## the description linted, made into clients that drive a run, and fuzzed; ARGS="--short" as in CI
	@exec $(PYTHON) -m tests.clients $(ARGS)

lint: $(STAMP) ## puts the format right, then checks what it can without running anything
	@$(VENV)/bin/ruff format --quiet
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

sbom: $(STAMP) ## a bill of materials of what serves (CycloneDX), as sbom.json
	@exec .ci/sbom sbom.json

audit: ## all locks against the vulnerabilities that are known today; once a week, since it needs the network
	@exec .ci/audit

check: ## everything that CI checks
	@exec .ci/run

lock: ## all locks anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --output-file requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --extra embedded --extra dev --constraint requirements.lock --output-file requirements-dev.lock \
		pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --group contract --output-file requirements-contract.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --group audit --output-file requirements-audit.lock
	for folder in tests/clients tests/api/real_provider; do \
		(cd $$folder && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund) || exit 1; \
	done

$(STAMP): requirements-dev.lock pyproject.toml
	@set -e; \
	for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then echo 'Python 3.11 or newer with venv is needed, and none is in PATH.' >&2; exit 1; fi; \
	[ -x $(PYTHON) ] && $(PYTHON) -m pip --version >/dev/null 2>&1 || $$found -m venv --clear $(VENV); \
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock; \
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
