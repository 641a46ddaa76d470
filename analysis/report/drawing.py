"""Draws charts into files: PNG and SVG for paper, and plotly's JSON for pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.report.document import Picture
from sweep.ledger.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.charts import Chart


def draw(chart: Chart, source: Any, folder: Path) -> Picture:
    """Draw a chart of ``source`` (results or a comparison) into ``folder``/<key>.png and .svg.

    If there is nothing to show, files of an earlier report are deleted. Raises ``OSError`` if
    ``folder`` cannot be written.
    """
    seen, title = chart.view(source), chart.title_for(source)
    if isinstance(seen, str):
        for suffix in (".png", ".svg"):
            (folder / f"{chart.key}{suffix}").unlink(missing_ok=True)
        return Picture(chart.key, title, seen)
    files, figure = save(seen.static(), folder, chart.key), seen.interactive()
    return Picture(chart.key, title, seen.caption, files, figure.to_json())


def save(figure: Figure, folder: str | Path, stem: str) -> list[Path]:
    """Write ``folder``/``stem``.png (160 dpi) and .svg, and return both paths.

    The same figure gives the same files. Raises ``OSError`` if they cannot be written.
    """
    import matplotlib

    png, svg = Path(folder) / f"{stem}.png", Path(folder) / f"{stem}.svg"
    write_whole(png, lambda part: figure.savefig(part, dpi=160))
    # No date and no random ids, so that files are reproducible; text is not converted to paths.
    with matplotlib.rc_context({"svg.hashsalt": "prunesweep", "svg.fonttype": "none"}):
        write_whole(svg, lambda part: figure.savefig(part, metadata={"Date": None}))
    return [png, svg]
