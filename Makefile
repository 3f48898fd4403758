# Everything a newcomer runs. Each target makes what it needs first; only python3 and make are assumed.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

.PHONY: help demo test open quick check fmt setup lock pulumi audit faults bench clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup:  ## make .venv/ with the command in .venv/bin/
	@$(PYTHON) scripts/setup.py

demo: setup  ## buy, change and remove accounts on an emulated ChatDaddy, and watch it
	@$(BIN)/python scripts/demo.py

test: setup  ## all tests
	$(BIN)/pytest -n $(WORKERS) -m "not open_fault"

open: setup  ## the tests of open faults, which fail until these are mended
	$(BIN)/pytest -n $(WORKERS) -m open_fault

quick: setup  ## the tests that one runs while working: under a minute
	$(BIN)/pytest -n $(WORKERS) -m "not slow and not real_engine and not open_fault"

check: setup  ## format, lint, types, layers, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/uv pip check --quiet --python $(BIN)/python

fmt: setup  ## put the format right, and what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup  ## choose the dependencies' versions anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --all-extras --group dev \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --no-emit-package chatdaddy-sandbox --no-emit-package pulumi-standin \
	  --upgrade pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --group bench \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --upgrade --output-file bench/requirements.lock

pulumi: setup  ## fetch the official Pulumi CLI with the SDK's own installer (from the internet)
	$(BIN)/python scripts/install_pulumi.py

audit: setup  ## look the locked dependencies up in PyPI's list of vulnerabilities (internet)
	$(BIN)/uv tool run pip-audit --disable-pip --require-hashes --strict -r requirements.lock

HISTORIES ?= 50
KILLS ?= 500
SEED ?= 1
ENGINE ?= stand-in

faults: setup  ## random histories with kills, for an hour: HISTORIES, KILLS, SEED, ENGINE=pulumi
	$(BIN)/python -m tests.faults --histories $(HISTORIES) --kills $(KILLS) --seed $(SEED) \
	  --engine $(ENGINE)

bench: setup  ## measure everything and render it into the documentation; a run of hours
	$(BIN)/python -m bench $(BENCH)

clean:  ## remove what the targets made
	rm -rf .venv examples/quickstart/.venv .sandbox .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
