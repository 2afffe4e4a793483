# Every target sets up what it needs by itself. `make run` and `make test` are all a newcomer has to know.
.DEFAULT_GOAL := help
.PHONY: help run test check bench nightly format reference lock clean

SETUP := scripts/setup.sh pyproject.toml .python-version requirements-uv.lock
BIN := .venv/bin

help: ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

run: .venv/ready-run ## bring the service up at 127.0.0.1:8000 (PORT changes it), with the demo company
	@exec $(BIN)/beijian run

test: .venv/ready-dev ## run the whole suite, browser tests too
	@scripts/browser.sh
	$(BIN)/python -m pytest -n auto --dist loadgroup

check: .venv/ready-dev ## format, lint, types, floors, dependencies, migrations and docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python -m pytest -q tests/house

bench: .venv/ready-dev ## measure, and write docs/reference/bench.md
	$(BIN)/python -m bench

nightly: .venv/ready-dev ## the long profiles of the property and concurrency tests, and an audit of the dependencies
	@scripts/browser.sh
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n auto --dist loadgroup tests/property \
		tests/integration/stock/test_concurrency.py tests/integration/test_contract.py tests/browser/test_warehouse_day.py
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock

format: .venv/ready-dev ## format and mend what can be mended
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

reference: .venv/ready-dev ## write the reference that is read off the code
	$(BIN)/python scripts/reference.py

lock: .venv/ready-dev ## resolve the dependencies (UPGRADE=1: to their newest)
	scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## remove the environment and the embedded database with all its data
	rm -rf .venv .run

.venv/ready-run: $(SETUP) requirements.lock
	@scripts/setup.sh run

.venv/ready-dev: $(SETUP) requirements.lock requirements-dev.lock
	@scripts/setup.sh dev
