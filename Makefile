# Each target installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SIX := $(VENV)-six
DOCS := $(VENV)-docs
PYTEST := $(BIN)/python -m pytest -n logical --no-loadscope-reorder
# tests that need neither torch nor Ray and draw no figures
LIGHT := tests/config tests/ledger tests/search tests/space tests/analysis tests/test_pareto.py \
	--ignore=tests/analysis/charts --ignore=tests/analysis/report

# files with doctests
DOCTESTED := docs/hooks.py docs/python-api.md

.PHONY: demo check light test test-all test-analysis lint docs clean

demo: $(STAMP)  ## run a sweep on the embedded task and write its report
	$(BIN)/sweep run digits --out results/demo

check: $(STAMP)  ## lint, types, and tests without torch and Ray; takes a minute
	$(MAKE) -j2 lint light

light: $(STAMP)
	$(PYTEST) -m "not slow" -x $(LIGHT)

test: $(STAMP)  ## all tests that are not marked slow; takes less than five minutes
	$(PYTEST) -m "not slow"

test-all: $(STAMP)  ## all tests, with killed and resumed sweeps and all injected faults
	$(PYTEST) tests benchmarks/tests

# tests/conftest.py is only for tests that run sweeps; tests/analysis has its own fixtures.
test-analysis:  ## test analysis/ with only the packages that it needs installed
	$(PYTHON) -m venv --clear $(SIX)
	$(SIX)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		pandas numpy pyarrow pydantic matplotlib plotly jinja2 moocore scipy pytest pytest-timeout
	$(SIX)/bin/python -m pytest --confcutdir=tests/analysis tests/analysis

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# The pages need neither torch nor Ray, only the extra `docs` and the packages that read a config and a
# ledger. Only the installation uses the network.
docs: $(DOCS)/.installed  ## build the documentation in site/, and check its links and examples
	$(DOCS)/bin/python -m doctest -o ELLIPSIS -o NORMALIZE_WHITESPACE $(DOCTESTED)
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/python -m mkdocs build --strict

$(DOCS)/.installed: pyproject.toml constraints.txt
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		mkdocs mkdocs-material mkdocstrings-python ruff \
		pydantic pyyaml pandas numpy pyarrow matplotlib plotly jinja2 moocore scipy
	touch $@

# pip instead of uv: an index of torch's CPU build may be set for pip only.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(SIX) $(DOCS) results site
