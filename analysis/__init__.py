"""Reads the ledgers of sweeps and makes pandas tables, fronts, figures and reports of them.

The package needs pandas, numpy, pyarrow, pydantic, matplotlib, plotly and jinja2, and none of the
packages that run a sweep::

    import analysis

    results = analysis.load("results/digits")
    results.front[["sparsity", "accuracy", "accuracy_low", "accuracy_high"]]
    results.best(min_sparsity=0.8)
    analysis.load(["results/digits", "s3://bucket/digits"]).table

Importing this package imports no other package: pandas is imported at the first use of ``load``.
"""

from sweep.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__file__)
