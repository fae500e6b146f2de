# trastuz_ml: `make` or `make help` lists what can be made.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# uv reads the machine's own certificates, as pip does.
export UV_SYSTEM_CERTS := 1
export UV_NO_PROGRESS := 1

.PHONY: help demo test ci lint type format test-browser test-spark browser bench bench-truth bench-transneo real-data lock setup clean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

demo: $(READY)  ## set up if needed, then run the main job on a simulated cohort (about a minute)
	@$(BIN)/trastuz-ml train experiments/demo.yaml --force

test: $(READY)  ## set up if needed, then run the tests
	@$(BIN)/pytest -n auto --dist loadgroup -m "not browser" $(COVERAGE)

# Tracing doubles the time of the tests, so that coverage is measured here only; below 90 % it fails.
ci: COVERAGE := --cov --cov-report=term
ci: browser lint type test test-browser  ## everything that must pass before a change lands

lint: $(READY)  ## style, formatting and the floors of the house
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports

type: $(READY)  ## types, strictly
	@$(BIN)/mypy

format: $(READY)  ## lay out the code
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

test-browser: $(READY)  ## open the report and the MLflow page for real (Debian: apt-get install chromium)
	@$(BIN)/pytest -m browser tests/report tests/track

# Spark is 479 MB that nobody else needs: it is in no lock, and the next `make setup` takes it away again.
test-spark: $(READY)  ## install Spark (479 MB; needs Java 17) and check that it gives the numbers of predict
	@command -v java >/dev/null || { echo "Spark needs Java 17. On Debian or Ubuntu: apt-get install openjdk-17-jre-headless."; exit 1; }
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --constraint requirements.lock --editable '.[spark]'
	@$(BIN)/pytest -m spark tests/track

browser:
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser test"; \
		apt-get -qq update >/dev/null && apt-get -qq install -y chromium >/dev/null || echo "Chromium could not be installed; its test will be skipped."; \
	else echo "No Chromium and no right to install it: its test will be skipped."; fi

bench: $(READY)  ## measure start-up, reading, fitting and explaining beside other ways (40 minutes, 5 GB of disk); prints it
	@$(BIN)/python benchmarks/startup.py
	@$(BIN)/python benchmarks/reading.py
	@$(BIN)/python benchmarks/gene_screen.py
	@$(BIN)/python benchmarks/linear_models.py
	@$(BIN)/python benchmarks/tree_models.py
	@$(BIN)/python benchmarks/svm.py
	@$(BIN)/python benchmarks/contributions.py
	@$(BIN)/python benchmarks/panels_by_chance.py

bench-truth: $(READY)  ## do the statistics say what they should, in cohorts with known truth? (hours); prints it
	@$(BIN)/python benchmarks/known_truth.py null --cohorts 1000
	@$(BIN)/python benchmarks/known_truth.py intervals --cohorts 1000
	@$(BIN)/python benchmarks/known_truth.py pairs --cohorts 1000
	@$(BIN)/python benchmarks/known_truth.py added-value --cohorts 1000
	@$(BIN)/python benchmarks/gene_truth.py --cohorts 1000
	@$(BIN)/python benchmarks/conformal.py --cohorts 1000

bench-transneo: $(READY)  ## permutations, tracking and the authors' tables on the published cohort (20 minutes); prints it
	@$(BIN)/python benchmarks/permutation.py
	@$(BIN)/python benchmarks/authors_tables.py
	@$(BIN)/python benchmarks/panel_prediction.py

real-data: $(READY)  ## check the published cohorts beside the project; prints docs/real-data.md
	@$(BIN)/python benchmarks/real_data.py

lock: $(READY)  ## resolve requirements.lock anew
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --group dev pyproject.toml -o requirements.lock

setup: $(READY)  ## install everything into .venv

clean:  ## remove what was made, but not runs and models
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist

$(READY): requirements.lock pyproject.toml
	@python=$$(for p in python3 python3.13 python3.12 python3.11 python; do \
		if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done); \
	if [ -z "$$python" ]; then \
		echo "trastuz_ml needs Python 3.11 or newer, found: $$(python3 --version 2>&1 | head -1). Install one, so that python3.11 (or newer) is on the PATH."; exit 1; fi; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "This Python has no venv module. On Debian or Ubuntu: apt-get install python3-venv."; exit 1; fi; \
	echo "Setting up $(VENV) (once)"; \
	[ -x $(BIN)/python ] || $$python -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.lock)"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode requirements.lock \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src
	@touch $(READY)
