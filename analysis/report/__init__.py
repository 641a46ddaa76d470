"""Sweeps as documents: ``report.html``, ``report.md``, figures, tables for LaTeX.

``contents`` (one sweep) and ``comparing`` (several) say what a report holds, as a ``document`` of
plain text, tables and charts; ``html``, ``markdown`` and ``latex`` give it a form; ``write`` makes
the files. plotly, matplotlib and jinja2 come in when a report is written, not before.
"""

from __future__ import annotations

from analysis.report.write import write_comparison, write_report

__all__ = ["write_comparison", "write_report"]
