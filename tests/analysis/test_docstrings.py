"""The examples in the docstrings of analysis/ are correct."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import numpy as np
import pytest

import analysis
from tests.analysis.ledgers import DENSE, small_sweep

MODULES = sorted(m.name for m in walk_packages(analysis.__path__, "analysis."))
WITH_EXAMPLES = {
    "analysis.certainty.statistics",
    "analysis.certainty.paired",
    "analysis.results",
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names that the examples use: numpy, and a sweep with answers."""
    ledger = small_sweep()
    kinds = [(e["event"], e.get("trial_id"), e.get("epoch")) for e in ledger.events]
    ledger.answers(kinds.index(("baseline", None, None)), range(DENSE))
    # Ten right answers of the dense model are lost, and five others are won.
    ledger.answers(kinds.index(("record", "t00000", 2)), range(10, DENSE + 5))
    folder = ledger.write(tmp_path_factory.mktemp("sweep"))
    return {"np": np, "results": analysis.load(folder)}


def test_the_numbers_in_the_docstrings(given: dict[str, Any]) -> None:
    found = {name: doctest.testmod(import_module(name), extraglobs=given) for name in MODULES}
    assert [name for name, outcome in found.items() if outcome.failed] == []
    assert {name for name, outcome in found.items() if outcome.attempted} >= WITH_EXAMPLES
