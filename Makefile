# Everything a newcomer runs. Each target makes what it needs first; only python3 and make are assumed.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 3
SEED ?= 1
QUICK := not slow and not real_engine and not stories
LOWEST := .venv-lowest/bin
# These tests use each dependency, so they fail first if one is too old.
LOWEST_TESTS := tests/unit/resources tests/unit/client/test_models.py tests/unit/test_package.py \
  tests/integration/cli/test_accounts.py

.PHONY: help demo test stories histories quick check lowest dist wheels coverage fmt setup lock pulumi \
  audit faults bench clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup:  ## make .venv/ with the command in .venv/bin/
	@$(PYTHON) scripts/setup.py

demo: setup  ## buy, change and remove accounts on an emulated ChatDaddy, and watch it
	@$(BIN)/python scripts/demo.py

test: setup  ## all tests except the stories
	$(BIN)/pytest -n $(WORKERS) -m "not stories"

stories: setup  ## the ordinary life of whole stacks, on the real engine if it is there, and what takes long
	$(BIN)/pytest -n $(WORKERS) -m stories

SECONDS_OF_HISTORIES ?= 3600

histories: setup  ## random histories in virtual time, for an hour: SEED, SECONDS_OF_HISTORIES
	$(BIN)/python -m tests.simulation --seed $(SEED) --histories 1000000 \
	  --seconds $(SECONDS_OF_HISTORIES) --shrink

quick: setup  ## the tests to run while you work: under a minute
	$(BIN)/pytest -n $(WORKERS) -m "$(QUICK)"

check: setup  ## format, lint, types, layers, dependencies, also the oldest allowed ones
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/uv pip check --quiet --python $(BIN)/python
	@$(BIN)/python scripts/lowest.py
	$(LOWEST)/pytest -q -p no:cacheprovider -m "not locked" $(LOWEST_TESTS)

lowest: setup  ## the quick tests with the oldest dependencies that pyproject.toml allows
	@$(BIN)/python scripts/lowest.py
	$(LOWEST)/pytest -n $(WORKERS) -p no:cacheprovider -m "$(QUICK) and not locked"

coverage: setup  ## the quick tests, and which lines they run
	$(BIN)/pytest -n $(WORKERS) -m "$(QUICK)" --cov --cov-report=term --cov-report=xml:.coverage/coverage.xml

dist: setup  ## build the distributions, with nothing but what the lock has installed
	rm -rf dist
	for folder in . packages/chatdaddy-sandbox packages/pulumi-standin; do \
	  $(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist $$folder \
	  || exit 1; done

wheels: dist  ## build the wheels, and run the demo with them in an empty environment
	rm -rf build/venv
	$(BIN)/uv venv --quiet --seed --python $(BIN)/python build/venv
	$(BIN)/uv pip install --quiet --python build/venv/bin/python dist/*.whl "chatdaddy-pulumi[sandbox]"
	build/venv/bin/chatdaddy-pulumi --version
	build/venv/bin/python scripts/demo.py

fmt: setup  ## correct the format, and what lint can correct
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup  ## choose the dependencies' versions again
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --all-extras --group dev \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --no-emit-package chatdaddy-sandbox --no-emit-package pulumi-standin \
	  --upgrade pyproject.toml --output-file requirements.lock
	echo pip-audit | $(BIN)/uv pip compile --quiet --universal --python-version 3.10 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --upgrade --output-file scripts/audit.lock -
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --group bench \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --upgrade --output-file bench/requirements.lock

pulumi: setup  ## install the official Pulumi CLI with the SDK's own installer (from the internet)
	$(BIN)/python scripts/install_pulumi.py

audit: setup  ## check the locked dependencies against PyPI's list of vulnerabilities (internet)
	$(BIN)/uv venv --quiet --clear .venv/audit
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv/audit/bin/python scripts/audit.lock
	.venv/audit/bin/pip-audit --disable-pip --require-hashes --strict -r requirements.lock

HISTORIES ?= 50
KILLS ?= 500
ENGINE ?= stand-in

faults: setup  ## random histories with kills, for an hour: HISTORIES, KILLS, SEED, ENGINE=pulumi
	$(BIN)/python -m tests.faults --histories $(HISTORIES) --kills $(KILLS) --seed $(SEED) \
	  --engine $(ENGINE)

bench: setup  ## measure everything and render it into the documentation; takes hours
	$(BIN)/python -m bench $(BENCH)

clean:  ## remove what the targets made
	rm -rf .venv .venv-lowest .coverage .bench build dist examples/quickstart/.venv .sandbox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
