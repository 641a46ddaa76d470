"""The type of a chart: a picture of a sweep as an interactive and a static figure, with text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from analysis.charts.panels import Panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Source = TypeVar("Source")
"""The source of a chart: ``Results``, or a ``Comparison`` of several sweeps."""


class View(Protocol):
    """What a chart shows of one source, the same in both figures."""

    @property
    def caption(self) -> str:
        """Plain text: what the picture shows, in which units, and how far it is thinned out."""

    def interactive(self) -> Any:
        """A ``plotly.graph_objects.Figure`` without a background or a text colour."""

    def static(self) -> Figure:
        """A matplotlib figure for white paper."""


@dataclass(frozen=True)
class Panels:
    """A view made of panels, with at most ``columns`` of them side by side."""

    caption: str
    panels: Sequence[Panel]
    columns: int = 1

    def interactive(self) -> Any:
        from analysis.charts.interactive import draw

        return draw(self.panels, self.columns)

    def static(self) -> Figure:
        from analysis.charts.static import draw

        return draw(self.panels, self.columns)


@dataclass(frozen=True)
class Chart(Generic[Source]):
    """A kind of picture that can be drawn of any source."""

    key: str
    """The stem of its files and its anchor in a page: lower-case letters and hyphens."""
    title: str
    """``{Metric}`` in it stands for the name of the primary metric."""
    view: Callable[[Source], View | str]
    """Gives the view or, if there is nothing to show, a sentence with the reason."""

    def title_for(self, source: Any) -> str:
        """The title of the chart of ``source``."""
        name: str = source.metric.name
        return self.title.format(Metric=f"{name[:1].upper()}{name[1:]}")


def told(*sentences: str) -> str:
    """A caption of the given sentences, without the empty ones."""
    return " ".join(sentence for sentence in sentences if sentence)
