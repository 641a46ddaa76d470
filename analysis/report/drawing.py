"""Charts to files and to what a page shows: PNG and SVG for paper, plotly's JSON for screens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.report.document import Picture
from sweep.ledger.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.charts import Chart


@dataclass(frozen=True)
class Drawing:
    """One chart of one source, drawn; ``picture`` says where it stands in a document."""

    picture: Picture
    files: tuple[Path, ...] = ()
    """The PNG, then the SVG; none where there is no static form."""
    interactive: str | None = None
    """The plotly figure as JSON (an object with ``data`` and ``layout``)."""


def draw(charts: Iterable[Chart[Any]], source: Any, folder: Path) -> list[Drawing]:
    """Draw every chart of ``source`` (results or a comparison) into ``folder``/<key>.png, .svg.

    A chart with nothing to see is a drawing without files, and files of it from an earlier time go.
    Raises ``OSError`` where ``folder`` cannot be written.
    """
    return [_draw(chart, source, folder) for chart in charts]


def _draw(chart: Chart[Any], source: Any, folder: Path) -> Drawing:
    seen = chart.view(source)
    if isinstance(seen, str):
        for suffix in (".png", ".svg"):
            (folder / f"{chart.key}{suffix}").unlink(missing_ok=True)
        return Drawing(Picture(chart.key, chart.title, seen, drawn=False))
    return Drawing(
        Picture(chart.key, chart.title, seen.caption),
        tuple(save(seen.static(), folder, chart.key)),
        str(seen.interactive().to_json()),
    )


def save(figure: Figure, folder: str | Path, stem: str) -> list[Path]:
    """Write ``folder``/``stem``.png (160 dpi) and .svg; returns both paths.

    The same figure gives the same files. Raises ``OSError`` where they cannot be written.
    """
    import matplotlib

    png, svg = Path(folder) / f"{stem}.png", Path(folder) / f"{stem}.svg"
    write_whole(png, lambda part: figure.savefig(part, dpi=160))
    # No date, no random ids; text stays text.
    with matplotlib.rc_context({"svg.hashsalt": "prunesweep", "svg.fonttype": "none"}):
        write_whole(svg, lambda part: figure.savefig(part, metadata={"Date": None}))
    return [png, svg]
