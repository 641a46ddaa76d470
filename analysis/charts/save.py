"""Static figures as files: pixels for people, vectors for print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sweep.ledger.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
