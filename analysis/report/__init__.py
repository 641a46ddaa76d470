"""Reports of sweeps: ``report.html``, ``report.md``, figures, and tables for LaTeX.

``write`` (one sweep) and ``comparing`` (several sweeps) build a ``document`` of plain text, tables
and charts. ``html``, ``markdown`` and ``latex`` render it. plotly, matplotlib and jinja2 are
imported when a report is written, not before.
"""

from __future__ import annotations

from analysis.report.write import write_comparison, write_report

__all__ = ["write_comparison", "write_report"]
