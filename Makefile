# trastuz_ml: `make` or `make help` lists what can be made.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Where the published cohorts are: transneo/ and melanoma/liu2019/ (docs/real-data.md). make reports DATA=...
DATA := ../shared/data
# uv reads the machine's own certificates, as pip does.
export UV_SYSTEM_CERTS := 1
export UV_NO_PROGRESS := 1

FIND_BROWSER := command -v $${CHROMIUM:-chromium} chromium-browser google-chrome google-chrome-stable msedge >/dev/null

.PHONY: help demo test ci lint type format test-browser test-spark browser bench bench-truth bench-transneo \
	real-data reports screenshots docs example lock setup clean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

demo: $(READY)  ## set up if needed, then run the main job on a simulated cohort (about a minute)
	@$(BIN)/trastuz-ml train experiments/demo.yaml --force

# A file's tests stay in one process, so that what they share is made once (pytest 9.2 undoes xdist's loadgroup).
test: $(READY)  ## set up if needed, then run the tests
	@$(BIN)/pytest -n auto --dist loadfile -m "not browser" $(COVERAGE)

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

test-browser: $(READY)  ## open the report and the MLflow page in Chromium (Debian: apt-get install chromium)
	@$(FIND_BROWSER) || echo "No Chromium or Chrome was found, and nothing is downloaded: the tests in it are skipped." \
		"On Debian or Ubuntu: apt-get install chromium. Elsewhere: CHROMIUM=/path/to/chrome make test-browser."
	@$(BIN)/pytest -n 2 --dist loadfile -m browser tests/report tests/track

# Spark is 479 MB that nobody else needs: it is in no lock, and the next `make setup` takes it away again.
test-spark: $(READY)  ## install Spark (479 MB; needs Java 17) and check that it gives the numbers of predict
	@command -v java >/dev/null || { echo "Spark needs Java 17. On Debian or Ubuntu: apt-get install openjdk-17-jre-headless."; exit 1; }
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --constraint requirements.lock --editable '.[spark]'
	@$(BIN)/pytest -m spark tests/track

browser:
	@if $(FIND_BROWSER); then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser test"; \
		apt-get -qq update >/dev/null && apt-get -qq install -y chromium >/dev/null || echo "Chromium could not be installed; its test will be skipped."; \
	else echo "No Chromium and no right to install it: its test will be skipped."; fi

bench: $(READY)  ## measure start-up, reading, fitting, explaining and reports (40 minutes, 5 GB of disk); prints it
	@$(BIN)/python benchmarks/startup.py
	@$(BIN)/python benchmarks/reading.py
	@$(BIN)/python benchmarks/gene_screen.py
	@$(BIN)/python benchmarks/linear_models.py
	@$(BIN)/python benchmarks/tree_models.py
	@$(BIN)/python benchmarks/svm.py
	@$(BIN)/python benchmarks/contributions.py
	@$(BIN)/python benchmarks/panels_by_chance.py
	@$(BIN)/python benchmarks/report.py

bench-truth: $(READY)  ## do the statistics say what they should, in cohorts with known truth? (hours); prints it
	@$(BIN)/python benchmarks/known_truth.py null --cohorts 1000
	@$(BIN)/python benchmarks/known_truth.py intervals --cohorts 1000
	@$(BIN)/python benchmarks/known_truth.py pairs --cohorts 1000
	@$(BIN)/python benchmarks/known_truth.py added-value --cohorts 1000
	@$(BIN)/python benchmarks/gene_truth.py --cohorts 1000
	@$(BIN)/python benchmarks/conformal.py --cohorts 1000
	@$(BIN)/python benchmarks/external_intervals.py --cohorts 1000
	@$(BIN)/python benchmarks/drift.py --cohorts 1000

bench-transneo: $(READY)  ## permutations, tracking and the authors' tables on the published cohort (20 minutes); prints it
	@$(BIN)/python benchmarks/permutation.py
	@$(BIN)/python benchmarks/authors_tables.py
	@$(BIN)/python benchmarks/panel_prediction.py

real-data: $(READY)  ## check the published cohorts beside the project; prints docs/real-data.md
	@$(BIN)/python benchmarks/real_data.py

# What is written of real patients stays here: reports/ is git-ignored.
reports: $(READY)  ## train on the published cohorts in DATA and write reports/*.html and *.pdf (10 minutes)
	@$(call report,transneo,$(DATA)/transneo,Supplementary Tables.xlsx,transneo)
	@$(call report,liu2019,$(DATA)/melanoma/liu2019,SNV.txt.gz,melanoma)

# $(1) experiment, $(2) its data, $(3) a file that is there when they are, $(4) name of the report
define report
if [ ! -f "$(2)/$(3)" ]; then echo "No $(4) report: $(2)/$(3) is not there. See docs/real-data.md, and give DATA=FOLDER."; \
else pdf=; $(FIND_BROWSER) && pdf=--pdf || echo "No Chromium was found: $(4) gets no PDF."; \
	$(BIN)/trastuz-ml train experiments/$(1).yaml --data "$(2)" --force && \
	$(BIN)/trastuz-ml compare $(1) --out reports/$(4).html $$pdf --force && \
	$(BIN)/trastuz-ml compare $(1) --out reports/$(4)-shared.html --share --force; fi
endef

screenshots: $(READY)  ## pictures of the TransNEO report: docs/images/report.png (shared), more in reports/screenshots
	@if [ ! -f reports/transneo-shared.html ]; then echo "There is no reports/transneo-shared.html: make reports first."; \
	else $(BIN)/python scripts/screenshots.py reports/transneo-shared.html docs/images/report.png --force && \
		for page in transneo-shared transneo; do \
			$(BIN)/python scripts/screenshots.py reports/$$page.html reports/screenshots || exit 1; done; fi

docs: $(READY)  ## write anew what the manual takes from the code: settings and schemas
	@$(BIN)/python scripts/write_docs.py

example: $(READY)  ## write docs/example-report.html anew, of a small simulated cohort (20 s); the same code, the same bytes
	@$(BIN)/python scripts/example_report.py docs/example-report.html --force

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
