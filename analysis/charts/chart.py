"""A chart: one picture of a sweep, as an interactive figure and as a static one, with its text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from analysis.charts.panels import Panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Source = TypeVar("Source")
"""What a chart is drawn from: ``Results``, or a ``Comparison`` of several."""


class View(Protocol):
    """What a chart shows of one source: the same in both figures."""

    @property
    def caption(self) -> str:
        """Plain text: what is seen, in which units, and what was left out of thousands."""

    def interactive(self) -> Any:
        """A ``plotly.graph_objects.Figure`` on no background; its text has no colour of its own."""

    def static(self) -> Figure:
        """A matplotlib figure for white paper."""


@dataclass(frozen=True)
class Panels:
    """A view of panels, of which ``columns`` stand side by side at most."""

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
    """What can be seen of any source."""

    key: str
    """Stem of its files, anchor in a page: lower case and dashes."""
    title: str
    """``{Metric}`` in it stands for the primary metric's name."""
    view: Callable[[Source], View | str]
    """A sentence that says why, where there is nothing to see."""

    def title_for(self, source: Any) -> str:
        """The title over a chart of ``source``."""
        name: str = source.metric.name
        return self.title.format(Metric=f"{name[:1].upper()}{name[1:]}")


def told(*sentences: str) -> str:
    """A caption of those sentences that are not empty."""
    return " ".join(sentence for sentence in sentences if sentence)
