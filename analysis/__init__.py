"""Reads what sweeps left behind: a ledger in, pandas tables, fronts, figures and reports out.

Needs pandas, numpy, pyarrow and matplotlib, and nothing of the stack that ran the sweep::

    import analysis

    results = analysis.load("results/digits")
    results.front[["sparsity", "accuracy", "accuracy_low", "accuracy_high"]]

Importing this package costs nothing: pandas comes with the first use of ``load``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.events import NewerLedger, NotASweep
    from analysis.results import Results, load

_HOME = {
    "NewerLedger": "analysis.events",
    "NotASweep": "analysis.events",
    "Results": "analysis.results",
    "load": "analysis.results",
}

__all__ = ["NewerLedger", "NotASweep", "Results", "load"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
