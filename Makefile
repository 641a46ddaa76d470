# Each target sets up what it needs, from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SIX := $(VENV)-six
DOCS := $(VENV)-docs
PYTEST := $(BIN)/python -m pytest -n logical --no-loadscope-reorder
# what is tested without torch and without Ray, and draws nothing
LIGHT := tests/config tests/ledger tests/search tests/space tests/analysis tests/test_pareto.py \
	--ignore=tests/analysis/charts --ignore=tests/analysis/report

# pages whose examples are run
DOCTESTED := docs/hooks.py docs/python-api.md

.PHONY: demo check light test test-all test-analysis lint docs clean

demo: $(STAMP)  ## a whole sweep on the embedded task, to a report
	$(BIN)/sweep run digits --out results/demo

check: $(STAMP)  ## in a minute: lint, types, and the tests that need neither torch nor Ray
	$(MAKE) -j2 lint light

light: $(STAMP)
	$(PYTEST) -m "not slow" -x $(LIGHT)

test: $(STAMP)  ## all but what is marked slow, in less than five minutes
	$(PYTEST) -m "not slow"

test-all: $(STAMP)  ## everything: whole sweeps killed and resumed, every fault, every matrix
	$(PYTEST) tests benchmarks/tests

# tests/conftest.py is for who runs sweeps; tests/analysis has what it needs below itself.
test-analysis:  ## the tests of analysis/ where only the packages that it needs are installed
	$(PYTHON) -m venv --clear $(SIX)
	$(SIX)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		pandas numpy pyarrow matplotlib plotly jinja2 moocore scipy pytest pytest-timeout
	$(SIX)/bin/python -m pytest --confcutdir=tests/analysis tests/analysis

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# The pages need neither torch nor Ray: docs/ is built where the packages of the extra `docs` are, and
# those that read a config and a ledger. No step after the set-up uses a network.
docs: $(DOCS)/.installed  ## the documentation in site/; its links and examples are checked
	$(DOCS)/bin/python -m doctest -o ELLIPSIS -o NORMALIZE_WHITESPACE $(DOCTESTED)
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/python -m mkdocs build --strict

$(DOCS)/.installed: pyproject.toml constraints.txt
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		mkdocs mkdocs-material mkdocstrings-python ruff \
		pydantic pyyaml pandas numpy pyarrow matplotlib plotly jinja2 moocore scipy
	touch $@

# pip, not uv: torch's CPU build may lie in a folder that only pip is told of.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(SIX) $(DOCS) results site
