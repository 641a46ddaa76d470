"""Measurements and comparisons, run as `python -m benchmarks.NAME`; see each module's docstring."""
