# Each target sets up what it needs, from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SIX := $(VENV)-six

.PHONY: demo test test-analysis lint clean

demo: $(STAMP)  ## a whole sweep on the embedded task, to a report
	$(BIN)/sweep run digits --out results/demo

test: $(STAMP)
	$(BIN)/python -m pytest -n logical --no-loadscope-reorder

# tests/conftest.py, for who runs sweeps, needs torch; tests/analysis has what it needs below itself.
test-analysis:  ## the tests of analysis/ where only what it needs is installed: six packages, moocore and scipy
	$(PYTHON) -m venv --clear $(SIX)
	$(SIX)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		pandas numpy pyarrow matplotlib plotly jinja2 moocore scipy pytest pytest-timeout
	$(SIX)/bin/python -m pytest --confcutdir=tests/analysis tests/analysis

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# pip, not uv: torch's CPU build may lie in a folder that only pip is told of.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(SIX) results
