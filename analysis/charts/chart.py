"""A chart: one picture of a sweep, as an interactive figure and as a static one, with its text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from analysis.charts.panels import Panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Source = TypeVar("Source")
"""What a chart is drawn from: ``Results``, or a ``Comparison`` of several."""
Found = TypeVar("Found")


@dataclass(frozen=True)
class Chart(Generic[Source]):
    """Both figures are None, and ``empty`` says why, where there is nothing to see."""

    key: str
    """Stem of its files, anchor in a page: lower case and dashes."""
    title: str
    caption: Callable[[Source], str]
    """Plain text: what is seen, in which units, and what was left out of thousands."""
    interactive: Callable[[Source], Any | None]
    """A ``plotly.graph_objects.Figure`` on no background; its text has no colour of its own."""
    static: Callable[[Source], Figure | None]
    """A matplotlib figure for white paper."""
    empty: Callable[[Source], str]


def chart_of_panels(
    key: str,
    title: str,
    panels: Callable[[Source], Sequence[Panel]],
    *,
    caption: Callable[[Source], str],
    empty: Callable[[Source], str],
    columns: int = 1,
) -> Chart[Source]:
    """A chart whose two figures show the same panels; none where there are no panels.

    ``columns``: how many panels stand side by side at most.
    """

    def interactive(source: Source) -> Any | None:
        from analysis.charts.interactive import draw

        drawn = panels(source)
        return draw(drawn, columns) if drawn else None

    def static(source: Source) -> Figure | None:
        from analysis.charts.static import draw

        drawn = panels(source)
        return draw(drawn, columns) if drawn else None

    return Chart(key, title, caption, interactive, static, empty)


def once(compute: Callable[[Source], Found]) -> Callable[[Source], Found]:
    """Remember what was computed of a source for as long as somebody holds it.

    The caption and both figures of a chart ask for the same table.
    """
    known: WeakKeyDictionary[Any, Found] = WeakKeyDictionary()

    @wraps(compute)
    def remembered(source: Source) -> Found:
        if source not in known:
            known[source] = compute(source)
        return known[source]

    return remembered
