"""Reads the ledgers of sweeps and makes pandas tables, fronts, figures and reports of them.

The package needs pandas, numpy, pyarrow, matplotlib, plotly and jinja2, and none of the packages
that run a sweep::

    import analysis

    results = analysis.load("results/digits")
    results.front[["sparsity", "accuracy", "accuracy_low", "accuracy_high"]]
    results.best(min_sparsity=0.8)
    analysis.load(["results/digits", "s3://bucket/digits"]).table

Importing this package imports no other package: pandas is imported at the first use of ``load``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.comparison import Comparison as Comparison
    from analysis.comparison import Incomparable as Incomparable
    from analysis.loading import load as load
    from analysis.results import Results as Results
    from sweep.ledger.read import NewerLedger as NewerLedger
    from sweep.ledger.read import NotASweep as NotASweep
    from sweep.ledger.store_errors import MissingPackage as MissingPackage

_HOME = {
    "Comparison": "analysis.comparison",
    "Incomparable": "analysis.comparison",
    "MissingPackage": "sweep.ledger.store_errors",
    "NewerLedger": "sweep.ledger.read",
    "NotASweep": "sweep.ledger.read",
    "Results": "analysis.results",
    "load": "analysis.loading",
}

__all__ = list(_HOME)


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOME[name]), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
