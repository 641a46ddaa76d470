"""What most charts show: panels, as an interactive and as a static figure, with a caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.charts.panels import Panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Panels:
    """Panels, with at most ``columns`` of them side by side."""

    caption: str
    """Plain text: what the picture shows, in which units, and how far it is thinned out."""
    panels: Sequence[Panel]
    columns: int = 1

    def interactive(self) -> Any:
        from analysis.charts.interactive import draw

        return draw(self.panels, self.columns)

    def static(self) -> Figure:
        from analysis.charts.static import draw

        return draw(self.panels, self.columns)


def told(*sentences: str) -> str:
    """A caption of the given sentences, without the empty ones."""
    return " ".join(sentence for sentence in sentences if sentence)
