"""Sweeps as documents: ``report.html``, ``report.md``, figures, tables for LaTeX.

``write`` (one sweep) and ``comparing`` (several) say what a report holds: a ``document`` of plain
text, tables and charts. ``html``, ``markdown`` and ``latex`` give it a form. plotly, matplotlib and
jinja2 come in when a report is written, not before.
"""

from __future__ import annotations

from analysis.report.write import write_comparison, write_report

__all__ = ["write_comparison", "write_report"]
