"""The examples in docstrings of sweep/ and on the page of the Python API run as doctests."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import sweep

ROOT = Path(sweep.__file__).parent
MODULES = sorted(
    ".".join(("sweep", *file.relative_to(ROOT).with_suffix("").parts))
    for file in ROOT.rglob("*.py")
    if "    >>> " in file.read_text(encoding="utf-8")
)
PUBLIC = {"api", "extend", "metrics", "pareto", "config.load", "ledger.metric", "space.params"}


@pytest.mark.usefixtures("own_registries")
def test_the_examples_in_docstrings_are_correct() -> None:
    found = {name: doctest.testmod(import_module(name)) for name in MODULES}
    assert [name for name, outcome in found.items() if outcome.failed] == []
    with_examples = {name for name, outcome in found.items() if outcome.attempted}
    assert with_examples >= {f"sweep.{name}" for name in PUBLIC}


@pytest.mark.usefixtures("own_registries")
def test_the_examples_on_the_page_of_the_python_api_are_correct(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT.parent)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    page = str(ROOT.parent / "docs" / "python-api.md")
    outcome = doctest.testfile(page, module_relative=False, optionflags=flags)
    assert outcome.failed == 0 and outcome.attempted > 10
